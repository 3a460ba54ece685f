"""Makes the data of the page's overview: the run, its cells in a line each, and what they come to."""

from __future__ import annotations

import dataclasses
from typing import Any

from lab import __version__
from lab.engine.run import Run
from lab.errors import LabError
from lab.model.outcome import Outcome
from lab.model.scenario import Cell
from lab.model.verdict import Verdict
from lab.report.device_figures import has_device
from lab.report.explanation import short
from lab.report.formats.report_json import warnings
from lab.report.grid import SIGNS, Grid, Result, grid, is_look, row_axis
from lab.report.links import parts
from lab.report.page.annexes import comparison, ranking
from lab.report.page.commands import named
from lab.report.summary import summary

FORMAT = 1
"""Of the data; the front end beside it is the only reader."""

ERROR = "error"
"""The verdict of a cell that could not run, on the page."""


def document(run: Run) -> dict[str, Any]:
    """Return the data of the overview as JSON values."""
    scenario, results = run.scenario, run.results
    table = grid(results)
    return {
        "format": FORMAT,
        "lab": __version__,
        "scenario": {
            "name": scenario.name,
            "file": named(scenario.file),
            "title": scenario.title,
            "why": [each for each in scenario.why.strip().split("\n\n") if each],
            "source": [{"text": part.text, "address": part.address} for part in parts(scenario.source)],
        },
        "clock": run.clock,
        "backend": run.backend,
        "seed": scenario.cells[0].seed if scenario.cells else None,
        "finished": run.finished,
        "summary": summary(results),
        "warnings": warnings(results),
        "axes": _axes(results),
        "row_axis": row_axis(results[0][0]) if table is not None else None,
        "device": has_device(results),
        "curve": bool(results) and all(is_look(cell) for cell, _ in results),
        "rows": [] if table is None else _rows(table),
        "causes": _causes(results),
        "cells": [_cell(cell, result) for cell, result in results],
        "comparison": comparison(run.folder),
        "ranking": ranking(run.folder),
    }


def _axes(results: list[Result]) -> list[dict[str, Any]]:
    """Return the axes with their labels, both in the scenario's order."""
    found: dict[str, dict[str, None]] = {}
    for cell, _ in results:
        for axis, label in cell.axes:
            found.setdefault(axis, {})[label] = None
    return [{"name": axis, "labels": list(labels)} for axis, labels in found.items()]


def _rows(table: Grid) -> list[dict[str, Any]]:
    return [{"label": row, "outage": "" if (added := table.sums[row]) is None else added.outage} for row in table.rows]


def _causes(results: list[Result]) -> dict[str, str]:
    """Return the kinds of cause that there are, each with a sentence about it."""
    causes = [each.cause for _, each in results if isinstance(each, Outcome) and each.cause is not None]
    return {cause.kind.name: cause.kind.what for cause in causes}


def _cell(cell: Cell, result: Outcome | LabError) -> dict[str, Any]:
    shared: dict[str, Any] = {
        "name": cell.name,
        "axes": dict(cell.axes),
        "ends_s": float(cell.ends),
        "transport": cell.transport.value,
    }
    if isinstance(result, LabError):
        return {**shared, "verdict": ERROR, "sign": "!", "why": f"{result.side} error: {result}"}
    told = {
        **shared,
        "verdict": result.verdict.value,
        "sign": SIGNS[result.verdict],
        "why": short(result),
        "cause": None if result.cause is None else result.cause.kind.name,
        "claim": _claim(result),
        "shared_with": result.shared_with,
        "from_cache": result.from_cache,
    }
    return told if result.verdict is Verdict.UNSUPPORTED else {**told, **_figures(cell, result)}


def _claim(result: Outcome) -> dict[str, Any] | None:
    if result.claim_holds is None:
        return None
    return {"holds": result.claim_holds, "differs": result.claim_text}


def _figures(cell: Cell, result: Outcome) -> dict[str, Any]:
    """Return what was measured of a cell that ran."""
    metrics, ends = result.metrics, float(cell.ends)
    return {
        "probes": metrics.probes,
        "delivered": metrics.delivered,
        "outages": [[each.from_s, each.to_s] for each in metrics.outages],
        "gap": _longest_gap(result, ends),
        "reachable": _reachable(result, ends),
        "costs": {
            "wakeups": metrics.radio_wakeups_per_hour,
            "packets": metrics.packets_per_hour,
            "bytes": metrics.bytes_per_hour,
            "radio_s": metrics.radio_active_s_per_hour,
        },
        "measured": metrics.measured,
        "lost_in_silence": metrics.lost is not None,
        "device": None if metrics.device is None else dataclasses.asdict(metrics.device),
    }


def _longest_gap(result: Outcome, ends: float) -> dict[str, Any] | None:
    """Return the longest time out of reach that probes have shown, and whether it lasted to the end of the run."""
    found = [
        (ends - each.from_s if each.to_s is None else each.to_s - each.from_s, each.to_s is None)
        for each in result.metrics.outages
    ]
    found += [
        (ends - one.at_s if one.gap_s is None else one.gap_s, one.gap_s is None)
        for one in result.tried
        if one.reached is False
    ]
    if result.reachability is not None and result.reachability.longest_gap_s:
        found.append((result.reachability.longest_gap_s, False))
    if not found:
        return None
    seconds, open_ended = max(found)
    return {"seconds": seconds, "open": open_ended}


def _reachable(result: Outcome, ends: float) -> float | None:
    """Return the share of the time in which nothing shows the client out of reach; None: it is not known."""
    if result.reachability is not None:
        return result.reachability.share
    if result.verdict not in (Verdict.PASS, Verdict.FAIL) or not ends:
        return None
    gone = sum(
        (ends if each.to_s is None else min(each.to_s, ends)) - max(each.from_s, 0.0) for each in result.metrics.outages
    )
    return max(0.0, 1.0 - gone / ends)
