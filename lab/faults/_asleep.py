"""Helps faults in which the client's process stands still or its app has no network, at times."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator
from math import inf
from typing import Any

from lab.faults._flows import AT_ONCE_S
from lab.faults._losses import packets_of
from lab.faults._requests import expired
from lab.faults.base import Fault, FaultImpact, Infeasible, LostProbe, Occurrence, faults_of
from lab.model.scenario import Cell
from lab.record.entry import Entry
from lab.record.events import ENDED_AT_SERVER, ClientNetwork, ClientProcess, Event, Packet, ServerFlow
from lab.record.evidence import BEFORE_S, Evidence
from lab.record.flows import Flow
from lab.units import Seconds

CLIENT_ASLEEP = "the client is asleep"
"""A state of the client (`Fault.holds`): its process stands still, or has no network, at times or all the time."""

CLIENT_DEAD = "the client is dead"
"""A state of the client: its process has ended, and nobody has started it again."""


def dead_by_then(fault: Fault, cell: Cell) -> Infeasible | None:
    """Say that the client is dead when a fault begins; None if it is not, or if that is not known before the run."""
    at = fault.at.fixed
    for other in faults_of(cell):
        killed = other.at.fixed
        if other.holds != CLIENT_DEAD or at is None or killed is None or cell.push is not None:
            continue  # a push may have started it again
        if killed <= at < killed + other.lasts_s:
            what = f"the client is dead from {Seconds(killed)} on"
            return Infeasible(what=what, allowed="a moment at which it runs", key="at")
    return None


Times = list[tuple[float, float]]
"""Times from one moment to another, in seconds after time zero, in order."""


def stood_still(seen: Occurrence[Any]) -> Times:
    """Return the times in which the client's process was stopped while this fault was in force."""
    return list(_between(seen, seen.evidence.between(ClientProcess, seen.at, seen.over), "suspended"))


def was_blocked(seen: Occurrence[Any]) -> Times:
    """Return the times in which the client's app had no network while this fault was in force."""
    return list(_between(seen, seen.evidence.between(ClientNetwork, seen.at, seen.over), "blocked"))


def was_dead(seen: Occurrence[Any]) -> Times:
    """Return the times in which the client's process was gone while this fault was in force, and up to its start."""
    states = list(seen.evidence.between(ClientProcess, seen.at, seen.over + AT_ONCE_S))
    return list(_between(seen, states, "killed"))


def _between(
    seen: Occurrence[Any], entries: Iterable[Entry[ClientProcess]] | Iterable[Entry[ClientNetwork]], begins: str
) -> Iterator[tuple[float, float]]:
    since: float | None = None
    for entry in entries:
        if entry.event.state == begins:
            since = entry.t
        elif since is not None:
            yield since, entry.t
            since = None
    if since is not None:
        yield since, seen.over


def sent_meanwhile(seen: Occurrence[Any], times: Times, *, anything: bool) -> str:
    """Say that the client sent something in times in which it could not; empty if it did not.

    Args:
        seen: the fault.
        times: those times.
        anything: whether even the kernel could not send, such as a retransmission of TCP.
    """
    for since, until in times:
        if (sent := _sent(seen.evidence, since + AT_ONCE_S, until - BEFORE_S, anything=anything)) is not None:
            return f"the client sent something at {sent.t:.1f} s"
    return ""


def waits_unread(seen: Occurrence[Any], lost: LostProbe, times: Times) -> Entry[Packet] | None:
    """Return the packet in which a probe reached the client's link in one of these times; None: it did not."""
    links = {link.name for link in seen.evidence.cell.topology.client_links()}
    if not lost.probe.unreached:
        return None
    for since, until in times:
        first, last = max(since, lost.probe.asked_s - BEFORE_S), min(until, lost.probe.known_s)
        for entry in packets_of(seen.evidence, lost.flow, first, last):
            here = entry.event.link in links and entry.event.from_ != seen.evidence.client
            if here and entry.event.payload > 0:
                return entry
    return None


def harm_of_sleep(seen: Occurrence[Any], lost: LostProbe) -> FaultImpact | None:
    """Return the harm of what the client did not send: its account expired, or what it used to refresh ended."""
    until = seen.over + AT_ONCE_S
    gone: list[Entry[Event]] = [entry for entry in expired(seen, lost) if seen.at + AT_ONCE_S < entry.t <= until]
    if gone:
        return FaultImpact(since_s=seen.at, evidence=(gone[0].line,), words=" and did not renew its account")
    ended: list[Entry[Event]] = [
        *seen.evidence.lost_mappings(lost.flow, lost.probe.asked_s, lost.probe.known_s),
        *(e for e in seen.evidence.of(ServerFlow, id=lost.flow.id) if e.event.state in ENDED_AT_SERVER),
    ]
    ended = [entry for entry in ended if seen.at + AT_ONCE_S < entry.t <= until]
    if not ended or not _used_to_send(seen, lost.flow):
        return None
    first = min(ended, key=lambda entry: entry.t)
    return FaultImpact(since_s=seen.at, evidence=(first.line,), words=" and sent no keep-alive")


def _flows(evidence: Evidence) -> list[Flow]:
    ids = {entry.event.id for entry in evidence.of(ServerFlow)}
    return [flow for flow in map(evidence.flows.get, sorted(ids)) if flow is not None]


def _own_data(evidence: Evidence, flow: Flow) -> list[Entry[Packet]]:
    """Return the packets with data that the client's node sent on a flow, in time order."""
    links = {link.name for link in evidence.cell.topology.client_links()}
    return [
        entry
        for entry in packets_of(evidence, flow)
        if entry.event.link in links and entry.event.from_ == evidence.client and entry.event.payload > 0
    ]


def _sent(evidence: Evidence, since: float, until: float, *, anything: bool) -> Entry[Packet] | None:
    """Return the first packet with data in a time, of TCP no retransmission unless ``anything``; None: none."""
    for flow in _flows(evidence):
        before: set[int | None] = set()
        for entry in _own_data(evidence, flow):
            is_new = anything or flow.proto == "udp" or entry.event.seq not in before
            if since < entry.t < until and is_new:
                return entry
            before.add(entry.event.seq)
    return None


def _used_to_send(seen: Occurrence[Any], flow: Flow) -> bool:
    """Return whether the client had sent something by itself on a flow, or has a mitigation that would."""
    evidence = seen.evidence
    if any(one.side == "client" and hasattr(one, "interval") for one in evidence.cell.strategy.mitigations):
        return True
    heard = [entry.t for entry in packets_of(evidence, flow, -inf, seen.at) if entry.event.dst in flow.endpoints]
    for entry in _own_data(evidence, flow):
        before = bisect_left(heard, entry.t - AT_ONCE_S), bisect_right(heard, entry.t)
        if 0 < entry.t < seen.at and before[0] == before[1]:
            return True
    return False
