"""Decides which twins a cell gets: some are known before it runs, others follow from its record."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from itertools import chain

from lab.engine.cell_run import CellRun
from lab.engine.twins import cells
from lab.errors import LabError
from lab.model.outcome import Suspect
from lab.model.scenario import Cell
from lab.model.twin import LeftOut, Look, OtherSeed, Role, Silent, TwinPlan
from lab.model.verdict import Verdict
from lab.worlds.clock import Clock

Planned = tuple[Role, Cell]
"""A twin, and what is to be run."""


def possible(wanted: TwinPlan, clock: Clock) -> TwinPlan:
    """Return which of these twins can be had: real time has no hours to spare, nor minutes for each suspect."""
    if clock is Clock.VIRTUAL:
        return wanted
    return dataclasses.replace(wanted, costs=False, causes=False)


def beforehand(cell: Cell, wanted: TwinPlan) -> Iterator[Planned]:
    """Yield the twins of a cell that do not depend on what its record shows.

    Args:
        cell: a scenario's own.
        wanted: what twins there are to be.
    """
    if cell.unsupported:
        return
    for at in cell.apart[:-1]:
        yield Look(at_s=float(at)), cells.probed_at(cell, float(at))
    same = [cell]
    for seed in range(cell.seed + 1, cell.seed + wanted.seeds):
        same.append(cells.with_seed(cell, seed))
        yield OtherSeed(seed=seed), same[-1]
    if wanted.costs and cell.silent_over:
        over = float(cell.silent_over)
        for each in same:
            yield Silent(over_s=over), cells.silent(each, over)


def afterwards(run: CellRun, role: Role | None, wanted: TwinPlan) -> Iterator[Planned]:
    """Yield the twins that follow from the record of a cell, or of a twin of one.

    Args:
        run: it ran.
        role: the question it answers; None: it is a scenario's own cell.
        wanted: what twins there are to be.
    """
    if isinstance(role, (LeftOut, Silent)) or isinstance(run.alone, LabError):
        return
    outcome = run.alone
    if outcome.verdict is Verdict.FAIL and wanted.causes:
        yield from _without(run.cell, outcome.suspects)
    probed = role is None or isinstance(role, OtherSeed)
    if outcome.verdict is Verdict.PASS and probed and not run.cell.apart:
        for moment in run.weakest(wanted.moments):
            yield moment, cells.probed_again(run.cell, moment.at_s)


def _without(cell: Cell, suspects: tuple[Suspect, ...]) -> Iterator[Planned]:
    """Yield twins without each of several suspects, and one without all of them."""
    removable = list(dict.fromkeys(each.without for each in suspects if each.without is not None))
    if len(suspects) < 2:
        return
    sets = [(each,) for each in removable]
    together = [tuple(removable)] if len(removable) > 1 else []
    for left_out in chain(sets, together):
        changed = cells.without(cell, left_out)
        if changed is not None:
            yield LeftOut(without=left_out), changed
