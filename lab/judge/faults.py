"""Faults as possible first causes. Pure.

A fault can be the cause of a lost probe if it had begun by then, did harm to its flow, and was not mended: a fault that
is over is mended by the next sign that the server can reach the client, or hears of it again on whatever flow. So is a
server's move, which lasts, once the client has found it at its new address.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator

from lab.judge.harm import Struck, harm
from lab.model.fault import (
    BlackHole,
    ClientMove,
    DnsChange,
    DnsFailure,
    EvictFlow,
    ExpiredCertificate,
    Fault,
    Flag,
    ForgedSegment,
    LinkDown,
    MtuBlackHole,
    OldAddress,
    Reboot,
    RevokedClientCertificate,
    ServerClose,
    ServerFreeze,
    ServerMute,
    ServerRestart,
    ServerSlow,
)
from lab.model.outcome import CauseFound
from lab.model.verdict import Cause
from lab.record.entry import Entry
from lab.record.events import ClientTransport, Event, Probe, Query, ServerFlow, ServerSubscription
from lab.record.evidence import Evidence, ProbeAttempt, accepted
from lab.record.flows import Flow

_UNVERIFIED = "certificate verify failed"
"""All that Kamailio logs when it refuses a client's certificate. That this one is on its list, and that a stranger who
shows it is told so, is what the fault's own proof says."""


def causes(
    evidence: Evidence, probe: ProbeAttempt, flow: Flow, *, closed: float | None
) -> Iterator[tuple[CauseFound, float]]:
    """Find what faults cost the probe, each with the time from which it did.

    Args:
        evidence: of the cell.
        probe: a lost one.
        flow: the one it took or should have taken.
        closed: when the client closed that for a reason of its own; None: it did not.
    """
    sent, deadline = probe.asked_s, probe.known_s
    for number, fault in enumerate(evidence.cell.faults):
        began, over = evidence.fault_began(number), evidence.fault_ended(number)
        if began is None or began.t > deadline:
            continue
        end = began.t if isinstance(fault, DnsChange) else None if over is None else over.t
        if _mended(evidence, began.t, end, before=sent):
            continue
        until = float("inf") if over is None else over.t
        struck = Struck(fault=fault, entry=began, over=until, probe=probe, flow=flow, closed=closed)
        done = harm(evidence, struck)
        if done is None:
            continue
        kind, text = _told(fault)
        at = began.t
        found = CauseFound(kind=kind, at_s=at, text=f"{text} at {at:.1f} s", evidence=(began.line, *done.evidence))
        match fault:
            case ExpiredCertificate():
                borne_out = _refused(found, evidence, since=at, until=deadline)
            case RevokedClientCertificate():
                borne_out = _refused_by_server(found, evidence, since=at, until=deadline)
            case DnsChange(old=OldAddress.SERVES):
                continue  # whoever stays is served, and whoever connects again is so elsewhere
            case DnsFailure():
                borne_out = _asked_in_vain(found, evidence, since=at, until=deadline)
            case _:
                borne_out = iter((found,))
        yield from ((cause, done.since_s) for cause in borne_out)


def _refused(found: CauseFound, evidence: Evidence, *, since: float, until: float) -> Iterator[CauseFound]:
    """A certificate harms only who connects: the cause as the client's refusal bears it out, if it does.

    pjsip refuses when the handshake is done and says so itself; others send an alert, which the server tells.
    """
    said = [(entry.t, entry.line, entry.event.reason) for entry in evidence.of(ClientTransport, state="disconnected")]
    failed = [(entry.t, entry.line, entry.event.reason) for entry in _failed(evidence)]
    said += [one for one in failed if one[2] != _UNVERIFIED]
    for t, line, reason in sorted(said, key=lambda each: each[0]):
        if since <= t <= until and "certificate" in reason.lower() and "revoked" not in reason.lower():
            text = f"{found.text}, and the client refused it at {t:.1f} s"
            yield dataclasses.replace(found, text=text, evidence=(*found.evidence, line))
            return


def _asked_in_vain(found: CauseFound, evidence: Evidence, *, since: float, until: float) -> Iterator[CauseFound]:
    """A name harms only who asks for it: the cause as the first question in vain bears it out, if there is one."""
    server = _host_of_server(evidence)
    for entry in evidence.of(Query, type="A"):
        in_vain = entry.event.answer in ("servfail", "silent") and entry.event.peer.host != server
        if in_vain and since <= entry.t <= until:
            text = f"{found.text}, and the client asked in vain at {entry.t:.1f} s"
            yield dataclasses.replace(found, text=text, evidence=(*found.evidence, entry.line))
            return


