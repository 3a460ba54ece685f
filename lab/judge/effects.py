"""Whether the record proves that each fault of the scenario took effect. Pure.

A fault that did nothing makes a cell inconclusive: what its probes show is not what the scenario asks about.
"""

from __future__ import annotations

from typing import Any

from lab.judge.harm import proof_of
from lab.model.endpoint import Endpoint
from lab.model.fault import (
    BlackHole,
    ClientMove,
    Direction,
    DnsChange,
    DnsFailure,
    End,
    EvictFlow,
    ExpiredCertificate,
    Fault,
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
from lab.model.when import Event
from lab.record.entry import Entry
from lab.record.events import FaultBegan, Held, Obeyed, Packet, ResponseSent, ServerFlow
from lab.record.evidence import Evidence

SEEN_WITHIN_S = 1.0
"""What a fault does by itself, without the network, shows within this time: the runner's own loop, no round trip."""

LATE_BY_ABOUT_S = 0.05
"""Timers of one process may run early by their grain; far less than any delay worth a scenario."""


def doubt(evidence: Evidence) -> str:
    """Say why the record does not show that the scenario's faults happened as asked; empty if it does."""
    for number, fault in enumerate(evidence.cell.faults):
        began, over = evidence.fault_began(number), evidence.fault_ended(number)
        name = f"fault {number + 1} ({_name(fault)})"
        if began is None:
            never = f": nothing {fault.at.event.value} in time" if fault.at.event is not Event.SUBSCRIBED else ""
            return f"{name} never happened{never}"
        if over is None:
            return f"{name} began and did not end"
        if missing := _missing(fault, began, evidence, until=over.t):
            return f"{name} had no effect: {missing}"
    return ""


def _missing(fault: Fault, began: Entry[FaultBegan], evidence: Evidence, *, until: float) -> str:  # noqa: C901
    """Say what the record should show of a fault and does not; empty if it shows it."""
    line = proof_of(began)
    match fault:
        case Reboot():
            return _reboot(fault, line)
        case EvictFlow():
            return _no_flow(line) or ("" if line["gone"] else "the mapping is still there")
        case BlackHole(direction=direction):
            rules = 2 if direction is Direction.BOTH else 1
            return _no_flow(line) or _too_few_rules(line, line.get("wanted", rules))
        case ForgedSegment():
            return _no_flow(line) or _not_on_the_wire(fault, line, began.t, evidence)
        case LinkDown() | MtuBlackHole():
            return _too_few_rules(line, 2)
        case ServerClose():
            closed = evidence.of(ServerFlow, id=line["flow"], state="closed", reason="by server")
            happened = any(began.t <= end.t <= began.t + SEEN_WITHIN_S for end in closed)
            return _no_flow(line) or ("" if happened else "the server's flow did not end")
        case ServerRestart():
            return f"still listening on {line['listening']}" if line["listening"] else ""
        case ServerFreeze():
            return "" if line["stopped"] else "its process was not stopped"
        case ServerMute():
            since = _obeyed(evidence, began.t)
            answered = any(since < sent.t < until for sent in evidence.of(ResponseSent))
            return _answers(line, "mute") or ("it answered a request" if answered else "")
        case ClientMove():
            moved = line["left"] == [] and line["source"] == line["address"].partition("/")[0]
            return _too_few_rules(line, 2) or ("" if moved else f"its packets leave from {line['source']}")
        case ExpiredCertificate():
            return "" if line["met"] == "expired" else f"who connects meets a certificate that is {line['met']}"
        case DnsFailure(how=how):
            return "" if line["met"] == how.value else f"who asks for the name is told {line['met']}"
        case DnsChange(address=address, old=old):
            told = "" if line["met"] == address else f"who asks for the name is told {line['met']}"
            same = "the name meant that address already" if line["was"] == address else ""
            return same or told or _too_few_rules(line, 2 if old is OldAddress.SILENT else 0)
        case RevokedClientCertificate():
            return "" if line["met"] == "revoked" else f"the client's certificate, shown by another, is {line['met']}"
        case ServerSlow(by=by):
            return _answers(line, "late") or _too_early(evidence, _obeyed(evidence, began.t), until, float(by))


def _reboot(fault: Reboot, line: dict[str, Any]) -> str:
    if not line["lost"]:
        return "its table was empty before"
    if line["left"]:
        return f"{line['left']} of {line['lost']} mappings are still there"
    if fault.address is not None and [shown.partition("/")[0] for shown in line["address"]] != [fault.address]:
        return f"its address is {', '.join(line['address']) or 'unchanged'}"
    return ""


def _no_flow(line: dict[str, Any]) -> str:
    return "" if line["flow"] else "the client had no flow"


def _too_few_rules(line: dict[str, Any], wanted: int) -> str:
    return "" if line["rules"] >= wanted else f"{line['rules']} rules in place instead of {wanted}"


def _not_on_the_wire(fault: ForgedSegment, line: dict[str, Any], began: float, evidence: Evidence) -> str:
    wanted = 2 if fault.to is End.BOTH else 1
    seen = 0
    for segment in line["segments"]:
        fields: dict[str, Any] = {key: segment[key] for key in ("link", "flags", "seq")}
        fields |= {key: Endpoint.parse(segment[key]) for key in ("src", "dst")}
        packets = evidence.of(Packet, from_=fault.node, **fields)
        seen += any(began <= packet.t <= began + SEEN_WITHIN_S for packet in packets)
    return "" if seen == wanted else f"{seen} segments on the wire instead of {wanted}"


def _answers(line: dict[str, Any], mode: str) -> str:
    return "" if line["answers"] == mode else "the server did not obey"


def _obeyed(evidence: Evidence, began: float) -> float:
    """Return when the server had changed its way of answering."""
    return min((said.t for said in evidence.of(Obeyed, do="answer") if said.t >= began), default=began)


def _too_early(evidence: Evidence, since: float, until: float, by: float) -> str:
    """The n-th answer of the time follows what was held n-th, by the delay."""
    held = [entry.t for entry in evidence.of(Held) if entry.event.what != "crlf-ping"]
    sent = [entry.t for entry in evidence.of(ResponseSent) if since < entry.t < until]
    for came, went in zip(held, sent, strict=False):
        if went < came + by - LATE_BY_ABOUT_S:
            return f"an answer after {went - came:.2f} s instead of {by:g} s"
    return "" if len(sent) <= len(held) else "an answer to what was not held"


def _name(fault: Fault) -> str:
    return type(fault).__name__
