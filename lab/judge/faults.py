"""Faults as possible first causes. Pure.

A fault can be the cause of a lost probe if it had begun by then, did harm to its flow, and was not mended: a fault that
is over is mended by the next sign that the server can reach the client, or hears of it again on whatever flow. So is a
server's move, which lasts, once the client has found it at its new address.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator

from lab.judge.harm import Struck, harm
from lab.judge.story import Flow, Line, ProbeSeen, Story, accepted
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
from lab.model.scenario import Cell
from lab.model.topology import Role
from lab.model.verdict import Cause

_UNVERIFIED = "certificate verify failed"
"""All that Kamailio logs when it refuses a client's certificate. That this one is on its list, and that a stranger who
shows it is told so, is what the fault's own proof says."""


def causes(
    cell: Cell, story: Story, probe: ProbeSeen, flow: Flow, *, closed: float | None
) -> Iterator[tuple[CauseFound, float]]:
    """What faults cost the probe, each with the time from which it did.

    Args:
        cell: what was run.
        story: its record.
        probe: a lost one.
        flow: the one it took or should have taken.
        closed: when the client closed that for a reason of its own; None: it did not.
    """
    sent, deadline = probe.asked_s, probe.known_s
    for number, fault in enumerate(cell.faults):
        for evidence, line in begun(story, number):
            end = line["t"] if isinstance(fault, DnsChange) else over(story, number)
            if line["t"] > deadline or _mended(story, line, end, before=sent):
                continue
            ended = over(story, number)
            until = float("inf") if ended is None else ended
            struck = Struck(fault=fault, line=line, over=until, probe=probe, flow=flow, closed=closed)
            done = harm(cell, story, struck)
            if done is None:
                continue
            kind, text = _told(fault)
            at = float(line["t"])
            found = CauseFound(kind=kind, at_s=at, text=f"{text} at {at:.1f} s", evidence=(evidence, *done.evidence))
            match fault:
                case ExpiredCertificate():
                    borne_out = _refused(found, cell, story, since=at, until=deadline)
                case RevokedClientCertificate():
                    borne_out = _refused_by_server(found, cell, story, since=at, until=deadline)
                case DnsChange(old=OldAddress.SERVES):
                    continue  # whoever stays is served, and whoever connects again is so elsewhere
                case DnsFailure():
                    borne_out = _asked_in_vain(found, cell, story, since=at, until=deadline)
                case _:
                    borne_out = iter((found,))
            yield from ((cause, done.since_s) for cause in borne_out)


def _refused(found: CauseFound, cell: Cell, story: Story, *, since: float, until: float) -> Iterator[CauseFound]:
    """A certificate harms only who connects: the cause as the client's refusal bears it out, if it does.

    pjsip refuses when the handshake is done and says so itself; others send an alert, which the server tells.
    """
    said = [*story.of("client", "transport", state="disconnected")]
    said += [one for one in _failed(cell, story) if one[1]["reason"] != _UNVERIFIED]
    for number, line in sorted(said, key=lambda each: float(each[1]["t"])):
        reason = line["reason"].lower()
        if since <= line["t"] <= until and "certificate" in reason and "revoked" not in reason:
            text = f"{found.text}, and the client refused it at {line['t']:.1f} s"
            yield dataclasses.replace(found, text=text, evidence=(*found.evidence, number))
            return


def _asked_in_vain(found: CauseFound, cell: Cell, story: Story, *, since: float, until: float) -> Iterator[CauseFound]:
    """A name harms only who asks for it: the cause as the first question in vain bears it out, if there is one."""
    server = _at_the_server(cell)
    for number, line in story.of("server", "query", type="A"):
        in_vain = line["answer"] in ("servfail", "silent") and not line["peer"].startswith(server)
        if in_vain and since <= line["t"] <= until:
            text = f"{found.text}, and the client asked in vain at {line['t']:.1f} s"
            yield dataclasses.replace(found, text=text, evidence=(*found.evidence, number))
            return


def _refused_by_server(
    found: CauseFound, cell: Cell, story: Story, *, since: float, until: float
) -> Iterator[CauseFound]:
    """A revoked certificate harms only a client that connects: the cause as the server's refusal bears it out."""
    for number, line in _failed(cell, story):
        refused = "certificate revoked" in line["reason"] or line["reason"] == _UNVERIFIED
        if since <= line["t"] <= until and refused:
            text = f"{found.text}, and the server refused it at {line['t']:.1f} s"
            yield dataclasses.replace(found, text=text, evidence=(*found.evidence, number))
            return


def _failed(cell: Cell, story: Story) -> Iterator[tuple[int, Line]]:
    """The server's flows that failed, but for the lab's own, by which these faults are proved."""
    server = _at_the_server(cell)
    return (one for one in story.of("server", "flow", state="failed") if not one[1]["peer"].startswith(server))


def _at_the_server(cell: Cell) -> str:
    """How the endpoints begin from which a fault's proof comes."""
    return f"{cell.topology.address(cell.topology.only(Role.SERVER).name).ip}:"


def begun(story: Story, number: int) -> Iterator[tuple[int, Line]]:
    """The ``fault`` line of the scenario's fault of that number (from 0), if it is there."""
    return story.of("runner", "fault", n=number)


def over(story: Story, number: int) -> float | None:
    """When that fault ended; None if the record does not have its end."""
    return next((float(line["t"]) for _, line in story.of("runner", "fault-over", n=number)), None)


def _mended(story: Story, line: Line, end: float | None, *, before: float) -> bool:
    if end is None or end >= before:
        return False
    signs = [
        *((number, probe) for number, probe in story.of("server", "probe") if accepted(probe)),
        *story.of("server", "subscription", state="active"),
        *story.of("server", "subscription", state="refreshed"),
    ]
    return any(max(end, line["t"]) < sign["t"] < before for _, sign in signs)


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
