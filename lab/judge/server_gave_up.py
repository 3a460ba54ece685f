"""Finds probes that were lost because the server had given up a living client. Pure function of the evidence.

A server that gives a client up removes or marks its bindings and subscriptions; it may close its connection, and end
its calls.
"""

from __future__ import annotations

from dataclasses import replace

from lab.faults.base import LostProbe, occurrences
from lab.model.outcome import Cause
from lab.model.verdict import SERVER_GAVE_UP
from lab.record.entry import Entry
from lab.record.events import GIVEN_UP, ClientGivenUp, KeepAlive, Packet, ServerFlow
from lab.record.evidence import BEFORE_S, Evidence, ProbeAttempt
from lab.record.flows import Flow

NOT_KNOWN = frozenset(("no-subscription", "no-binding"))
"""Why a probe fails where the server knows nobody to send it to."""

LINE_ENDS = 4
"""Bytes of a double CRLF: what is longer is a request."""

PINGS = {
    "options": ("OPTIONS", "OPTIONS"),
    "crlf": ("CRLF ping", "CRLF pings"),
    "ws-ping": ("ping frame", "ping frames"),
}
"""What the server pings with, one and several."""

ON_ITS_WAY_S = 2.0
"""A request is at the client by then, if it is not lost; longer than any path that the lab's own scenarios have."""


def cause(evidence: Evidence, probe: ProbeAttempt) -> Cause | None:
    """Return that the server had given up the client, if that is why it had nobody to send the probe to.

    It is the cause only if the client could have been reached otherwise: it lived, its flow's mappings were there, and
    what a fault had done to that flow was over.
    """
    last = _given_up(evidence, probe)
    if last is None:
        return None
    needed_s = max(probe.asked_s, last.t)  # a call that it ended needed the client until then
    flow = evidence.flows.get(last.event.flow, needed_s)
    if flow is None or _unreachable(evidence, flow, last.t, replace(probe, asked_s=needed_s)):
        return None
    pings = _missed(evidence, last)
    one, several = PINGS[pings[0].event.kind if pings else "options"]  # Kamailio does not tell, and has no other
    what = f"1 {one} that was" if last.event.misses == 1 else f"{last.event.misses} {several} in a row that were"
    words = f"server gave up the client at {last.t:.1f} s after {what} not answered"
    lines = (*(ping.line for ping in pings), last.line)
    text = words + _why_unanswered(evidence, flow, pings, last.t)
    return Cause(kind=SERVER_GAVE_UP, at_s=last.t, text=text, evidence=lines)


def _given_up(evidence: Evidence, probe: ProbeAttempt) -> Entry[ClientGivenUp] | None:
    """Return when the server gave up the client, if that took from the probe what it needed."""
    given_up = list(evidence.of(ClientGivenUp))
    if probe.reason in NOT_KNOWN:
        given_up = [entry for entry in given_up if entry.t <= probe.asked_s]
    elif probe.reason == GIVEN_UP or _closed_with_it(evidence, probe):
        given_up = [entry for entry in given_up if entry.t <= probe.known_s and entry.event.flow == probe.flow]
    else:
        return None
    return given_up[-1] if given_up else None


def _closed_with_it(evidence: Evidence, probe: ProbeAttempt) -> bool:
    """Return whether the server closed the probe's connection as it gave the client up."""
    if probe.flow is None:
        return False
    return any(told.t <= probe.known_s for told in evidence.of(ServerFlow, id=probe.flow, reason=GIVEN_UP))


def _unreachable(evidence: Evidence, flow: Flow, given_up: float, probe: ProbeAttempt) -> bool:
    """Return whether something else would have kept the probe from the client."""
    died = any(t <= probe.asked_s for t in evidence.client_deaths())
    closed = any(entry.t <= given_up and entry.event.state != "connected" for entry in evidence.transport(flow))
    lost = LostProbe(probe=probe, flow=flow, closed=None)
    faulty = any(
        seen.at <= given_up
        and (fault.lasts_s == 0 or seen.over > probe.asked_s)
        and fault.impact(seen, lost) is not None
        for fault, seen in occurrences(evidence)
    )
    return died or closed or faulty or bool(evidence.lost_mappings(flow, probe.asked_s))


def _missed(evidence: Evidence, given_up: Entry[ClientGivenUp]) -> list[Entry[KeepAlive]]:
    """Return the server's last pings before it gave up."""
    sent = evidence.of(KeepAlive, state="sent", flow=given_up.event.flow)
    return [entry for entry in sent if entry.t <= given_up.t][-given_up.event.misses :]


def _why_unanswered(evidence: Evidence, flow: Flow, pings: list[Entry[KeepAlive]], given_up: float) -> str:
    """Say what kept the answers from coming, as far as the record shows it."""
    answered = [entry.t for entry in evidence.of(KeepAlive, state="answered", flow=flow.id) if entry.t <= given_up]
    since = pings[0].t - BEFORE_S if pings else max(answered, default=given_up)
    for fault, seen in occurrences(evidence):
        if seen.at <= given_up and seen.over >= since:
            return f": {fault.words()} at {seen.at:.1f} s, over at {seen.over:.1f} s"
    reached = sum(_reached(evidence, flow, ping) for ping in pings)
    which = f"{reached} of them" if len(pings) > 1 else "it" if reached else "it never"
    return f": {which} reached the client's link" if pings else ""


def _reached(evidence: Evidence, flow: Flow, ping: Entry[KeepAlive]) -> bool:
    """Return whether a ping was seen on the client's link."""
    sent = ping.t
    return any(
        entry.who == evidence.client
        and entry.event.dst == flow.inside
        and (entry.event.payload > LINE_ENDS if ping.event.kind == "options" else entry.event.payload > 0)
        for entry in evidence.of(Packet)
        if sent - BEFORE_S <= entry.t <= sent + ON_ITS_WAY_S
    )
