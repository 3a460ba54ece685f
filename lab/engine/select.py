"""Loads scenario files and selects cells."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path

from lab.errors import Problem, ScenarioError
from lab.loader.conversion import choice
from lab.loader.load import load
from lab.model.scenario import Scenario
from lab.servers.catalog import DEFAULT as DEFAULT_SERVER


def load_all(
    files: Sequence[Path],
    *,
    only: Sequence[str] = (),
    seed: int | None = None,
    server: str = DEFAULT_SERVER,
) -> list[Scenario]:
    """Load scenario files and apply the choices of the command line.

    Args:
        files: their paths.
        only: ``AXIS=VALUE`` of the cells to keep.
        seed: in place of the scenarios'.
        server: the program that serves where a scenario does not say which.

    Raises:
        ScenarioError: with all problems of all files.
    """
    scenarios: list[Scenario] = []
    problems: list[Problem] = []
    for file in files:
        try:
            scenarios.append(choose(load(file, server=server), only, seed))
        except ScenarioError as error:  # noqa: PERF203  (all files' problems at once)
            problems.extend(error.problems)
    if problems:
        raise ScenarioError(problems)
    return scenarios


def choose(scenario: Scenario, only: Sequence[str], seed: int | None = None) -> Scenario:
    """Return the scenario with these cells alone, and with this seed.

    Args:
        scenario: loaded.
        only: ``AXIS=VALUE``; of one axis any of the values, of several axes all of them.
        seed: in place of the scenario's; None: as it is.

    Raises:
        ScenarioError: it has no such axis, or no such value.
    """
    cells = scenario.cells
    if seed is not None:
        cells = tuple(dataclasses.replace(cell, seed=seed) for cell in cells)
    wanted: dict[str, set[str]] = {}
    problems = []
    for given in only:
        axis, equals, label = given.partition("=")
        labels = sorted({dict(cell.axes).get(axis, "") for cell in cells} - {""})
        if not equals:
            axes = f"AXIS=VALUE with an axis of this scenario: {', '.join(axis for axis, _ in cells[0].axes)}"
            problems.append(Problem(scenario.file, 0, "--only", "no value of an axis", f"`{given}`", axes))
        elif not labels:
            axes = choice(axis, [axis for axis, _ in cells[0].axes])
            problems.append(Problem(scenario.file, 0, "--only", "this scenario has no such axis", f"`{axis}`", axes))
        elif label not in labels:
            problems.append(Problem(scenario.file, 0, "--only", f"no such {axis}", f"`{label}`", choice(label, labels)))
        wanted.setdefault(axis, set()).add(label)
    if problems:
        raise ScenarioError(problems)
    kept = tuple(cell for cell in cells if all(dict(cell.axes)[axis] in labels for axis, labels in wanted.items()))
    return dataclasses.replace(scenario, cells=kept)
