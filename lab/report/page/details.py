"""Makes the data of the page of one cell: its story, its chains, its timeline, how to run it again."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

from lab.engine.cell_run import CellRun
from lab.engine.run import Run
from lab.errors import LabError
from lab.model.outcome import Cause, ChainStep, Outcome
from lab.model.verdict import Verdict
from lab.report.device_figures import has_device
from lab.report.explanation import explain
from lab.report.page.commands import again, bundle
from lab.report.page.files_of_cells import files
from lab.report.page.timelines import timeline_of


def details(run: Run, each: CellRun, *, with_timeline: bool = True) -> dict[str, Any]:
    """Return all that the page of a cell shows beside its line in the overview, as JSON values."""
    result = each.result
    told: dict[str, Any] = {
        "again": again(run, each.cell),
        "bundle": bundle(run, each),
        "folder": _address(each),
        "files": files(each.folder, _address(each)),
    }
    if isinstance(result, LabError):
        return {**told, "story": [f"{result.side} error: {result}"]}
    told["story"] = [line.strip() for line in explain(each.cell, result)[1:]]
    if result.verdict is Verdict.UNSUPPORTED:
        return told
    told |= {
        "chains": list(_chains(result)),
        "kept_by": [_step(one) for one in result.kept_by],
        "seen_in": result.seen_in,
        "faults": len(each.cell.faults),
        "probes": [_probe(result, number) for number in range(len(result.probes))],
        "tried": [
            {"at_s": one.at_s, "why": one.why, "reached": one.reached, "gap_s": one.gap_s} for one in result.tried
        ],
        "figures": _figures(result, device=has_device([(each.cell, result)])),
    }
    if with_timeline:
        told["timeline"] = timeline_of(each, result)
    return told


def _address(each: CellRun) -> str:
    return quote(f"{each.folder.parent.name or 'cells'}/{each.folder.name}/", errors="replace")


def _chains(result: Outcome) -> Iterator[dict[str, Any]]:
    """Yield the cause of each lost probe with the chain that leads to it; several with the same cause once."""
    seen: set[tuple[str, float | None]] = set()
    lost = [(fate.at_s, fate.cause) for fate in result.probes if fate.cause is not None]
    if result.cause is not None and (result.seen_in or not lost):
        lost.append((result.cause.chain[-1].at_s if result.cause.chain else result.cause.at_s or 0.0, result.cause))
    for at_s, cause in lost:
        assert cause is not None
        key = cause.kind.name, cause.at_s
        if key not in seen:
            seen.add(key)
            yield _chain(at_s, cause)


def _chain(at_s: float, cause: Cause) -> dict[str, Any]:
    first = ChainStep(at_s=cause.at_s or 0.0, text=cause.text, evidence=cause.evidence)
    return {
        "kind": cause.kind.name,
        "probe_s": at_s,
        "steps": [_step(one) for one in cause.chain or ((first,) if cause.at_s is not None else ())],
    }


def _step(one: ChainStep) -> dict[str, Any]:
    return {"at_s": one.at_s, "text": one.text, "evidence": list(one.evidence)}


def _probe(result: Outcome, number: int) -> dict[str, Any]:
    fate = result.probes[number]
    return {
        "at_s": fate.at_s,
        "kind": fate.kind_,
        "answered": fate.answered,
        "branches": [_step(one) for one in fate.branches],
    }


def _figures(result: Outcome, *, device: bool) -> list[dict[str, Any]]:
    """Return the figures of a cell in the order in which the page shows them, with those of a device if it has one."""
    metrics = result.metrics
    figures: list[tuple[str, float, str]] = [
        ("packets", metrics.packets_per_hour, "per hour"),
        ("bytes", metrics.bytes_per_hour, "per hour"),
        ("radio wake-ups", metrics.radio_wakeups_per_hour, "per hour"),
        ("radio on", metrics.radio_active_s_per_hour, "seconds per hour"),
        ("connections", metrics.connects, ""),
        ("TLS handshakes", metrics.tls_handshakes, ""),
        ("challenges", metrics.challenges, ""),
        ("stale contacts", metrics.stale_contacts, ""),
        ("leaked sockets", metrics.leaked_sockets, ""),
    ]
    asleep: list[tuple[str, float | None, str]] = []
    if device and (seen := metrics.device) is not None:
        asleep = [
            ("calls missed", seen.missed, f"of {seen.calls}"),
            ("INVITE to ringing, median", seen.ringing_p50_s, "seconds"),
            ("INVITE to ringing, worst", seen.ringing_worst_s, "seconds"),
            ("pushes", seen.pushes, ""),
            ("wake-ups of the app", seen.app_wakeups_per_hour, "per hour of the cell"),
            ("wake-ups of the radio", seen.radio_wakeups_per_hour, "per hour of the cell"),
            ("registrations", seen.registrations_per_day, "per day"),
        ]
    return [
        {"name": name, "value": value, "unit": unit} for name, value, unit in (*figures, *asleep) if value is not None
    ]
