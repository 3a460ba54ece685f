"""Lays a run out as a table: strategies downwards, all other axes across, and what each row comes to."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import groupby
from statistics import median
from typing import NamedTuple

from lab.engine.twins.cells import AT
from lab.errors import LabError
from lab.judge.reachability import sample, windows
from lab.model.outcome import Outcome
from lab.model.scenario import Cell
from lab.model.verdict import Verdict

SIGNS = {Verdict.PASS: "✓", Verdict.FAIL: "✗", Verdict.INCONCLUSIVE: "?", Verdict.UNSUPPORTED: "—"}

Result = tuple[Cell, Outcome | LabError]
"""A cell and what came of it."""


class RowSum(NamedTuple):
    """The summary of one row, of cells that passed or failed; the others say nothing about a strategy.

    Attributes:
        outage: the longest, in words: `none seen`, `4 s`, `> 68 s` if it was not over at the end, `30 s to 40 s` if it
            is known from probes in cells of their own.
        packets, bytes, wakeups: per hour, the median of the cells.
        estimated: at least one of these figures was not measured in a silent hour.
        lost: in at least one of the silent hours the client was out of reach for some time.
    """

    passed: int
    judged: int
    outage: str
    packets: float
    bytes: float
    wakeups: float
    estimated: bool
    lost: bool

    def cost(self, figure: float) -> str:
        """Return one of its figures per hour with the signs of what it is worth."""
        return f"{'~' if self.estimated else ''}{figure:,.0f}{'*' if self.lost else ''}"


class Grid(NamedTuple):
    """The table: rows and columns in the scenario's order, and the index of the cell at each place."""

    rows: list[str]
    columns: list[str]
    places: dict[tuple[str, str], int]
    sums: dict[str, RowSum | None]


def grid(results: Sequence[Result]) -> Grid | None:
    """Return the table, or None if there is no axis to lay out; without strategies the first axis goes downwards."""
    if not results or not results[0][0].axes:
        return None
    places = {place(cell): number for number, (cell, _) in enumerate(results)}
    rows, columns = (list(dict.fromkeys(each[side] for each in places)) for side in (0, 1))
    sums = {row: _sum(results[number] for each, number in places.items() if each[0] == row) for row in rows}
    return Grid(rows, columns, places, sums)


def row_axis(cell: Cell) -> str:
    """Return the axis that goes downwards."""
    names = [name for name, _ in cell.axes]
    return "strategy" if "strategy" in names else names[0]


def place(cell: Cell) -> tuple[str, str]:
    """Return the row and the column of a cell."""
    down = row_axis(cell)
    labels = dict(cell.axes)
    return labels.pop(down), ", ".join(labels.values())


def is_look(cell: Cell) -> bool:
    """Return whether a cell is one of those that are probed at one moment each, as `lab curve` makes them."""
    return any(name == AT for name, _ in cell.axes)


def _sum(row: Iterable[Result]) -> RowSum | None:
    """Return what a row comes to; None if nothing in it was judged."""
    judged = [
        (cell, result)
        for cell, result in row
        if isinstance(result, Outcome) and result.verdict in (Verdict.PASS, Verdict.FAIL)
    ]
    if not judged:
        return None
    metrics = [outcome.metrics for _, outcome in judged]
    return RowSum(
        passed=sum(outcome.verdict is Verdict.PASS for _, outcome in judged),
        judged=len(judged),
        outage=_outage_between_looks(judged) if all(is_look(cell) for cell, _ in judged) else _outage(judged),
        packets=median(each.packets_per_hour for each in metrics),
        bytes=median(each.bytes_per_hour for each in metrics),
        wakeups=median(each.radio_wakeups_per_hour for each in metrics),
        estimated=any(not each.measured for each in metrics),
        lost=any(each.lost is not None for each in metrics),
    )


def _outage(judged: Sequence[tuple[Cell, Outcome]]) -> str:
    outages = [
        ((float(cell.ends) if each.to_s is None else each.to_s) - each.from_s, each.to_s is None)
        for cell, outcome in judged
        for each in outcome.metrics.outages
    ]
    seconds, open_ended = max(outages, default=(0.0, False))
    return f"{'> ' if open_ended else ''}{seconds:,.0f} s" if seconds else "none seen"


def _outage_between_looks(judged: Sequence[tuple[Cell, Outcome]]) -> str:
    """Return the longest time without a look that found the client, and the time between the looks around it."""
    found = []
    for _, curve in groupby(judged, key=lambda each: [axis for axis in each[0].axes if axis[0] != AT]):
        looks = [sample(float(cell.probes[0].at), outcome) for cell, outcome in curve]
        for window in windows(looks):
            longest = None if window.before_s is None else window.before_s - (window.after_s or 0.0)
            found.append((window.to_s - window.from_s, longest))
    if not found:
        return "none seen"
    shortest, longest = max(found, key=lambda each: (each[0], each[1] is None))
    return f"> {shortest:g} s" if longest is None else f"{shortest:g} s to {longest:g} s"
