"""Reads a fault from the words of a command line: its kind, and its keys as a scenario has them."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

from lab.errors import Problem, ScenarioError
from lab.faults.base import Fault
from lab.loader.fault_checks import check_targets
from lab.loader.one_key_mappings import faults, read_kind
from lab.loader.yaml_lines import Node, read_yaml
from lab.model.topology import Topology

COMMAND = "lab inject"
_KEY = "fault"


def read_fault(words: Sequence[str], topology: Topology) -> Fault:
    """Return a fault that is to happen now.

    Args:
        words: its kind and ``KEY=VALUE`` for each key; or, in one word, the mapping that a scenario has.
        topology: of the lab.

    Raises:
        ScenarioError: it is none; it holds every problem found.
    """
    problems: list[Problem] = []
    node = _node(words, problems)
    fault = None
    if node is not None:
        _put_now(node, problems)
        fault = read_kind(faults(), node, problems)
        check_targets([node], topology, problems)
    if fault is None or problems:
        raise ScenarioError([_as_given(problem) for problem in problems])
    found: Fault = fault
    return found


def _node(words: Sequence[str], problems: list[Problem]) -> Node | None:
    """Return the fault as a scenario would have it."""
    if len(words) == 1 and words[0].lstrip().startswith("{"):
        text = f"{_KEY}: {words[0]}\n"
    else:
        kind, *pairs = words
        keys = [pair.partition("=")[0] for pair in pairs]
        twice = sorted({key for key in keys if keys.count(key) > 1})
        problems += [
            Problem(COMMAND, 0, f"{_KEY}.{kind}.{key}", "given twice", allowed="leave one out") for key in twice
        ]
        text = f"{_KEY}:\n  {kind}:\n" + "".join(_line(pair, problems) for pair in pairs)
        text += "    {}\n" if not pairs else ""
    if problems:
        return None
    root = read_yaml(text, COMMAND, problems)
    return None if root is None else root.get(_KEY)


def _line(pair: str, problems: list[Problem]) -> str:
    key, equals, value = pair.partition("=")
    if not equals or not key or "\n" in pair:
        problems.append(Problem(COMMAND, 0, "", "not a key with its value", f"`{pair}`", "expected KEY=VALUE"))
    return f"    {key}: {value}\n"


def _put_now(node: Node, problems: list[Problem]) -> None:
    """Give a fault the time that a scenario would; it happens at once."""
    if not isinstance(node.value, dict) or len(node.value) != 1:
        return
    ((_, parameters),) = node.value.items()
    if not isinstance(parameters.value, dict):
        return
    if (at := parameters.value.get("at")) is not None:
        problems.append(at.problem("a fault that is injected happens now", allowed="leave it out"))
    parameters.value["at"] = Node(node.file, 0, f"{parameters.path}.at", "at", "0 s", "0 s")


def _as_given(problem: Problem) -> Problem:
    """Return a problem with the place that a command line has: no line, and no key around the fault."""
    return dataclasses.replace(problem, line=0, path=problem.path.removeprefix(_KEY).removeprefix("."))
