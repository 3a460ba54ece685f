"""Chooses the cell that ``lab up`` brings up: of a scenario, or of a network with nothing but a NAT in it."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path

from lab import library
from lab.engine.select import choose
from lab.errors import Problem, ScenarioError
from lab.loader import catalog
from lab.loader.conversion import choice
from lab.loader.load import load, load_text
from lab.loader.topologies import read_topology
from lab.model.scenario import Cell, Scenario
from lab.model.topology import Role

MIDDLEBOX, STRATEGY = "silent-60s", "none"
"""Those of a network that is brought up without a scenario, unless others are given; `lab actor run middlebox` has the
same NAT."""


def scenario_of(
    target: str, *, only: Sequence[str], middlebox: str | None, strategy: str | None
) -> tuple[Scenario, Cell]:
    """Return the scenario that is meant, and the first of its cells that is not left out and can exist.

    Args:
        target: a scenario's file or name, or a topology's name.
        only: ``AXIS=VALUE``, of a scenario.
        middlebox: of a topology; None: the usual one.
        strategy: of a topology; None: the usual one.

    Raises:
        ScenarioError: something is wrong with it, or with an option; it holds every problem found.
    """
    if not Path(target).exists() and target in library.topologies():
        if only:
            problem = Problem("lab up", 0, "--only", "a topology has no axes", allowed="use --middlebox and --strategy")
            raise ScenarioError([problem])
        scenario = _of_topology(target, middlebox or MIDDLEBOX, strategy or STRATEGY)
    else:
        _check_has_no_options(target, {"--middlebox": middlebox, "--strategy": strategy})
        scenario = choose(_loaded(target), only)
    possible = [cell for cell in scenario.cells if not cell.unsupported]
    return scenario, (possible or scenario.cells)[0]


def _loaded(target: str) -> Scenario:
    try:
        return load(Path(target))
    except ScenarioError as error:
        first = error.problems[0]
        if first.line or first.path or Path(target).exists() or target in library.scenarios():
            raise
        allowed = f"{first.allowed}; or a topology: {choice(target, library.topologies())}"
        raise ScenarioError([dataclasses.replace(first, allowed=allowed)]) from None


def _check_has_no_options(target: str, options: dict[str, str | None]) -> None:
    problems = [
        Problem("lab up", 0, option, f"`{target}` is no topology, and a scenario says that itself", f"`{value}`",
                "leave it out; `--only AXIS=VALUE` chooses one of the scenario's cells")
        for option, value in options.items()
        if value is not None
    ]  # fmt: skip
    if problems:
        raise ScenarioError(problems)


def _of_topology(name: str, middlebox: str, strategy: str) -> Scenario:
    known = {"--middlebox": (middlebox, catalog.middlebox_names()), "--strategy": (strategy, catalog.strategy_names())}
    problems = [
        Problem("lab up", 0, option, "no such thing", f"`{given}`", choice(given, names))
        for option, (given, names) in known.items()
        if given not in names
    ]
    topology = None if problems else read_topology(library.topologies()[name], name, problems)
    if topology is None:
        raise ScenarioError(problems)
    boxes = [node.name for node in topology.nodes if node.role is Role.MIDDLEBOX]
    has_proxy = any(node.role is Role.PROXY for node in topology.nodes)
    many = f"{{ {', '.join(f'{box}: {middlebox}' for box in boxes)} }}"
    found = [
        load_text("\n".join(
            [
                f"title: The network {name}",
                f"topology: {name}",
                f"middlebox: {many if len(boxes) > 1 else middlebox}",
                *([f"proxy: {proxy}"] if proxy else []),
                f"strategy: {strategy}",
                "probes: [ { at: 1 s } ]",
                "ends: 10 s",
            ]
        ) + "\n", Path(f"{name}.yaml"))
        for proxy in (catalog.proxy_names() if has_proxy else [""])
    ]  # fmt: skip
    return next(
        (each for each in found if not each.cells[0].unsupported), found[0]
    )  # a proxy may not speak SIP over TLS
