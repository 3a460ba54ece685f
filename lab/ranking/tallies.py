"""Sorts the outcomes of a run by strategy, middlebox and failure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum

from lab.engine.cell_run import CellRun
from lab.errors import LabError
from lab.judge.out_of_reach import longest_outage
from lab.model.outcome import Metrics, Outcome
from lab.model.scenario import Cell
from lab.model.verdict import Verdict

MIDDLEBOX, FAILURE, DEVICE = "middlebox", "failure", "device"
"""The axes that are not a matter of choice: a strategy must do with each of their values."""

ANY = ""
"""The label on an axis that the scenario does not sweep."""


class Reach(Enum):
    """The finding about a strategy behind one middlebox."""

    REACHED = "reached"
    LOST = "lost"
    UNKNOWN = "unknown"
    """The cell is inconclusive, unsupported, or could not run."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Tally:
    """The figures of one cell.

    Attributes:
        candidate: the labels of what can be chosen: its strategy, and its values on the other axes.
        middlebox, failure: its labels there; `ANY`: the scenario has no such axis. A device that does this or that to
            its apps counts as a failure, or with one as half of it.
        reach: what was found.
        doubt: why that is unknown; else empty.
        metrics: what the cell cost; None: unknown.
        outage_s: the longest time out of reach; infinite: to the end of the run; None: unknown.
    """

    candidate: str
    middlebox: str
    failure: str
    reach: Reach
    doubt: str = ""
    metrics: Metrics | None = None
    outage_s: float | None = None


def tally(cell: Cell, result: Outcome | LabError, outage_s: float | None) -> Tally:
    """Return the figures of a cell.

    Args:
        cell: what was run.
        result: its outcome, or what kept it from running to its end.
        outage_s: its longest time out of reach, if it passed or failed.
    """
    axes = dict(cell.axes)
    middlebox = axes.pop(MIDDLEBOX, ANY)
    failure = ", ".join(axes.pop(name) for name in (DEVICE, FAILURE) if name in axes) or ANY
    name = ", ".join(axes.values()) or cell.strategy.name
    if isinstance(result, LabError):
        doubt = str(result).splitlines()[0]
    elif result.verdict in (Verdict.PASS, Verdict.FAIL):
        return Tally(
            candidate=name,
            middlebox=middlebox,
            failure=failure,
            reach=Reach.REACHED if result.verdict is Verdict.PASS else Reach.LOST,
            metrics=result.metrics,
            outage_s=outage_s,
        )
    else:
        doubt = f"{result.verdict.value}: {result.doubt}"
    return Tally(candidate=name, middlebox=middlebox, failure=failure, reach=Reach.UNKNOWN, doubt=doubt)


def tallies(cells: Iterable[CellRun]) -> list[Tally]:
    """Return the figures of all cells of a run."""
    return [tally(each.cell, each.result, _outage(each)) for each in cells]


def _outage(run: CellRun) -> float | None:
    outcome = run.result
    if isinstance(outcome, LabError) or outcome.verdict not in (Verdict.PASS, Verdict.FAIL):
        return None
    return longest_outage(run.evidence, outcome)
