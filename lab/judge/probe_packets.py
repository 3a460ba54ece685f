"""Follows the packets of one probe from the server towards the client. Pure function of the evidence.

A capture shows endpoints and sizes, not requests. So what the server sent at the same time for another reason (an
answer, a keep-alive) is told apart by when the server says that it sent it.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Sequence

from lab.model.endpoint import Endpoint
from lab.record.entry import Entry
from lab.record.events import KeepAlive, Packet, Probe, ResponseSent
from lab.record.evidence import BEFORE_S, Evidence, ProbeAttempt
from lab.record.flows import Flow


def packets(evidence: Evidence, probe: ProbeAttempt, flow: Flow | None) -> dict[str, list[int]]:
    """Return the lines of the packets with data that carried a probe's request, by the link that saw them.

    Over UDP these are the packets as large as the first one; over TCP the segments from its sequence number on, but for
    those that carried something else. A proxy sends a request on at once, with sequence numbers of its own.
    """
    if flow is None:
        return {}
    topology = evidence.cell.topology
    if flow.front is None:
        return _on_connection(evidence, probe, flow, flow.endpoints, topology.server_link().name)
    left = _on_connection(evidence, probe, flow, (flow.peer,), topology.server_link().name)
    on = _on_connection(evidence, probe, flow, flow.client_ends, topology.front_link().name)
    return {**left, **on} if left else {}


def _on_connection(
    evidence: Evidence, probe: ProbeAttempt, flow: Flow, ends: Sequence[Endpoint], nearest: str
) -> dict[str, list[int]]:
    """Return them for one connection of the flow, whose client's end is one of ``ends``; they left on ``nearest``."""
    towards = list(_towards_client(evidence, probe, flow, set(ends)))
    left = [entry for entry in towards if entry.event.link == nearest]
    other = _sent_for_another_reason(evidence, probe, flow, left)
    own = [entry for entry in left if entry.line not in other]
    if not own:
        return {}
    first = own[0].event
    strange = {entry.event.seq for entry in left if entry.line in other}
    seen: dict[str, list[int]] = {}
    for entry in towards:
        packet = entry.event
        if flow.proto == "udp":
            mine = packet.payload == first.payload
        elif packet.seq is None or first.seq is None:
            mine = entry.line not in other
        else:
            mine = packet.seq >= first.seq and packet.seq not in strange
        if mine:
            seen.setdefault(packet.link, []).append(entry.line)
    return seen


def _towards_client(
    evidence: Evidence, probe: ProbeAttempt, flow: Flow, ends: set[Endpoint]
) -> Iterator[Entry[Packet]]:
    for entry in evidence.packets_of(flow, probe.asked_s - BEFORE_S, probe.known_s):
        if entry.event.dst in ends and entry.event.payload > 0:
            yield entry


def _sent_for_another_reason(
    evidence: Evidence, probe: ProbeAttempt, flow: Flow, left: list[Entry[Packet]]
) -> set[int]:
    """Return the lines of packets that are the server's answers, its keep-alives, or another probe's request.

    What the server says that it sent, and the packets, are matched in time order within the same instant.
    """
    sent = [(entry.t, True) for entry in evidence.of(ResponseSent, flow=flow.id)]
    sent += [(entry.t, True) for entry in evidence.of(KeepAlive, state="sent", flow=flow.id)]
    steps = (entry for entry in evidence.of(Probe, flow=flow.id) if entry.event.state in ("sent", "ending"))
    sent += [(entry.t, entry.event.probe != probe.name) for entry in steps]
    times = [entry.t for entry in left]
    taken: set[int] = set()
    another: set[int] = set()
    for t, of_another in sorted(sent):
        first, last = bisect_left(times, t - BEFORE_S), bisect_left(times, t + BEFORE_S)
        free = next((entry.line for entry in left[first:last] if entry.line not in taken), None)
        if free is not None:
            taken.add(free)
            if of_another:
                another.add(free)
    return another
