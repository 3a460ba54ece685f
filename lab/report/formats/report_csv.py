"""Writes ``report.csv``: one row per cell, for spreadsheets and data frames."""

from __future__ import annotations

import csv
import dataclasses
import io
from typing import Any

from lab.engine.run import Run
from lab.errors import LabError
from lab.model.outcome import DeviceMetrics, Metrics, Outcome
from lab.model.scenario import Cell
from lab.model.verdict import Verdict
from lab.report.explanation import short
from lab.visible_text import all_visible

FILE = "report.csv"
_NOT_NUMBERS = ("outages", "repair", "lost", "device", "ringing_s")
_NUMBERS = tuple(field.name for field in dataclasses.fields(Metrics) if field.name not in _NOT_NUMBERS)
_DEVICE = tuple(field.name for field in dataclasses.fields(DeviceMetrics) if field.name not in _NOT_NUMBERS)
"""With `device_` before them."""
_HEAD = (
    "verdict",
    "claim_holds",
    "cause",
    "cause_at_s",
    "longest_outage_s",
    "weakest_gap_s",
    "reachable_share",
    *_NUMBERS,
    *(f"device_{name}" for name in _DEVICE),
    "lost_at_s",
    "shared_with",
    "costs_shared_with",
    "from_cache",
    "why",
)


def render(run: Run) -> str:
    """Return the table: the axes' labels, then the columns of ``_HEAD``; an outage without an end lasts to the end."""
    axes = all_visible([axis for axis, _ in run.scenario.cells[0].axes]) if run.scenario.cells else []
    text = io.StringIO()
    writer = csv.DictWriter(text, [*axes, *_HEAD], lineterminator="\n", restval="")
    writer.writeheader()
    for cell, result in run.results:
        writer.writerow(all_visible({**dict(cell.axes), **_row(cell, result)}))
    return text.getvalue()


def _row(cell: Cell, result: Outcome | LabError) -> dict[str, Any]:
    if isinstance(result, LabError):
        return {"verdict": "error", "why": str(result)}
    if result.verdict is Verdict.UNSUPPORTED:  # nothing was measured
        claim = "" if result.claim_holds is None else str(result.claim_holds).lower()
        return {"verdict": result.verdict.value, "claim_holds": claim, "why": short(result)}
    metrics = result.metrics
    lasted = [(float(cell.ends) if each.to_s is None else each.to_s) - each.from_s for each in metrics.outages]
    return {
        "verdict": result.verdict.value,
        "claim_holds": "" if result.claim_holds is None else str(result.claim_holds).lower(),
        "cause": result.cause.kind.name if result.cause else "",
        "cause_at_s": result.cause.at_s if result.cause else "",
        "longest_outage_s": round(max(lasted, default=0.0), 3),
        "weakest_gap_s": next((one.gap_s for one in result.tried if one.gap_s is not None), ""),
        "reachable_share": "" if result.reachability is None else round(result.reachability.share, 4),
        **{name: getattr(metrics, name) for name in _NUMBERS},
        **_device(metrics.device),
        "lost_at_s": "" if metrics.lost is None else metrics.lost.at_s,
        "shared_with": result.shared_with,
        "costs_shared_with": result.costs_shared_with,
        "from_cache": result.from_cache,
        "why": short(result),
    }


def _device(measured: DeviceMetrics | None) -> dict[str, Any]:
    """Return the columns of a device; what was not measured is empty."""
    if measured is None:
        return {}
    values = {name: getattr(measured, name) for name in _DEVICE}
    return {f"device_{name}": "" if value is None else value for name, value in values.items()}
