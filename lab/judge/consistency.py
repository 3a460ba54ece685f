"""Finds contradictions between record and scenario; a cell with one must not pass. Pure.

Faults and sentinel prove that they were there. This looks at the other side: whether the probes themselves, and the
flow they took, agree that it was so.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from math import isinf

from lab.faults.base import STANDS_STILL, occurrences
from lab.judge.metrics import client_packets
from lab.judge.tolerances import CLOCKS_S, LATE_S
from lab.model.endpoint import Endpoint
from lab.model.middlebox import Middlebox, RefreshDirection, RefreshingSegments
from lab.model.registrar import GoneConnection
from lab.model.scenario import ProbeKind, Transport
from lab.record.entry import Entry
from lab.record.events import Mapping, Packet
from lab.record.evidence import BEFORE_S, Evidence
from lab.units import Seconds


def why_inconclusive(evidence: Evidence) -> str:
    """Say why the record contradicts the scenario; empty if it does not."""
    return next(_contradictions(evidence), "")


def _contradictions(evidence: Evidence) -> Iterator[str]:
    yield from _untimely(evidence)
    yield from _unseen(evidence)
    yield from _impossible(evidence)
    for node, box in evidence.cell.middleboxes:
        yield from _let_in(evidence, node, box)


def _untimely(evidence: Evidence) -> Iterator[str]:
    """Find probes that came at another time than they should, or were answered too late to count; faults likewise."""
    cell = evidence.cell
    connects = cell.server.with_gone_connection is not GoneConnection.FAIL  # or waits, which takes time
    probes = {probe.name: probe for probe in evidence.probes}
    froze = [occurred.at for fault, occurred in occurrences(evidence) if fault.holds == STANDS_STILL]
    for number, probe in enumerate(cell.probes, start=1):
        seen = probes[f"p{number}"]
        if seen.reason == "server-frozen" and not any(t <= seen.known_s for t in froze):
            yield f"probe p{number} was not sent in time, and nothing froze the server"
        if not seen.answered:
            continue
        if not -CLOCKS_S <= seen.sent_s - probe.at <= LATE_S + connects * probe.within:
            yield f"probe p{number} was sent at {seen.sent_s:.1f} s, not at {probe.at}"
        if probe.kind_ is ProbeKind.INVITE and seen.asked_s - seen.sent_s < probe.hold - CLOCKS_S:
            yield f"call p{number} was ended after {seen.asked_s - seen.sent_s:.1f} s, not held for {probe.hold}"
        if seen.known_s - seen.asked_s > probe.within + LATE_S:
            waited = f"{seen.known_s - seen.asked_s:.1f} s"
            yield f"probe p{number} counts as answered after {waited}, not within {probe.within}"
    for fault, occurred in occurrences(evidence):
        name = f"fault {occurred.began.event.n + 1} ({occurred.began.event.fault})"
        if fault.at.fixed is not None and abs(occurred.at - fault.at.fixed) > LATE_S:
            yield f"{name} came at {occurred.at:.1f} s, not at {fault.at}"
        lasts, lasted = fault.lasts_s, (cell.ends if isinf(occurred.over) else occurred.over) - occurred.at
        if 0 < lasts < float("inf") and abs(lasted - min(lasts, cell.ends - occurred.at)) > LATE_S:
            yield f"{name} was over after {lasted:.1f} s, not {Seconds(lasts)}"


def _unseen(evidence: Evidence) -> Iterator[str]:
    """Find probes that the server takes for answered and of which the client's own links saw nothing."""
    seen = [entry for entry in client_packets(evidence) if entry.event.payload > 0]
    times = [entry.t for entry in seen]
    for probe in evidence.probes:
        first, last = bisect_left(times, probe.asked_s - BEFORE_S), bisect_right(times, probe.known_s + BEFORE_S)
        sent = {entry.event.from_ == evidence.client for entry in seen[first:last]}
        if probe.answered and sent != {True, False}:
            what = "came back" if False in sent else "reached the client"
            yield f"probe {probe.name} counts as answered at {probe.known_s:.1f} s, and nothing {what}"


def _impossible(evidence: Evidence) -> Iterator[str]:
    """Find probes that were sent and answered while nothing could pass, or nobody was there."""
    for fault, seen in occurrences(evidence):
        for probe in evidence.probes:
            if not (probe.answered and seen.at < probe.sent_s and probe.known_s < seen.over):
                continue
            flows = evidence.flows
            flow = flows.get(probe.flow, probe.sent_s) if probe.flow else flows.current(probe.sent_s)
            if fault.blocks(seen, probe, flow):
                name = type(fault).__name__
                yield f"probe {probe.name} was answered at {probe.known_s:.1f} s, in the midst of {name}"


def _let_in(evidence: Evidence, node: str, box: Middlebox) -> Iterator[str]:
    """Find packets that a middlebox let in on a mapping that should have ended, of the very flows that probes take.

    What it passes is what a capture sees it send: outwards from the mapped endpoint, inwards to the client's.
    """
    cell = evidence.cell
    timer = _longest(box, cell.transport)
    if timer is None:
        return
    about = cell.topology.node(node)
    mapped = {entry.event.outside: entry.event.inside for entry in evidence.of(Mapping, who=node, state="new")}
    insides = set(mapped.values())
    under_way = sum(each.one_way_delay + each.jitter for each in cell.impairments)
    refreshed: dict[Endpoint, float] = {}
    # of packets of one instant those outwards come first: each link is captured by itself, and they make the mapping
    for entry in sorted(_passed(evidence, node), key=lambda one: (one.t, one.event.link != about.outside)):
        packet = entry.event
        outwards = packet.link == about.outside
        inside = mapped.get(packet.src) if outwards else packet.dst
        if inside is None or inside not in insides:
            continue
        quiet = entry.t - refreshed.get(inside, entry.t)
        if not outwards and quiet > timer + LATE_S + under_way:
            yield f"middlebox {node} let a packet in after {quiet:.1f} s of silence, its timer is {Seconds(timer)}"
        if (outwards or box.refresh_direction is RefreshDirection.BOTH) and _counts(box, packet):
            refreshed[inside] = entry.t


def _longest(box: Middlebox, transport: Transport) -> float | None:
    """Return the longest life of a mapping without refresh; None: unlimited, or not by the timers."""
    if transport.value in [alg.value for alg in box.sip_alg]:  # it keeps mappings as it likes
        return None
    if transport is Transport.UDP:
        return max(box.udp_mapping_timer, box.new_udp_timer)
    established = box.established_idle_timeout
    return None if established is None else max(established, box.transitory_timeout)


def _passed(evidence: Evidence, node: str) -> Iterator[Entry[Packet]]:
    """Return the packets of the scenario's transport that a node sent on, but none that begins or ends a connection."""
    proto = "udp" if evidence.cell.transport is Transport.UDP else "tcp"
    for entry in evidence.of(Packet, proto=proto, from_=node):
        if not {"F", "R", "S"} & set(entry.event.flags):
            yield entry


def _counts(box: Middlebox, packet: Packet) -> bool:
    """Return whether a packet starts a mapping's timer anew."""
    return box.refreshing_segments is RefreshingSegments.ANY or packet.proto == "udp" or packet.payload > 0
