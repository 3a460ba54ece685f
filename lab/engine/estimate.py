"""Estimates what a run of a scenario takes, without running anything."""

from __future__ import annotations

import math
import os
from collections.abc import Iterable
from dataclasses import dataclass

from lab.engine.sharing.world import digest
from lab.engine.twins.plan import beforehand
from lab.engine.world_jobs import JOBS_IN_REAL_TIME
from lab.model.scenario import Cell, Scenario
from lab.model.twin import TwinPlan

# Rough figures of two processors, docs/performance.md.
START_S = 1.5
"""From the start of the command to the first cell."""
CELL_S = 0.4
"""Processor time of a cell: network, programs, TLS, judging. From `article/all`: 350 cells in 73.3 s."""
PER_SECOND = 3.6e-5
"""Processor time of a second that is skipped in virtual time. From `sixty-cells`: 60 cells of 7,446 s in 21.8 s."""
REAL_CELL_S = 3.0
"""Around a cell in real time: set-up and end."""


@dataclass(frozen=True, kw_only=True)
class Estimate:
    """The size of a scenario, and its likely duration.

    Attributes:
        cells: that can exist.
        unsupported: that cannot.
        twins: that are known before anything runs.
        more_twins: that may follow from what cells show, at most one for each.
        runs: how many of all these are likely to run in virtual time; the others share a record
            (``lab.engine.sharing``).
        lasting_s: how long all cells last together, in their own time, without twins.
        virtual_s: an estimate of the whole run in virtual time on this machine.
        real_s: an estimate of the whole run in real time.
        processors: of this machine.
    """

    cells: int
    unsupported: int
    twins: int
    more_twins: int
    runs: int
    lasting_s: float
    virtual_s: float
    real_s: float
    processors: int


def estimate(scenario: Scenario, wanted: TwinPlan) -> Estimate:
    """Estimate a run of a scenario with these twins."""
    cells = [cell for cell in scenario.cells if not cell.unsupported]
    twins = list({twin.name: twin for cell in cells for _, twin in beforehand(cell, wanted)}.values())
    more = [cell for cell in cells if wanted.moments or wanted.causes]
    silent = [twin for twin in twins if twin.name.startswith("silent-")]
    others = [twin for twin in twins if not twin.name.startswith("silent-")]
    processors = len(os.sched_getaffinity(0))
    runs = [*_worlds([*cells, *others]), *_worlds(more), *_worlds(silent, silent=True)]
    return Estimate(
        cells=len(cells),
        unsupported=len(scenario.cells) - len(cells),
        twins=len(twins),
        more_twins=len(more),
        lasting_s=sum(float(cell.ends) for cell in cells),
        runs=len(runs),
        virtual_s=_virtual(runs, processors),
        real_s=_real([*cells, *others]) + (_real(cells) if wanted.moments else 0.0),
        processors=processors,
    )


def _worlds(cells: Iterable[Cell], *, silent: bool = False) -> list[Cell]:
    """Return one cell for each world; the others are likely to share its record.

    A record decides that in the end. Most that do not hold for another cell have a flow that was forgotten, and the
    other's middlebox meets it otherwise. A silent hour has no fault by which a flow is forgotten.
    """

    def world(cell: Cell) -> tuple[object, ...]:
        ways = () if silent else tuple(box.forgotten for _, box in cell.middleboxes)
        return digest(cell, silent=silent, timers=True), ways

    return list({world(cell): cell for cell in cells}.values())


def _virtual(cells: list[Cell], processors: int) -> float:
    work = sum(CELL_S + PER_SECOND * float(cell.ends) for cell in cells)
    return START_S + work / max(1, min(processors, len(cells)))


def _real(cells: list[Cell]) -> float:
    """Return the time of cells that wait side by side: as long as the longest, again and again if there are many."""
    if not cells:
        return 0.0
    lasting = [float(cell.ends) + REAL_CELL_S for cell in cells]
    return max(*lasting, math.fsum(lasting) / JOBS_IN_REAL_TIME)
