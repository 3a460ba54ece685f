"""Helps faults that lose packets: proof of their rules, and effect of the losses on a probe."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from lab.clients.catalog import client_of
from lab.faults._new_flow import lost_attempt
from lab.faults._requests import GIVES_UP_WITHIN_S, expired, given_up
from lab.faults.base import FaultImpact, LostProbe, Occurrence
from lab.record.entry import Entry
from lab.record.events import Event, Packet
from lab.record.evidence import BEFORE_S, Evidence
from lab.record.flows import Flow


def rules_missing(rules: int, *, wanted: int) -> str:
    """Say that there are fewer rules than wanted; empty if there are enough."""
    return "" if rules >= wanted else f"{rules} rules in place instead of {wanted}"


def packets_of(
    evidence: Evidence, flow: Flow, since: float = float("-inf"), until: float = float("inf")
) -> Iterator[Entry[Packet]]:
    """Return the packets of a flow, on any link, in a time, but for those that end it."""
    for entry in evidence.packets_of(flow, since, until):
        if not {"F", "R"} & set(entry.event.flags):
            yield entry


def harm_of_losses(seen: Occurrence[Any], lost: LostProbe, loses: Callable[[Packet], bool]) -> FaultImpact | None:
    """Return what a loss of packets cost: of the probe's flow, or of one that was to take its place.

    Args:
        seen: the fault.
        lost: the probe.
        loses: whether the fault, while in force, loses a packet that a capture saw.
    """
    on_its_flow = _harm_on_flow(seen, lost, loses)
    if on_its_flow is not None:
        return on_its_flow
    gone = lost_attempt(seen, lost, loses)
    if gone is None:
        return None
    words = f", and the client asked for a new connection in vain at {gone.t:.1f} s"
    return FaultImpact(since_s=gone.t, evidence=(gone.line,), words=words, anew_s=gone.t)


def _harm_on_flow(seen: Occurrence[Any], lost: LostProbe, loses: Callable[[Packet], bool]) -> FaultImpact | None:
    """Return what it cost the probe's flow: the probe's packets, or earlier ones after which it was never whole again.

    A client that answers, or has no subscription, is not out of reach. Then the loss must have cost it a request.
    """
    evidence, probe = seen.evidence, lost.probe

    def dropped(since: float, until: float) -> Iterator[Entry[Packet]]:
        passing = packets_of(evidence, lost.flow, max(since, seen.at), min(until, seen.over))
        return (entry for entry in passing if loses(entry.event))

    first = next(dropped(seen.at, seen.over), None)
    if first is None:
        return None
    impact = FaultImpact(since_s=first.t, evidence=(first.line,))
    if probe.unconfirmed_s is not None:
        lost_acks = [one.line for one in dropped(probe.unconfirmed_s - BEFORE_S, probe.asked_s)]
        return FaultImpact(since_s=seen.at, evidence=(lost_acks[0],)) if lost_acks else None
    if not probe.unreached:
        told: list[Entry[Event]] = given_up(evidence, since=first.t, until=seen.over + GIVES_UP_WITHIN_S)
        told += [entry for entry in expired(seen, lost) if entry.t >= first.t]
        return impact if told or not client_of(evidence.cell).tells_failures else None
    if probe.asked_s <= seen.over:
        asked = next(dropped(probe.asked_s - BEFORE_S, probe.known_s), None)
        if asked is not None:
            return FaultImpact(since_s=seen.at, evidence=(asked.line,))
    all_dropped = list(dropped(seen.at, seen.over))
    return None if _alive(evidence, lost.flow, all_dropped, since=seen.over, until=probe.asked_s) else impact


def _alive(evidence: Evidence, flow: Flow, dropped: Sequence[Entry[Packet]], *, since: float, until: float) -> bool:
    """Return whether a flow carried packets to its ends again: of TCP both ways, since each is acknowledged.

    Where TCP had lost data in a direction, data must come through there: until then it holds up all that follows.
    With a proxy, the connection that has lost packets must carry some: the client's, or the one to the server.
    """
    topology = evidence.cell.topology
    behind = topology.server_link().name
    if flow.front is not None and all(entry.event.link == behind for entry in dropped):
        last, first, ends = behind, {behind}, {flow.peer}
    else:
        last, first, ends = (
            topology.front_link().name,
            {link.name for link in topology.client_links()},
            set(flow.client_ends),
        )
    lost = [entry.event for entry in dropped if entry.event.proto == "tcp" and entry.event.payload > 0]
    to_server = any(packet.src in ends for packet in lost)
    to_client = any(packet.dst in ends for packet in lost)
    out = back = False
    for entry in packets_of(evidence, flow, since, until):
        packet = entry.event
        if since < entry.t < until:
            out = out or (packet.link == last and packet.src in ends and (packet.payload > 0 or not to_server))
            back = back or (packet.link in first and packet.dst in ends and (packet.payload > 0 or not to_client))
            if (out or back) if packet.proto == "udp" else (out and back):
                return True
    return False