def _refused_by_server(found: CauseFound, evidence: Evidence, *, since: float, until: float) -> Iterator[CauseFound]:
    """A revoked certificate harms only a client that connects: the cause as the server's refusal bears it out."""
    for entry in _failed(evidence):
        refused = "certificate revoked" in entry.event.reason or entry.event.reason == _UNVERIFIED
        if since <= entry.t <= until and refused:
            text = f"{found.text}, and the server refused it at {entry.t:.1f} s"
            yield dataclasses.replace(found, text=text, evidence=(*found.evidence, entry.line))
            return


def _failed(evidence: Evidence) -> Iterator[Entry[ServerFlow]]:
    """The server's flows that failed, but for the lab's own, by which these faults are proved."""
    server = _host_of_server(evidence)
    return (entry for entry in evidence.of(ServerFlow, state="failed") if entry.event.peer.host != server)


def _host_of_server(evidence: Evidence) -> str:
    """Return the host from which a fault's proof comes."""
    return str(evidence.cell.topology.address(evidence.server).ip)


def _mended(evidence: Evidence, began: float, end: float | None, *, before: float) -> bool:
    if end is None or end >= before:
        return False
    signs: list[Entry[Event]] = [
        *(entry for entry in evidence.of(Probe) if accepted(entry.event)),
        *(entry for entry in evidence.of(ServerSubscription) if entry.event.state in ("active", "refreshed")),
    ]
    return any(max(end, began) < sign.t < before for sign in signs)


def _told(fault: Fault) -> tuple[Cause, str]:  # noqa: C901  (one case per fault)
    """The kind of cause, and what happened in words."""
    match fault:
        case Reboot(node=node, address=None):
            return Cause.MIDDLEBOX_LOST_TABLE, f"middlebox {node} rebooted and lost its table"
        case Reboot(node=node, address=address):
            return Cause.MIDDLEBOX_NEW_ADDRESS, f"middlebox {node} rebooted and came back as {address}"
        case EvictFlow(node=node):
            return Cause.MIDDLEBOX_EVICTED, f"middlebox {node} gave up the flow to make room"
        case BlackHole(node=node, direction=direction):
            which = {"both": "either way", "in": "towards the client", "out": "from the client"}[direction.value]
            return Cause.FLOW_BLACK_HOLED, f"{node} began to drop the flow {which}"
        case ForgedSegment(node=node, flag=Flag.RST, to=to):
            return Cause.FORGED_RST, f"{node} forged a RST to {_ends(to.value)}"
        case ForgedSegment(node=node, to=to):
            return Cause.FORGED_FIN, f"{node} forged a FIN to {_ends(to.value)}"
        case LinkDown(link=link):
            return Cause.LINK_DOWN, f"link {link} went down"
        case MtuBlackHole(link=link, mtu=mtu):
            return Cause.MTU_BLACK_HOLE, f"link {link} began to lose packets of more than {mtu} bytes"
        case ServerClose():
            return Cause.SERVER_CLOSED, "the server closed the connection"
        case ServerRestart(keeps_state=keeps_state):
            return Cause.SERVER_RESTARTED, f"the server restarted and {'kept' if keeps_state else 'lost'} its state"
        case ServerFreeze():
            return Cause.SERVER_FROZE, "the server froze"
        case ServerMute():
            return Cause.SERVER_MUTE, "the server stopped answering"
        case ClientMove(told=told):
            return Cause.CLIENT_MOVED, f"the client changed networks{' and was told' if told else ''}"
        case ExpiredCertificate():
            return Cause.CERTIFICATE_EXPIRED, "the server's certificate expired"
        case DnsFailure(how=how):
            said = {"silent": "answered nothing", "servfail": "answered SERVFAIL"}[how.value]
            return Cause.NAME_NOT_RESOLVED, f"the name server {said}"
        case DnsChange(address=address):
            return Cause.SERVER_MOVED, f"the server moved to {address} and its old address fell silent"
        case RevokedClientCertificate():
            return Cause.CLIENT_CERTIFICATE_REVOKED, "the client's certificate was revoked"
        case ServerSlow(by=by):
            return Cause.SERVER_SLOW, f"the server began to answer {by} late"


def _ends(to: str) -> str:
    return "either end" if to == "both" else f"the {to}"
