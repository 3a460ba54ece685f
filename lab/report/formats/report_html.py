"""Writes ``report.html``: one page without external files: the table of verdicts, each cell explained."""

from __future__ import annotations

from collections import Counter
from functools import cache
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import quote

from lab import __version__
from lab.engine.run import Run
from lab.errors import LabError
from lab.model.outcome import Outcome
from lab.model.scenario import Cell
from lab.report.explanation import explain, short
from lab.report.formats.report_json import warnings
from lab.report.grid import SIGNS, grid, is_look
from lab.report.links import parts
from lab.visible_text import all_visible

if TYPE_CHECKING:
    from jinja2 import Template

FILE = "report.html"

SCALE = 1000
"""Width of a timeline in its own units."""


class _CellView(NamedTuple):
    """One cell as the page shows it."""

    cell: Cell
    outcome: Outcome | None
    kind: str  # a verdict, or `error`: its colour
    sign: str
    why: str
    claim: str
    story: list[str]
    link: str  # to its folder


def render(run: Run) -> str:
    """Return the page, as HTML."""
    results = run.results
    shown = [_shown(cell, result) for cell, result in results]
    held = [result.claim_holds for _, result in results if isinstance(result, Outcome)]
    return _template().render(
        scenario=run.scenario,
        clock=run.clock,
        version=__version__,
        counts=Counter(each.kind for each in shown),
        claims=(held.count(True), len(held) - held.count(None)),
        grid=grid(results),
        shown=shown,
        warnings=warnings(results),
        across=_across,
        parts=parts,
        curve=all(is_look(cell) for cell, _ in results),
        scale=SCALE,
    )


def _shown(cell: Cell, result: Outcome | LabError) -> _CellView:
    link = quote(f"cells/{cell.name}/", errors="replace")
    if isinstance(result, LabError):
        return _CellView(cell, None, "error", "!", str(result), "", [str(result)], link)
    claim = "" if result.claim_holds is None else result.claim_text or "claim holds"
    story = explain(cell, result)[1:]
    return _CellView(cell, result, result.verdict.value, SIGNS[result.verdict], short(result), claim, story, link)


def _across(cell: Cell, t: float | None) -> float:
    """Return the place of a moment on the cell's timeline; None: at its end."""
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
