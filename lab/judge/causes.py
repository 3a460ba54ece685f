"""Finds the cause of a lost probe: the missing need, and the event that removed it.

One table has the things that a probe needs (`NEEDS`). Each finder looks for the times in which one of them was missing
and that last until the probe. What was mended before the probe is history and is not found. Of several findings the
oldest is the best guess, unless the client had asked for a new flow since, which would have mended it. A fault that did
no harm is not found (``lab.judge.fault_causes``), and one that did is as old as that harm. Of a request that the
server held for a push, a push that did not come in time comes first: the client was not asked for anything else.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

from lab.faults.base import occurrences
from lab.judge import account, fault_causes, forgotten_flow, proxy_timeout, pushes, server_gave_up, server_idle
from lab.judge.probe_needs import Gap, Need, UnansweredProbe
from lab.judge.sentinel import CLOSED
from lab.judge.tolerances import AT_ONCE_S
from lab.model.outcome import Cause, Suspect
from lab.model.verdict import CLIENT_ABORTED, CLIENT_CLOSED, CLIENT_IDLE_TIMER, MIDDLEBOX_FORGOT, UNKNOWN
from lab.model.without import Without, WithoutIdleTimer, WithoutProxyTimeout, WithoutServerIdle, WithoutTimer
from lab.record.entry import Entry
from lab.record.events import (
    CLOSE_FRAME,
    ENDED_AT_CLIENT,
    Aborted,
    Mapping,
    Probe,
    SentinelOutcome,
    ServerFlow,
)
from lab.record.evidence import Evidence, ProbeAttempt
from lab.record.flows import Flow

HUNG_UP = "the client hung up"
"""The server's word for a call that the client ended."""


def find(evidence: Evidence, probe: ProbeAttempt) -> tuple[Suspect, ...]:
    """Return the possible causes of the failure of a probe, the best guess first; never none.

    Those after the first have something that a twin run can leave out.
    """
    if (given_up := server_gave_up.cause(evidence, probe)) is not None:
        return (Suspect(cause=given_up, without=None),)
    lost = _lost(evidence, probe)
    gaps = [
        gap
        for need, finder in NEEDS.items()
        if not pushes.leaves_out(evidence, lost, need)
        for gap in finder(evidence, lost)
    ]
    anew = max((gap.anew_s for gap in gaps if gap.anew_s is not None), default=float("-inf"))
    only_push = pushes.came_first(evidence, lost)
    found = sorted(
        gaps,
        key=lambda gap: (only_push and gap.need is not Need.PUSH, gap.outlived or _outlived(gap, anew), gap.since_s),
    )
    if not found:
        text = f"no answer to the probe at {probe.asked_s:.1f} s; the record does not show why"
        return (Suspect(cause=Cause(kind=UNKNOWN, at_s=None, text=text), without=None),)
    tried: set[Without | None] = {None}
    suspects = []
    for number, gap in enumerate(found):
        if number == 0 or gap.without not in tried:
            suspects.append(Suspect(cause=gap.cause, without=gap.without))
            tried.add(gap.without)
    return tuple(suspects)


def _outlived(gap: Gap, anew: float) -> bool:
    """Return whether something ended the old flow, or lost it, before a fault kept the client from a new one."""
    return gap.need in (Need.FLOW, Need.MAPPING) and gap.since_s < anew


def flow_of(evidence: Evidence, probe: ProbeAttempt) -> Flow | None:
    """Return the flow that a lost probe took or should have taken; None: there was none."""
    return _lost(evidence, probe).flow


def _lost(evidence: Evidence, probe: ProbeAttempt) -> UnansweredProbe:
    if probe.reason == HUNG_UP:  # it lacked something while it talked
        talking = (entry.t for entry in evidence.of(Probe, probe=probe.name, state="talking"))
        probe = replace(probe, asked_s=next(talking, probe.asked_s))
    needed = account.needed(evidence.cell, probe.kind)
    flow = evidence.flows.get(probe.flow, probe.asked_s) if probe.flow else evidence.flow_of(probe)
    if probe.flow is None and needed == "registration":
        grant = account.last_grant(evidence, needed, probe.asked_s)
        flow = None if grant is None else evidence.flows.get(grant.event.flow, probe.asked_s)
    again = account.asked_in_vain(evidence, needed, probe)
    elsewhere = again is not None and flow is not None and again.event.flow != flow.id
    asked_again = again.t if again is not None and elsewhere else None
    if (tried := pushes.registered_anew(evidence, probe, flow)) is not None:
        asked_again = tried.t if again is None or again.t < tried.t else again.t
    return UnansweredProbe(probe=probe, account=needed, flow=flow, asked_again_s=asked_again)


def _process(evidence: Evidence, lost: UnansweredProbe) -> Iterator[Gap]:
    """Find the death of the client."""
    for cause in _aborted(evidence, lost.probe.known_s):
        yield _gap(Need.PROCESS, cause)


def _flow(evidence: Evidence, lost: UnansweredProbe) -> Iterator[Gap]:
    """Find the end of the flow's connection."""
    for cause in _closed(evidence, lost):
        without = WithoutIdleTimer() if cause.kind == CLIENT_IDLE_TIMER else None
        yield _gap(Need.FLOW, cause, without, outlived=lost.asked_again_s is not None)
    for cause in () if lost.flow is None else server_idle.causes(evidence, lost.flow, lost.probe):
        yield _gap(Need.FLOW, cause, WithoutServerIdle(), outlived=lost.asked_again_s is not None)
    for cause in () if lost.flow is None else proxy_timeout.causes(evidence, lost.flow, lost.probe):
        yield _gap(Need.FLOW, cause, WithoutProxyTimeout(), outlived=lost.asked_again_s is not None)


