"""Why a probe went unanswered: the oldest link of the chain that the record shows.

Each finder looks for one mechanism that broke the server's flow to the client before the probe's deadline and was not
mended by then. The oldest finding is the cause; the others are its consequences or came too late to matter. A fault
that did no harm is not found (``lab.judge.fault_causes``), and one that did is as old as that harm.
"""

from __future__ import annotations

from collections.abc import Iterator

from lab.judge import fault_causes, server_gave_up, server_idle
from lab.judge.sentinel import outcome_of
from lab.model.outcome import CauseFound
from lab.model.verdict import CLIENT_ABORTED, CLIENT_CLOSED, CLIENT_IDLE_TIMER, MIDDLEBOX_FORGOT, UNKNOWN
from lab.record.events import (
    ENDED_AT_CLIENT,
    Aborted,
    Mapping,
    Packet,
    SentinelChallenged,
    SentinelOpened,
    SentinelOutcome,
)
from lab.record.evidence import Evidence, ProbeAttempt
from lab.record.flows import Flow

DIES_WITHIN_S = 1.0
"""The runner hears of the end of the client's process this soon after its kernel has closed its connections."""

AFTER_FORGETTING = {
    ("silent", "silent"): " and drops what follows from either side silently",
    ("delivered", "silent"): " and picks it up again only from inside",
    ("reset", "reset"): " and answers either side with RST",
    ("reset", "silent"): " and answers the inside with RST, the outside with silence",
    ("closed", "silent"): " and has ended it towards the inside with FIN",
    ("unreachable", "silent"): " and answers the inside with ICMP, the outside with silence",
}
"""What the middlebox then did, by what the sentinel met (from inside, from outside) on flows of its own."""


def find(evidence: Evidence, probe: ProbeAttempt) -> CauseFound:
    """Return the cause of the failure of a probe."""
    if (given_up := server_gave_up.cause(evidence, probe)) is not None:
        return given_up
    flow = evidence.flow_of(probe)
    closed = [] if flow is None else [*_client_closed(evidence, flow, probe), *_seen_closing(evidence, flow, probe)]
    found = [(cause, cause.at_s) for cause in _aborted(evidence, probe.known_s)]
    if flow is not None:
        own = [cause.at_s for cause in closed if cause.kind == CLIENT_CLOSED]
        found += fault_causes.causes(evidence, probe, flow, closed=next(iter(own), None))
        found += [(cause, cause.at_s) for cause in (*closed, *_mapping_lost(evidence, flow, probe.asked_s))]
        found += [(cause, cause.at_s) for cause in server_idle.causes(evidence, flow, probe)]
    if not found:
        sent = probe.asked_s
        return CauseFound(
            kind=UNKNOWN, at_s=None, text=f"no answer to the probe at {sent:.1f} s; the record does not show why"
        )
    return min(found, key=lambda one: one[1] if one[1] is not None else probe.asked_s)[0]


def _aborted(evidence: Evidence, before: float) -> Iterator[CauseFound]:
    for entry in evidence.of(Aborted, who=evidence.client):
        if entry.t <= before:
            yield CauseFound(
                kind=CLIENT_ABORTED,
                at_s=entry.t,
                text=f"client process ended by {entry.event.how} at {entry.t:.1f} s: {entry.event.last}",
                evidence=(entry.line,),
            )


def _client_closed(evidence: Evidence, flow: Flow, probe: ProbeAttempt) -> Iterator[CauseFound]:
    for entry in evidence.transport(flow):
        if entry.t > probe.known_s or entry.event.state == "connected":
            continue
        if entry.event.reason == "idle-timer":
            kind, text = CLIENT_IDLE_TIMER, f"client idle timer closed the transport at {entry.t:.1f} s"
        else:
            why = entry.event.reason or entry.event.state
            kind, text = CLIENT_CLOSED, f"client's transport ended at {entry.t:.1f} s: {why}"
        yield CauseFound(kind=kind, at_s=entry.t, text=text, evidence=(entry.line,))
        return


def _seen_closing(evidence: Evidence, flow: Flow, probe: ProbeAttempt) -> Iterator[CauseFound]:
    """Find who sent FIN or RST first, where the client does not speak of the end of its transport."""
    before = probe.known_s
    if any(entry.t <= before and entry.event.state in ENDED_AT_CLIENT for entry in evidence.transport(flow)):
        return
    deaths = [entry.t for entry in evidence.of(Aborted, who=evidence.client)]
    for entry in evidence.of(Packet, proto="tcp"):
        packet = entry.event
        ends = (packet.src, packet.dst)
        if flow.inside not in ends or entry.t > before or not {"F", "R"} & set(packet.flags):
            continue
        dying = any(entry.t <= died <= entry.t + DIES_WITHIN_S for died in deaths)
        if packet.src == flow.inside and packet.from_ == evidence.client and not dying:
            text = f"client closed the connection at {entry.t:.1f} s, as link {packet.link} shows; it does not say why"
            yield CauseFound(kind=CLIENT_CLOSED, at_s=entry.t, text=text, evidence=(entry.line,))
        return


def _mapping_lost(evidence: Evidence, flow: Flow, before: float) -> Iterator[CauseFound]:
    lost = evidence.lost_mappings(flow, before)
    if not lost:
        return
    entry = min(lost, key=lambda found: found.t)
    observed = _observed(evidence, entry.who)
    met = [outcome.line for outcome in evidence.of(SentinelOutcome) if observed]
    yield CauseFound(
        kind=MIDDLEBOX_FORGOT,
        at_s=entry.t,
        text=f"middlebox {entry.who} forgot the flow at {entry.t:.1f} s{observed}",
        evidence=(entry.line, *met),
    )


def _observed(evidence: Evidence, node: str) -> str:
    """Say what the middlebox was seen to do with what it has forgotten, by the sentinel's flows."""
    found = {entry.event.flow: entry.event.found for entry in evidence.of(SentinelChallenged)}
    if found and set(found.values()) == {"reset"}:
        return " and ended it towards both with RST"
    for own in evidence.of(SentinelOpened, flow="from-inside"):
        mapped = evidence.of(Mapping, who=node, inside=own.event.local, state="new")
        if len({entry.event.outside for entry in mapped}) > 1:
            return " and picks it up only from inside, on another port, where the server knows no connection"
    return AFTER_FORGETTING.get((outcome_of(evidence, "from-inside"), outcome_of(evidence, "from-outside")), "")
