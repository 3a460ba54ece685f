"""Finds what became of the push for a request that the server held, and of the client that it was to wake. Pure.

A probe that was held and never sent needs a push in time, and a client that then registers. What befell the client's
earlier flow is of no matter to it, unless the client tried to register on that. Over UDP a REGISTER makes a mapping of
its own.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from lab.judge.probe_needs import Gap, Need, UnansweredProbe
from lab.judge.tolerances import CLOCKS_S
from lab.model.outcome import Cause, ChainStep
from lab.model.scenario import Cell, Transport
from lab.model.verdict import CLIENT_NOT_REGISTERED, PUSH_LATE, PUSH_LOST, PUSH_TOKEN_EXPIRED, CauseKind
from lab.model.without import WithoutPushFailure
from lab.record.entry import Entry
from lab.record.events import (
    Event,
    Packet,
    Probe,
    PushDelivered,
    PushHeld,
    PushLost,
    PushRefused,
    PushRequested,
    Registration,
    Request,
    RequestSent,
)
from lab.record.evidence import BEFORE_S, Evidence, ProbeAttempt
from lab.record.flows import Flow
from lab.sip.status import FAILED_FROM


def needs_no_flow(cell: Cell) -> bool:
    """Return whether the server wakes the client before each request, and it then registers over a new flow."""
    kinds = {one.kind: one for one in cell.strategy.mitigations}
    if not {"push-contact", "server-push", "on-wake"} <= kinds.keys() or kinds["server-push"].quiet_after:
        return False
    return cell.transport is Transport.UDP or kinds["on-wake"].then.value != "register"


def gaps(evidence: Evidence, lost: UnansweredProbe) -> Iterator[Gap]:
    """Find why the client did not register for a request that was held."""
    for asked in _asked(evidence, lost.probe):
        name, until = asked.event.id, lost.probe.known_s
        if (refused := next(evidence.of(PushRefused, id=name), None)) is not None:
            text = f"the push service refused push {name} at {refused.t:.1f} s: the device's token was no longer active"
            yield _gap(PUSH_TOKEN_EXPIRED, asked.t, text, asked, refused)
            return
        if (gone := next(evidence.of(PushLost, id=name), None)) is not None:
            yield _gap(PUSH_LOST, asked.t, f"the push service lost push {name} at {gone.t:.1f} s", asked, gone)
            return
        delivered = next(evidence.of(PushDelivered, id=name), None)
        if delivered is None or delivered.t > until - CLOCKS_S:
            yield _late(evidence, asked, delivered, until)
            return
        sent = registered(evidence, lost.probe)
        if sent is None:
            text = f"push {name} had woken the client at {delivered.t:.1f} s, and it sent no REGISTER by {until:.1f} s"
            yield _gap(CLIENT_NOT_REGISTERED, delivered.t, text, asked, delivered)
        else:
            text = (
                f"push {name} had woken the client at {delivered.t:.1f} s, and its REGISTER of {sent.t:.1f} s"
                f" was not granted by {until:.1f} s"
            )
            gap = _gap(CLIENT_NOT_REGISTERED, sent.t, text, asked, delivered, sent)
            yield replace(gap, since_s=until, outlived=True)  # whatever kept it from being granted comes first


def came_first(evidence: Evidence, lost: UnansweredProbe) -> bool:
    """Return whether no REGISTER of the client followed in time, so that nothing but the push can matter."""
    return bool(_asked(evidence, lost.probe)) and registered(evidence, lost.probe) is None


def leaves_out(evidence: Evidence, lost: UnansweredProbe, need: Need) -> bool:
    """Return whether a need does not matter, as the request was held, and the client did not use its old flow."""
    if need not in (Need.FLOW, Need.MAPPING):
        return False
    asked, flow = _asked(evidence, lost.probe), lost.flow
    return bool(asked) and (flow is None or not _stayed_on(evidence, flow, asked[0].t, lost.probe.known_s))


def registered(evidence: Evidence, probe: ProbeAttempt) -> Entry[Event] | None:
    """Return the first REGISTER that the client sent, or tried to send, while a request was held to its end.

    As one side or both say; None: the request was not held so, or the client did not try.
    """
    asked = _asked(evidence, probe)
    if not asked:
        return None
    since = asked[0].t
    told: list[Entry[Event]] = [
        *evidence.between(RequestSent, since, probe.known_s, method="REGISTER"),
        *evidence.between(Request, since, probe.known_s, method="REGISTER"),
        *(each for each in evidence.between(Registration, since, probe.known_s) if each.event.code >= FAILED_FROM),
    ]
    return min(told, key=lambda entry: entry.t, default=None)


def registered_anew(evidence: Evidence, probe: ProbeAttempt, flow: Flow | None) -> Entry[Event] | None:
    """Return the first REGISTER as `registered` does, if it did not go over the connection that the client had."""
    sent = registered(evidence, probe)
    stays = sent is not None and flow is not None and _stayed_on(evidence, flow, sent.t - BEFORE_S, probe.known_s)
    return None if stays else sent


def steps(evidence: Evidence, probe: ProbeAttempt) -> Iterator[ChainStep]:
    """Return what became of the pushes for a probe, as links of the chain that led to its loss."""
    for asked in evidence.of(PushRequested, probe=probe.name):
        name, event = asked.event.id, asked.event
        yield _step(asked, f"the server asked for push {name}, of {event.priority} priority, at {asked.t:.1f} s")
        for kind, what in _FATES.items():
            for told in evidence.of(kind, id=name):
                yield _step(told, f"push {name} {what} at {told.t:.1f} s")


_FATES: dict[type[PushDelivered | PushHeld | PushLost | PushRefused], str] = {
    PushRefused: "was refused by the push service",
    PushLost: "was lost by the push service",
    PushHeld: "was kept waiting on the device",
    PushDelivered: "reached the app",
}


def _asked(evidence: Evidence, probe: ProbeAttempt) -> list[Entry[PushRequested]]:
    """Return the pushes for a probe that was held to its end; none if it was sent."""
    if any(evidence.of(Probe, probe=probe.name, state="sent")):
        return []
    return list(evidence.of(PushRequested, probe=probe.name))


def _late(evidence: Evidence, asked: Entry[PushRequested], delivered: Entry[PushDelivered] | None, until: float) -> Gap:
    name = asked.event.id
    came = "did not come at all" if delivered is None else f"came at {delivered.t:.1f} s only"
    held = next((entry for entry in evidence.of(PushHeld, id=name) if entry.t <= until), None)
    if held is not None:
        kept = f"waited on the device from {held.t:.1f} s on"
        text = f"push {name}, of {asked.event.priority} priority, {kept}, and {came}"
    else:
        text = f"push {name} of {asked.t:.1f} s {came}"
    lines = [entry for entry in (asked, held, delivered) if entry is not None]
    return _gap(PUSH_LATE, asked.t, text, *lines)


def _stayed_on(evidence: Evidence, flow: Flow, since: float, until: float) -> bool:
    """Return whether the client sent data on a connection in a time, and did not try to open another one."""
    if flow.proto == "udp":
        return False
    sent = [entry.event for entry in evidence.between(Packet, since, until, from_=evidence.client)]
    anew = any(
        packet.src != flow.inside and packet.dst.port == flow.own.port and "S" in packet.flags for packet in sent
    )
    return not anew and any(packet.src == flow.inside and packet.payload > 0 for packet in sent)


def _gap(kind: CauseKind, since: float, text: str, *shown: Entry[Event]) -> Gap:
    cause = Cause(kind=kind, at_s=since, text=text, evidence=tuple(entry.line for entry in shown))
    without = None if kind == CLIENT_NOT_REGISTERED else WithoutPushFailure()
    return Gap(need=Need.PUSH, since_s=since, cause=cause, without=without)


def _step(entry: Entry[Event], text: str) -> ChainStep:
    return ChainStep(at_s=entry.t, text=text, evidence=(entry.line,))
