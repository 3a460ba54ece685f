"""Writes ``report.json``, the results of a run for programs. docs/report.md documents its versioned format."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Sequence
from typing import Any

from lab import __version__
from lab.engine.run import Run
from lab.errors import LabError
from lab.model.outcome import Cause, ChainStep, Outcome, Reachability, SeedOutcome
from lab.model.scenario import DEFAULT_CLIENT, Cell, Transport
from lab.model.verdict import Verdict
from lab.report.grid import is_look
from lab.report.summary import from_cache
from lab.visible_text import all_visible

FILE = "report.json"
FORMAT = 1


def render(run: Run) -> str:
    """Return the text of the file."""
    return json.dumps(all_visible(document(run)), indent=2) + "\n"


def document(run: Run) -> dict[str, Any]:
    """Return the report as JSON values; a cell that could not run has an ``error`` and no verdict."""
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


def _cell(cell: Cell, result: Outcome | LabError) -> dict[str, Any]:
    shared = {
        "name": cell.name,
        "axes": dict(cell.axes),
        "folder": f"cells/{cell.name}",
        "ends_s": float(cell.ends),
    }
    if isinstance(result, LabError):
        return {**shared, "verdict": None, "error": {"side": result.side, "text": str(result)}}
    return {
        **shared,
        "verdict": result.verdict.value,
        "doubt": result.doubt,
        "claim": _claim(cell, result),
        "cause": _cause(result.cause),
        "probes": [
            {
                "at_s": one.at_s,
                "kind": one.kind_,
                "answered": one.answered,
                "cause": _cause(one.cause),
                "branches": [_link(link) for link in one.branches],
            }
            for one in result.probes
        ],
        "kept_by": [_link(link) for link in result.kept_by],
        "tried": [dataclasses.asdict(one) for one in result.tried],
        "left_out": result.left_out,
        "reachability": None if result.reachability is None else _reachability(result.reachability),
        "seeds": [_seed(one) for one in result.seeds],
        "seen_in": result.seen_in,
        "shared_with": result.shared_with,
        "costs_shared_with": result.costs_shared_with,
        "from_cache": result.from_cache,
        "metrics": None if result.verdict is Verdict.UNSUPPORTED else dataclasses.asdict(result.metrics),
        "error": None,
    }


def _seed(one: SeedOutcome) -> dict[str, Any]:
    return {
        "seed": one.seed,
        "verdict": one.verdict.value,
        "text": one.text,
        "cause": None if one.cause is None else {"kind": one.cause.kind.name, "at_s": one.cause.at_s},
        "tried": [dataclasses.asdict(each) for each in one.tried],
        "reachability": None if one.reachability is None else _reachability(one.reachability),
        "metrics": None if one.metrics is None else dataclasses.asdict(one.metrics),
    }


def _reachability(seen: Reachability) -> dict[str, Any]:
    return {**dataclasses.asdict(seen), "share": round(seen.share, 4)}


def _claim(cell: Cell, result: Outcome) -> dict[str, Any] | None:
    if cell.claim is None:
        return None
    return {
        "verdict": cell.claim.verdict.value,
        "cause": cell.claim.cause,
        "at_s": float(cell.claim.at) if cell.claim.at is not None else None,
        "within_s": float(cell.claim.within),
        "holds": result.claim_holds,
        "differs": result.claim_text,
    }


def _cause(cause: Cause | None) -> dict[str, Any] | None:
    if cause is None:
        return None
    return {
        "kind": cause.kind.name,
        "at_s": cause.at_s,
        "text": cause.text,
        "evidence": list(cause.evidence),
        "chain": [_link(link) for link in cause.chain],
    }


def _link(link: ChainStep) -> dict[str, Any]:
    return {"at_s": link.at_s, "text": link.text, "evidence": list(link.evidence)}