def _mapping(evidence: Evidence, lost: UnansweredProbe) -> Iterator[Gap]:
    """Find the end of the flow's mapping by a middlebox's own timer."""
    for node, cause in _mapping_lost(evidence, lost):
        yield _gap(Need.MAPPING, cause, WithoutTimer(node), outlived=lost.asked_again_s is not None)


def _faults(evidence: Evidence, lost: UnansweredProbe) -> Iterator[Gap]:
    """Find the faults that took something away."""
    own = [cause.at_s for cause in _closed(evidence, lost) if cause.kind == CLIENT_CLOSED]
    return fault_causes.gaps(evidence, lost, closed=next(iter(own), None))


NEEDS: dict[Need, Callable[[Evidence, UnansweredProbe], Iterator[Gap]]] = {
    Need.FAULTS: _faults,
    Need.PROCESS: _process,
    Need.ACCOUNT: account.gaps,
    Need.FLOW: _flow,
    Need.MAPPING: _mapping,
    Need.PUSH: pushes.gaps,
}
"""What a probe needs, with what finds the times in which it was missing; of equal times the first counts."""


def _gap(need: Need, cause: Cause, without: Without | None = None, *, outlived: bool = False) -> Gap:
    assert cause.at_s is not None
    return Gap(need=need, since_s=cause.at_s, cause=cause, without=without, outlived=outlived)


def _closed(evidence: Evidence, lost: UnansweredProbe) -> list[Cause]:
    if lost.flow is None:
        return []
    return [*_client_closed(evidence, lost.flow, lost.probe), *_seen_closing(evidence, lost.flow, lost.probe)]


def _aborted(evidence: Evidence, before: float) -> Iterator[Cause]:
    for entry in evidence.of(Aborted, who=evidence.client):
        if entry.t <= before:
            yield Cause(
                kind=CLIENT_ABORTED,
                at_s=entry.t,
                text=f"client process ended by {entry.event.how} at {entry.t:.1f} s: {entry.event.last}",
                evidence=(entry.line,),
            )


def _client_closed(evidence: Evidence, flow: Flow, probe: ProbeAttempt) -> Iterator[Cause]:
    for entry in evidence.transport(flow):
        if entry.t > probe.known_s or entry.event.state == "connected":
            continue
        if entry.event.reason == "idle-timer":
            kind, text = CLIENT_IDLE_TIMER, f"client idle timer closed the transport at {entry.t:.1f} s"
        else:
            why = entry.event.reason or entry.event.state
            kind, text = CLIENT_CLOSED, f"client's transport ended at {entry.t:.1f} s: {why}"
        yield Cause(kind=kind, at_s=entry.t, text=text, evidence=(entry.line,))
        return


def _seen_closing(evidence: Evidence, flow: Flow, probe: ProbeAttempt) -> Iterator[Cause]:
    """Find who sent FIN or RST first, where the client does not speak of the end of its transport."""
    before = probe.known_s
    if flow.proto == "udp":
        return
    if any(entry.t <= before and entry.event.state in ENDED_AT_CLIENT for entry in evidence.transport(flow)):
        return
    deaths = [*evidence.client_deaths()]
    for told in evidence.of(ServerFlow, id=flow.id, state="closed"):  # who sends a Close frame need not end TCP
        if told.event.reason.startswith(CLOSE_FRAME) and told.t <= before:
            code = told.event.reason.removeprefix(CLOSE_FRAME).strip()
            text = f"client closed the WebSocket at {told.t:.1f} s with code {code}; it does not say why"
            yield Cause(kind=CLIENT_CLOSED, at_s=told.t, text=text, evidence=(told.line,))
            return
    for entry in evidence.packets_of(flow, until=before):
        packet = entry.event
        if flow.inside not in (packet.src, packet.dst) or not {"F", "R"} & set(packet.flags):
            continue
        dying = any(entry.t <= died <= entry.t + AT_ONCE_S for died in deaths)
        if packet.src == flow.inside and packet.from_ == evidence.client and not dying:
            text = f"client closed the connection at {entry.t:.1f} s, as link {packet.link} shows; it does not say why"
            yield Cause(kind=CLIENT_CLOSED, at_s=entry.t, text=text, evidence=(entry.line,))
        return


def _mapping_lost(evidence: Evidence, lost: UnansweredProbe) -> Iterator[tuple[str, Cause]]:
    """Find the first end of the flow's mappings that neither a fault nor the end of the connection brought about."""
    if lost.flow is None:
        return
    ends = [
        entry
        for entry in evidence.lost_mappings(lost.flow, lost.probe.asked_s, lost.probe.known_s)
        if entry.event.tcp_state not in CLOSED and not _struck(evidence, entry)
    ]
    if not ends:
        return
    entry = min(ends, key=lambda found: found.t)
    observed = forgotten_flow.words(evidence, entry.who)
    met = [outcome.line for outcome in evidence.of(SentinelOutcome) if observed]
    yield (
        entry.who,
        Cause(
            kind=MIDDLEBOX_FORGOT,
            at_s=entry.t,
            text=f"middlebox {entry.who} forgot the flow at {entry.t:.1f} s{observed}",
            evidence=(entry.line, *met),
        ),
    )


def _struck(evidence: Evidence, end: Entry[Mapping]) -> bool:
    """Return whether a fault in the middlebox's table ended a mapping."""
    return any(
        fault.acts_on == "table" and getattr(fault, "node", "") == end.who and seen.at <= end.t <= seen.at + AT_ONCE_S
        for fault, seen in occurrences(evidence)
    )
