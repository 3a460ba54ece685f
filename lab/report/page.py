"""``report.html``: a run on one page that needs nothing else: the table of verdicts, and each cell's story."""

from __future__ import annotations

from collections import Counter
from functools import cache
from typing import TYPE_CHECKING, NamedTuple

from lab import __version__
from lab.errors import LabError
from lab.model.outcome import Outcome
from lab.model.scenario import Cell, Scenario
from lab.model.verdict import Verdict
from lab.report.explanation import explain

if TYPE_CHECKING:
    from jinja2 import Template

SIGNS = {Verdict.PASS: "✓", Verdict.FAIL: "✗", Verdict.INCONCLUSIVE: "?", Verdict.UNSUPPORTED: "·"}
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


class _Grid(NamedTuple):
    """The table of verdicts: the first axis downwards, the others across."""

    rows: list[str]
    columns: list[str]
    cells: dict[tuple[str, str], _Shown]


def page(
    scenario: Scenario,
    *,
    clock: str,
    results: list[tuple[Cell, Outcome | LabError]],
    warnings: list[str],
) -> str:
    """The page, as HTML."""
    shown = [_shown(cell, result) for cell, result in results]
    held = [result.claim_holds for _, result in results if isinstance(result, Outcome)]
    return _template().render(
        scenario=scenario,
        clock=clock,
        version=__version__,
        counts=Counter(each.kind for each in shown),
        claims=(held.count(True), len(held) - held.count(None)),
        grid=_grid(shown),
        shown=shown,
        warnings=warnings,
        across=_across,
        scale=SCALE,
    )


def _shown(cell: Cell, result: Outcome | LabError) -> _Shown:
    if isinstance(result, LabError):
        return _Shown(cell, None, "error", "!", str(result), "", [str(result)])
    claim = "" if result.claim_holds is None else result.claim_text or "claim holds"
    why = result.cause.text if result.cause else result.doubt
    return _Shown(cell, result, result.verdict.value, SIGNS[result.verdict], why, claim, explain(cell, result)[1:])


def _grid(shown: list[_Shown]) -> _Grid | None:
    """The table, if there is more than one axis to lay out."""
    if not shown or len(shown[0].cell.axes) < 2:
        return None
    places = {(each.cell.axes[0][1], ", ".join(label for _, label in each.cell.axes[1:])): each for each in shown}
    rows, columns = (list(dict.fromkeys(place[side] for place in places)) for side in (0, 1))
    return _Grid(rows, columns, places)


def _across(cell: Cell, t: float | None) -> float:
    """Where a moment lies on the cell's timeline; None: at its end."""
    share = 1.0 if t is None else min(max(t, 0.0) / float(cell.ends), 1.0)
    return round(share * SCALE, 1)


@cache
def _template() -> Template:
    from jinja2 import Environment, PackageLoader, StrictUndefined

    loader = PackageLoader("lab.report", ".")
    return Environment(loader=loader, autoescape=True, undefined=StrictUndefined, trim_blocks=True).get_template(
        "page.html"
    )
