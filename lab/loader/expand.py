"""Expands axes to cells: every combination once, each with the first claim that matches it."""

from __future__ import annotations

import dataclasses
import itertools
import math
from collections.abc import Iterator

from lab.errors import Problem
from lab.loader.axes import AXES, Axis
from lab.loader.axis_values import Option
from lab.loader.conversion import choice
from lab.loader.yaml_lines import Node
from lab.model.scenario import Claim
from lab.servers import catalog as servers

MOST_CELLS = 5000
LONGEST_NAME = 200
"""A cell's name is a folder's name; file systems take 255 bytes."""

Combination = dict[str, Option]


def combinations(axes: list[Axis]) -> Iterator[Combination]:
    """Return every combination of values, the last axis varying fastest."""
    for options in itertools.product(*(axis.options for axis in axes)):
        yield {axis.name: option for axis, option in zip(axes, options, strict=True)}


def labels(axes: list[Axis], combination: Combination) -> tuple[tuple[str, str], ...]:
    """Return the labels of a cell on the swept axes; its strategy if nothing is swept."""
    swept = [axis.name for axis in axes if axis.swept] or ["strategy"]
    return tuple((name, combination[name].label) for name in swept)


def cell_name(axes: list[Axis], combination: Combination) -> str:
    """Return the labels joined by commas."""
    return ",".join(label for _, label in labels(axes, combination))


def check_size(root: Node, axes: list[Axis], problems: list[Problem]) -> bool:
    """Return whether the matrix can be expanded."""
    matrix = root.get("matrix")
    cells = math.prod(len(axis.options) for axis in axes)
    if matrix is not None and cells > MOST_CELLS:
        problems.append(matrix.problem("too many cells", got=str(cells), allowed=f"at most {MOST_CELLS}"))
        return False
    longest = max((cell_name(axes, combination) for combination in combinations(axes)), key=len, default="")
    if matrix is not None and len(longest) > LONGEST_NAME:
        allowed = f"at most {LONGEST_NAME} characters for the labels of a cell; shorter names"
        problems.append(matrix.problem("a cell's name is too long", got=f"{len(longest)} characters", allowed=allowed))
        return False
    return True


def claim_of(combination: Combination, claims: list[Claim]) -> int | None:
    """Return the index of the first claim that matches a cell."""
    for index, claim in enumerate(claims):
        spoken = ((name, getattr(claim, name)) for name in AXES)
        if all(not wanted or combination[name].label in wanted for name, wanted in spoken):
            return index
    return None


def check_labels(nodes: list[Node], axes: list[Axis], problems: list[Problem]) -> bool:
    """Return whether claims name only values that exist."""
    before = len(problems)
    for node in nodes:
        for axis in axes:
            written = node.get(axis.name)
            if written is None or not axis.complete:
                continue
            words = [written] if isinstance(written.value, str) else written.items()
            labels = [*axis.labels(), *_instead(axis)]
            problems += [
                word.problem(f"no such {axis.name} here", allowed=choice(word.value, labels))
                for word in words
                if isinstance(word.value, str) and word.value not in labels
            ]
    return len(problems) == before


def _instead(axis: Axis) -> list[str]:
    """Return the servers that ``--server`` may put in the place of the scenario's, which does not say which it is."""
    if axis.name != "server" or axis.swept:
        return []
    node = axis.options[0].node
    said = node is not None and (not isinstance(node.value, dict) or node.get("software") or node.get("name"))
    return [] if said else [name for name in servers.names() if name not in axis.labels()]


def _with_others(axes: list[Axis]) -> Iterator[list[Axis]]:
    """Return the axes with each other server in the place of the scenario's."""
    for axis in axes:
        for name in _instead(axis):
            option = dataclasses.replace(axis.options[0], label=name)
            yield [dataclasses.replace(axis, options=[option]) if each is axis else each for each in axes]


def check_reach(nodes: list[Node], claims: list[Claim], axes: list[Axis], problems: list[Problem]) -> None:
    """Check that every claim is the first to match some cell, whichever server ``--server`` names."""
    taken = {
        claim_of(combination, claims) for each in (axes, *_with_others(axes)) for combination in combinations(each)
    }
    for index, node in enumerate(nodes):
        if index not in taken:
            allowed = "a claim that is the first to match some cell"
            what = "no cell is left for this claim"
            problems.append(node.problem(what, got="", allowed=allowed))
