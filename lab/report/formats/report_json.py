"""Writes ``report.json``, the results of a run for programs. docs/report.md documents its versioned format."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, Literal

import msgspec

from lab import __version__
from lab.engine.run import Run
from lab.errors import LabError
from lab.model.outcome import Cause, Outcome, Reachability, SeedOutcome
from lab.model.scenario import DEFAULT_CLIENT, Cell, Transport
from lab.model.verdict import Verdict
from lab.report.document import (
    BrokenCellEntry,
    CauseEntry,
    CellEntry,
    ClaimEntry,
    ReachabilityEntry,
    Report,
    SeedEntry,
)
from lab.report.grid import is_look
from lab.report.summary import from_cache
from lab.visible_text import all_visible

FILE = "report.json"
FORMAT: Literal[1] = 1


def render(run: Run) -> str:
    """Return the text of the file."""
    return json.dumps(all_visible(document(run)), indent=2) + "\n"


def document(run: Run) -> dict[str, Any]:
    """Return the report as JSON values; a cell that could not run has an ``error`` and no verdict."""
    values: dict[str, Any] = _with_lists(msgspec.to_builtins(_report(run)))
    return values


def _with_lists(value: Any) -> Any:
    """Return the value with a list in the place of each tuple, as it is when it is read again."""
    if isinstance(value, dict):
        return {key: _with_lists(each) for key, each in value.items()}
    return [_with_lists(each) for each in value] if isinstance(value, list | tuple) else value


def _report(run: Run) -> Report:
    scenario, results = run.scenario, run.results
    return {
        "format": FORMAT,
        "lab": __version__,
        "scenario": {
            "name": scenario.name,
            "file": scenario.file,
            "title": scenario.title,
            "why": scenario.why,
            "source": scenario.source,
        },
        "clock": run.clock,
        "backend": run.backend,
        "seed": scenario.cells[0].seed if scenario.cells else None,
        "finished": run.finished,
        "from_cache": from_cache(results),
        "cells": [_cell(cell, result) for cell, result in results],
        "warnings": warnings(results),
    }


def warnings(results: list[tuple[Cell, Outcome | LabError]]) -> list[str]:
    """Return reasons to trust the whole run less."""
    found = []
    outcomes = [(cell, result) for cell, result in results if isinstance(result, Outcome)]
    control = [result for cell, result in outcomes if cell.strategy.name == "none"]
    failed = any(result.verdict is Verdict.FAIL for _, result in outcomes)  # perhaps the measure is another client
    if control and not failed and all(result.verdict is Verdict.PASS for result in control):
        found.append("strategy `none` passes everywhere: this scenario shows no problem, so it proves no mitigation")
    if lack := without_none([cell for cell, _ in results]):
        found.append(lack)
    unclaimed = sum(1 for cell, _ in results if cell.claim is None and not is_look(cell))
    if unclaimed:
        cells = "1 cell carries" if unclaimed == 1 else f"{unclaimed} of {len(results)} cells carry"
        found.append(f"{cells} no claim; {'it' if unclaimed == 1 else 'they'} cannot make the run fail")
    if any(_pings_by_itself(cell) for cell, _ in outcomes):
        found.append(
            "strategy `none` is the client as shipped: over UDP a registered pjsip sends CRLF every 12 s to 14 s by"
            " itself; `udp-silent` keeps it from that"
        )
    return found


def without_none(cells: Sequence[Cell]) -> str:
    """Say that strategies are compared with each other and not with a client that has none; empty: there is one."""
    names = {cell.strategy.name for cell in cells}
    if "none" in names or len(names) < 2:
        return ""
    return "strategy `none` is not among these cells: nothing shows that the others make a difference"


def _pings_by_itself(cell: Cell) -> bool:
    """Return whether a client without any strategy keeps its UDP mapping alive all the same."""
    client = cell.client
    return (
        cell.strategy.name == "none"
        and cell.transport is Transport.UDP
        and client.kind == DEFAULT_CLIENT
        and client.account.registers
    )


def _cell(cell: Cell, result: Outcome | LabError) -> CellEntry | BrokenCellEntry:
    axes, folder = dict(cell.axes), f"cells/{cell.name}"
    if isinstance(result, LabError):
        return {
            "name": cell.name,
            "axes": axes,
            "folder": folder,
            "ends_s": float(cell.ends),
            "verdict": None,
            "error": {"side": result.side, "text": str(result)},
        }
    return {
        "name": cell.name,
        "axes": axes,
        "folder": folder,
        "ends_s": float(cell.ends),
        "verdict": result.verdict,
        "doubt": result.doubt,
        "claim": _claim(cell, result),
        "cause": _cause(result.cause),
        "probes": [
            {
                "at_s": one.at_s,
                "kind": one.kind_,
                "answered": one.answered,
                "cause": _cause(one.cause),
                "branches": one.branches,
            }
            for one in result.probes
        ],
        "kept_by": result.kept_by,
        "tried": result.tried,
        "left_out": result.left_out,
        "reachability": None if result.reachability is None else _reachability(result.reachability),
        "seeds": [_seed(one) for one in result.seeds],
        "seen_in": result.seen_in,
        "shared_with": result.shared_with,
        "costs_shared_with": result.costs_shared_with,
        "from_cache": result.from_cache,
        "metrics": None if result.verdict is Verdict.UNSUPPORTED else result.metrics,
        "error": None,
    }


def _seed(one: SeedOutcome) -> SeedEntry:
    return {
        "seed": one.seed,
        "verdict": one.verdict,
        "text": one.text,
        "cause": None if one.cause is None else {"kind": one.cause.kind.name, "at_s": one.cause.at_s},
        "tried": one.tried,
        "reachability": None if one.reachability is None else _reachability(one.reachability),
        "metrics": one.metrics,
    }


def _reachability(seen: Reachability) -> ReachabilityEntry:
    return {
        "looks": seen.looks,
        "reached": seen.reached,
        "unknown": seen.unknown,
        "longest_gap_s": seen.longest_gap_s,
        "share": round(seen.share, 4),
    }


def _claim(cell: Cell, result: Outcome) -> ClaimEntry | None:
    if cell.claim is None:
        return None
    return {
        "verdict": cell.claim.verdict,
        "cause": cell.claim.cause,
        "at_s": float(cell.claim.at) if cell.claim.at is not None else None,
        "within_s": float(cell.claim.within),
        "holds": result.claim_holds,
        "differs": result.claim_text,
    }


def _cause(cause: Cause | None) -> CauseEntry | None:
    if cause is None:
        return None
    return {
        "kind": cause.kind.name,
        "at_s": cause.at_s,
        "text": cause.text,
        "evidence": cause.evidence,
        "chain": cause.chain,
    }
