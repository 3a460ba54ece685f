"""``report.html``: a run on one page that needs nothing else: the table of verdicts, and each cell's story."""

from __future__ import annotations

import re
from collections import Counter
from functools import cache
from statistics import median
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import quote

from lab import __version__
from lab.engine.run import Run
from lab.errors import LabError
from lab.model.outcome import Outcome
from lab.model.scenario import Cell
from lab.model.verdict import Verdict
from lab.report.explanation import explain, short
from lab.report.formats.report_json import warnings
from lab.visible_text import all_visible

if TYPE_CHECKING:
    from jinja2 import Template

FILE = "report.html"

SIGNS = {Verdict.PASS: "✓", Verdict.FAIL: "✗", Verdict.INCONCLUSIVE: "?", Verdict.UNSUPPORTED: "—"}
_WEB = re.compile(r"https?://[!-~]+")
SCALE = 1000
"""Width of a timeline in its own units."""


class _Shown(NamedTuple):
    """One cell as the page shows it."""

    cell: Cell
    outcome: Outcome | None
    kind: str  # a verdict, or `error`: its colour
    sign: str
    why: str
    claim: str
    story: list[str]
    link: str  # to its folder


class _Sum(NamedTuple):
    """What the cells of one row come to: those that passed or failed, for the others show nothing of a strategy."""

    passed: int
    judged: int
    outage_s: float
    open_ended: bool  # that outage was not over when its cell ended
    packets: float  # per hour, the median of the cells, as the two below
    bytes: float
    wakeups: float


class _Grid(NamedTuple):
    """The table of verdicts: strategies downwards, all other axes across."""

    rows: list[str]
    columns: list[str]
    cells: dict[tuple[str, str], _Shown]
    sums: dict[str, _Sum | None]


def render(run: Run) -> str:
    """Return the page, as HTML."""
    results = run.results
    shown = [_shown(cell, result) for cell, result in results]
    held = [result.claim_holds for _, result in results if isinstance(result, Outcome)]
    return _template().render(
        scenario=run.scenario,
        sources=_sources(run.scenario.source),
        clock=run.clock,
        version=__version__,
        counts=Counter(each.kind for each in shown),
        claims=(held.count(True), len(held) - held.count(None)),
        grid=_grid(shown),
        shown=shown,
        warnings=warnings(results),
        across=_across,
        scale=SCALE,
    )


def _sources(text: str) -> list[tuple[str, str]]:
    """Return the words of a scenario's source, each with its address if it is one on the web, else with none."""
    words = [(word, word.rstrip(",;.)")) for word in text.split()]
    return [(word, address if _WEB.fullmatch(address) else "") for word, address in words]


def _shown(cell: Cell, result: Outcome | LabError) -> _Shown:
    link = quote(f"cells/{cell.name}/", errors="replace")
    if isinstance(result, LabError):
        return _Shown(cell, None, "error", "!", str(result), "", [str(result)], link)
    claim = "" if result.claim_holds is None else result.claim_text or "claim holds"
    story = explain(cell, result)[1:]
    return _Shown(cell, result, result.verdict.value, SIGNS[result.verdict], short(result), claim, story, link)


def _grid(shown: list[_Shown]) -> _Grid | None:
    """The table, if there is an axis to lay out; without strategies the first one goes downwards."""
    if not shown or not shown[0].cell.axes:
        return None
    places = {_place(each.cell): each for each in shown}
    rows, columns = (list(dict.fromkeys(place[side] for place in places)) for side in (0, 1))
    sums = {row: _sum([each for place, each in places.items() if place[0] == row]) for row in rows}
    return _Grid(rows, columns, places, sums)


def _place(cell: Cell) -> tuple[str, str]:
    """Row and column."""
    names = [name for name, _ in cell.axes]
    down = names.index("strategy") if "strategy" in names else 0
    labels = [label for _, label in cell.axes]
    row = labels.pop(down)
    return row, ", ".join(labels)


def _sum(row: list[_Shown]) -> _Sum | None:
    """What a row comes to; None if nothing in it was judged."""
    judged = [(e.cell, e.outcome) for e in row if e.outcome and e.outcome.verdict in (Verdict.PASS, Verdict.FAIL)]
    if not judged:
        return None
    metrics = [outcome.metrics for _, outcome in judged]
    outages = [
        ((float(cell.ends) if each.to_s is None else each.to_s) - each.from_s, each.to_s is None)
        for cell, outcome in judged
        for each in outcome.metrics.outages
    ]
    outage_s, open_ended = max(outages, default=(0.0, False))
    return _Sum(
        passed=sum(outcome.verdict is Verdict.PASS for _, outcome in judged),
        judged=len(judged),
        outage_s=outage_s,
        open_ended=open_ended,
        packets=median(each.packets_per_hour for each in metrics),
        bytes=median(each.bytes_per_hour for each in metrics),
        wakeups=median(each.radio_wakeups_per_hour for each in metrics),
    )


def _across(cell: Cell, t: float | None) -> float:
    """Where a moment lies on the cell's timeline; None: at its end."""
    share = 1.0 if t is None else min(max(t, 0.0) / float(cell.ends), 1.0)
    return round(share * SCALE, 1)


@cache
def _template() -> Template:
    from jinja2 import Environment, PackageLoader, StrictUndefined

    loader = PackageLoader("lab.report.formats", ".")
    environment = Environment(
        loader=loader, autoescape=True, undefined=StrictUndefined, trim_blocks=True, finalize=all_visible
    )
    return environment.get_template("page.html")
