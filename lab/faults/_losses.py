"""Share between faults that lose packets: what the loss cost the flow of a lost probe."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from lab.faults._requests import GIVES_UP_WITHIN_S, expired, given_up
from lab.faults.base import Harm, Struck
from lab.record.entry import Entry
from lab.record.events import Event, Packet
from lab.record.evidence import BEFORE_S, Evidence
from lab.record.flows import Flow


def packets_of(evidence: Evidence, flow: Flow) -> Iterator[Entry[Packet]]:
    """Return the packets of a flow, on any link, but for those that end it."""
    ends = set(flow.endpoints)
    for entry in evidence.of(Packet):
        if ends & {entry.event.src, entry.event.dst} and not {"F", "R"} & set(entry.event.flags):
            yield entry


def harm_of_losses(struck: Struck[Any], loses: Callable[[Packet], bool]) -> Harm | None:
    """Return what a loss of packets cost: the probe's own, or earlier ones after which the flow was never whole again.

    A client that answers, or has no subscription, is not out of reach: there the loss must have cost it a request.

    Args:
        struck: the fault.
        loses: whether the fault, while in force, loses a packet that a capture saw.
    """
    evidence, probe = struck.evidence, struck.probe
    passing = (entry for entry in packets_of(evidence, struck.flow) if struck.at <= entry.t <= struck.over)
    lost = [entry for entry in passing if loses(entry.event)]
    if not lost:
        return None
    first = lost[0]
    if not probe.unreached:
        told: list[Entry[Event]] = given_up(evidence, since=first.t, until=struck.over + GIVES_UP_WITHIN_S)
        told += [entry for entry in expired(struck) if entry.t >= first.t]
        return Harm(since_s=first.t, evidence=(first.line,)) if told or evidence.cell.client.is_own else None
    if probe.asked_s <= struck.over:
        asked = [entry.line for entry in lost if probe.asked_s - BEFORE_S <= entry.t <= probe.known_s]
        if asked:
            return Harm(since_s=struck.at, evidence=(asked[0],))
    if _alive(evidence, struck.flow, since=struck.over, until=probe.asked_s):
        return None
    return Harm(since_s=first.t, evidence=(first.line,))


def _alive(evidence: Evidence, flow: Flow, *, since: float, until: float) -> bool:
    """Return whether a flow carried packets to the ends again: of TCP both ways, since each is acknowledged."""
    last = evidence.cell.topology.server_link().name
    first = {link.name for link in evidence.cell.topology.client_links()}
    ends = set(flow.endpoints)
    out = back = False
    for entry in packets_of(evidence, flow):
        packet = entry.event
        if since < entry.t < until:
            out = out or (packet.link == last and packet.src in ends)
            back = back or (packet.link in first and packet.dst in ends)
            if (out or back) if packet.proto == "udp" else (out and back):
                return True
    return False
