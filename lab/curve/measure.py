"""Runs a twin of each cell for each moment."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path

from lab.engine.execute import execute
from lab.engine.run import Run
from lab.engine.run_folder import Watch
from lab.engine.run_request import RunRequest
from lab.engine.twins.cells import probed_at
from lab.errors import LabError
from lab.judge.reachability import ReachabilitySample, sample
from lab.model.scenario import Cell, Scenario
from lab.worlds.clock import Clock

Curves = list[tuple[Cell, list[ReachabilitySample]]]
"""Of each cell what its twins show, in the order of the moments."""


def possible(scenario: Scenario) -> Scenario:
    """Return the scenario with those cells alone that can exist."""
    return dataclasses.replace(scenario, cells=tuple(cell for cell in scenario.cells if not cell.unsupported))


def measure(scenario: Scenario, times: Sequence[float], *, out: Path, clock: Clock, watch: Watch) -> tuple[Run, Curves]:
    """Run the twins of all cells of a scenario at all these times (seconds).

    Returns: the run of the twins, and what they show; that is empty if the run was interrupted.

    Raises:
        LabError: a twin could not run to its end.
    """
    cells = tuple(probed_at(cell, at) for cell in scenario.cells for at in times)
    (run,) = execute(
        [RunRequest(scenario=dataclasses.replace(scenario, cells=cells), out=out, clock=clock, watch=watch)]
    )
    if not run.finished:
        return run, []
    for each in run:
        if isinstance(each.result, LabError):
            raise each.result
    outcomes = iter([each.outcome for each in run])
    return run, [(cell, [sample(at, next(outcomes)) for at in times]) for cell in scenario.cells]
