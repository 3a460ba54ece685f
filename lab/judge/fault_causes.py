"""Finds faults that cost a probe. Pure function of the evidence.

A fault can be the cause of a lost probe if it had begun by then, did harm to the probe's flow, and was not mended. That
a fault happened does not make it a cause: a link may be down while nobody sends. It did harm if the record has a trace
of it on the flow: a packet that was lost, a mapping or connection that ended by it, a request that nobody answered and
that its sender then gave up. Each fault says itself what its traces are (``Fault.harm``).

A fault that is over is mended by the next sign that the server can reach the client, or hears of it again on whatever
flow. So is one that changed something for good: a client that is heard of has found its way.
"""

from __future__ import annotations

from collections.abc import Iterator

from lab.faults.base import LostProbe, occurrences
from lab.model.outcome import CauseFound
from lab.record.entry import Entry
from lab.record.events import Event, Probe, ServerSubscription
from lab.record.evidence import Evidence, ProbeAttempt, accepted
from lab.record.flows import Flow


def causes(
    evidence: Evidence, probe: ProbeAttempt, flow: Flow, *, closed: float | None
) -> Iterator[tuple[CauseFound, float]]:
    """Return what faults cost the probe, each with the time from which on it stood in the way.

    Args:
        evidence: of the cell.
        probe: a lost one.
        flow: the one it took or should have taken.
        closed: when the client closed that for a reason of its own; None: it did not.
    """
    lost = LostProbe(probe=probe, flow=flow, closed=closed)
    for fault, seen in occurrences(evidence):
        over = seen.at if fault.is_change else seen.over
        asked = probe.asked_s if probe.unconfirmed_s is None else probe.unconfirmed_s
        if seen.at > probe.known_s or _mended(evidence, seen.at, over, before=asked):
            continue
        harm = fault.harm(seen, lost)
        if harm is not None:
            text = f"{fault.words()} at {seen.at:.1f} s{harm.words}"
            lines = (seen.began.line, *harm.evidence)
            yield CauseFound(kind=fault.cause, at_s=seen.at, text=text, evidence=lines), harm.since_s


def _mended(evidence: Evidence, began: float, over: float, *, before: float) -> bool:
    """Return whether server and client reached each other between the end of a fault and the probe."""
    if over >= before:
        return False
    signs: list[Entry[Event]] = [
        *(entry for entry in evidence.of(Probe) if accepted(entry.event)),
        *(entry for entry in evidence.of(ServerSubscription) if entry.event.state in ("active", "refreshed")),
    ]
    return any(max(over, began) < sign.t < before for sign in signs)
