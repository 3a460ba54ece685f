"""Finds what the record of a cell says about its packets. Pure.

Each comment stands on a packet, which is named by the line of the record that it has: on the packet that an event
concerns, else on the next one that passed afterwards.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterator, Sequence

from lab.judge import probe_packets
from lab.model.endpoint import Endpoint
from lab.record.entry import Entry
from lab.record.events import SENTINEL_PORT, FaultBegan, FaultEnded, Mapping, Packet
from lab.record.evidence import BEFORE_S, Evidence, ProbeAttempt
from lab.record.mapping_lives import QUIET_S, mapping_lives

SENTINEL = "sentinel"
"""Stands in the comment of each packet of the sentinel; ``!(frame.comment contains "sentinel")`` hides them."""


def comments(evidence: Evidence) -> dict[int, list[str]]:
    """Return the comments on packets, by the line of the packet's event in the record."""
    packets = list(evidence.of(Packet))
    found: dict[int, list[str]] = defaultdict(list)
    for line, text in (
        *_sentinel(packets),
        *_mappings(evidence, packets),
        *_refreshes(evidence),
        *_silences(evidence, packets),
        *_faults(evidence, packets),
        *_probes(evidence),
    ):
        found[line].append(text)
    return found


def _sentinel(packets: Sequence[Entry[Packet]]) -> Iterator[tuple[int, str]]:
    for each in packets:
        if SENTINEL_PORT in (each.event.src.port, each.event.dst.port):
            yield each.line, f"{SENTINEL}: the lab's own, to see what the middlebox does"


def _mappings(evidence: Evidence, packets: Sequence[Entry[Packet]]) -> Iterator[tuple[int, str]]:
    for each in evidence.of(Mapping):
        mapping = each.event
        text = f"{each.who}: mapping {mapping.inside} - {mapping.outside} to {mapping.remote}"
        of_it = [packet for packet in packets if _belongs(packet.event, mapping)]
        if mapping.state == "new":
            before = [packet for packet in of_it if packet.t <= each.t + BEFORE_S]
            if before:
                first = next((packet for packet in before if packet.t >= each.t - BEFORE_S), before[-1])
                yield first.line, f"{text} created"
            continue
        after = next((packet for packet in of_it if packet.t >= each.t), None)
        if after is not None:
            yield after.line, f"{text} had ended at {each.t:.3f} s"
        elif of_it:
            yield of_it[-1].line, f"{text} ended later, at {each.t:.3f} s"


def _refreshes(evidence: Evidence) -> Iterator[tuple[int, str]]:
    """Yield the packets that refreshed a mapping for the last time before its end, or before its longest silence."""
    for life in mapping_lives(evidence):
        for each in life.refreshes:
            yield each.packet.line, f"{life.node}: {life.name} {life.told(each)}"


def _belongs(packet: Packet, mapping: Mapping) -> bool:
    ends = {packet.src, packet.dst}
    return packet.proto == mapping.proto and mapping.remote in ends and bool({mapping.inside, mapping.outside} & ends)


def _silences(evidence: Evidence, packets: Sequence[Entry[Packet]]) -> Iterator[tuple[int, str]]:
    """Yield the packets that end a silence at a middlebox, on its inside."""
    inside = {node.inside: node.name for node in evidence.cell.topology.nodes if node.inside}
    last: dict[tuple[str, frozenset[Endpoint]], float] = {}
    for each in packets:
        node = inside.get(each.event.link)
        if node is None or each.event.proto not in ("tcp", "udp"):
            continue
        flow = each.event.link, frozenset((each.event.src, each.event.dst))
        quiet = each.t - last.get(flow, each.t)
        last[flow] = each.t
        if quiet >= QUIET_S:
            yield each.line, f"{node}: nothing on this flow for {quiet:.3f} s before"


def _faults(evidence: Evidence, packets: Sequence[Entry[Packet]]) -> Iterator[tuple[int, str]]:
    times = [each.t for each in packets]
    began = [(each.t, each.event.n, each.event.fault, "began") for each in evidence.of(FaultBegan)]
    ended = [(each.t, each.event.n, each.event.fault, "was over") for each in evidence.of(FaultEnded)]
    for t, number, kind, verb in (*began, *ended) if packets else ():
        next_one = min(bisect_left(times, t), len(packets) - 1)
        yield packets[next_one].line, f"fault {number + 1}, {kind}, {verb} at {t:.3f} s"


def _probes(evidence: Evidence) -> Iterator[tuple[int, str]]:
    for probe in evidence.probes:
        for lines in probe_packets.packets(evidence, probe, evidence.flow_of(probe)).values():
            yield lines[0], f"probe {probe.name}, {probe.kind.upper()} of {probe.asked_s:.3f} s: {_fate(probe)}"


def _fate(probe: ProbeAttempt) -> str:
    if probe.answered:
        return f"answered at {probe.known_s:.3f} s"
    return f"not answered ({probe.reason or 'refused'}), known at {probe.known_s:.3f} s"
