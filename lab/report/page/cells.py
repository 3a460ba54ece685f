"""Packs the data of each cell's page, within the size that the page may have."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from lab.engine.cell_run import CellRun
from lab.engine.run import Run
from lab.errors import LabError
from lab.model.verdict import Verdict
from lab.report.page.details import details
from lab.report.page.packing import packed

LARGEST = 9_000_000
"""Bytes of all packed cells. The page is to stay below 10 MB, so that it can be attached to a ticket."""

MOST_TIMELINES = 400
"""Cells with a timeline: the article's whole table has 350. Each means reading a record again."""

_ORDER = {Verdict.FAIL: 0, Verdict.INCONCLUSIVE: 1, Verdict.PASS: 2, Verdict.UNSUPPORTED: 3}
"""Who gets a timeline first, if not everybody can."""

NO_ROOM = "This page has no room for the timeline of this cell; `lab why` explains it, and its record is in its folder."
NO_TEXTS = "This page has no room for the full texts of this cell's messages; they are in cell.pcapng."


def packed_cells(run: Run) -> Iterator[str]:
    """Yield the packed data of each cell, in the order of the run."""
    order = sorted(range(len(run.cells)), key=lambda number: (_urgency(run.cells[number]), number))
    made: dict[int, str] = {}
    room = LARGEST
    for place, number in enumerate(order):
        made[number] = _packed(run, run.cells[number], room, with_timeline=place < MOST_TIMELINES)
        room -= len(made[number])
    yield from (made[number] for number in range(len(run.cells)))


def _urgency(each: CellRun) -> int:
    return -1 if isinstance(each.result, LabError) else _ORDER[each.result.verdict]


def _packed(run: Run, each: CellRun, room: int, *, with_timeline: bool) -> str:
    """Return the data of a cell: all of them, or as much as there is room for."""
    told = details(run, each, with_timeline=with_timeline)
    each.__dict__.pop("evidence", None)  # a record of hours is large, and the next cell has its own
    whole = packed(told)
    if len(whole) <= room and with_timeline:
        return whole
    if with_timeline and (timeline := told.get("timeline")) is not None:
        without = packed({**told, "timeline": _without_texts(timeline), "left_out": NO_TEXTS})
        if len(without) <= room:
            return without
    return packed({**told, "timeline": None, "left_out": NO_ROOM})


def _without_texts(timeline: dict[str, Any]) -> dict[str, Any]:
    return {**timeline, "messages": [{**message, "text": ""} for message in timeline["messages"]]}
