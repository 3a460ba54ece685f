"""Follows each mapping of the middleboxes from its birth to its end, with the packets that mattered to its timer. Pure.

A packet counts as it leaves the middlebox, on either side: one that was lost in it has refreshed nothing
(``lab.actors.mapping_expiry``, which ages mappings the same way).
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from lab.model.endpoint import Endpoint
from lab.model.middlebox import Middlebox, RefreshDirection, RefreshingSegments
from lab.record.entry import Entry
from lab.record.events import Mapping, Packet
from lab.record.evidence import BEFORE_S, Evidence

QUIET_S = 1.0
"""A flow that was quiet for this time is said to have been: a middlebox's timer may have run."""

_Key = tuple[str, str, Endpoint, Endpoint, Endpoint]
"""Node, protocol, endpoint inside, endpoint outside, remote endpoint."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Refresh:
    """A packet that started a mapping's idle timer anew, for the last time for a while.

    Attributes:
        packet: as it left the middlebox.
        quiet_s: for how long nothing refreshed the mapping afterwards, while it was there.
        last: nothing refreshed it again.
    """

    packet: Entry[Packet]
    quiet_s: float
    last: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class MappingLife:
    """A mapping of one middlebox.

    Attributes:
        node: the middlebox.
        mapping: its endpoints.
        since_s: when it was there first.
        born: the line that tells; None: it was there when the record began.
        gone: the line of its end; None: it outlived the record.
        refreshes: the packets before its end and before its longest silence of a second or more, which may be one; in
            the order of time.
    """

    node: str
    mapping: Mapping
    since_s: float
    born: Entry[Mapping] | None
    gone: Entry[Mapping] | None
    refreshes: tuple[Refresh, ...]

    @property
    def name(self) -> str:
        """The mapping in a sentence: its endpoints."""
        return f"mapping {self.mapping.inside} - {self.mapping.outside} to {self.mapping.remote}"

    def told(self, refresh: Refresh) -> str:
        """Say how a packet refreshed it."""
        if not refresh.last:
            return f"refreshed, then not for {refresh.quiet_s:.3f} s"
        if self.gone is None:
            return "refreshed for the last time; it outlived the run"
        return f"refreshed for the last time, {refresh.quiet_s:.3f} s before it ended"


def mapping_lives(evidence: Evidence) -> list[MappingLife]:
    """Return the lives of all mappings, by the time at which they began."""
    boxes = dict(evidence.cell.middleboxes)
    seen = _Departures(evidence)
    over = max((entry.t for entry in evidence.entries), default=0.0)
    lives = []
    ended: dict[_Key, float] = defaultdict(lambda: min((entry.t for entry in evidence.entries), default=0.0))
    for node, mapping, born, gone in _births_and_ends(evidence):
        key = (node, mapping.proto, mapping.inside, mapping.outside, mapping.remote)
        since = ended[key] if born is None else born.t
        until = ended[key] = over if gone is None else gone.t
        box = boxes.get(node)
        passed = [] if box is None else seen.of(node, mapping, since, until)
        packets = [each for each in passed if box is not None and _counts(each, box, mapping)]
        lives.append(
            MappingLife(
                node=node,
                mapping=mapping,
                since_s=since,
                born=born,
                gone=gone,
                refreshes=tuple(_refreshes(packets, until, ended=gone is not None)),
            )
        )
    return sorted(lives, key=lambda life: life.since_s)


def _births_and_ends(
    evidence: Evidence,
) -> Iterator[tuple[str, Mapping, Entry[Mapping] | None, Entry[Mapping] | None]]:
    """Yield node, mapping, birth and end; one that is born again without an end ended then."""
    born: dict[_Key, Entry[Mapping]] = {}
    for entry in evidence.of(Mapping):
        event = entry.event
        key = (entry.who, event.proto, event.inside, event.outside, event.remote)
        before = born.pop(key, None)
        if event.state == "new":
            if before is not None:
                yield entry.who, before.event, before, entry
            born[key] = entry
        else:
            yield entry.who, event if before is None else before.event, before, entry
    for entry in born.values():
        yield entry.who, entry.event, entry, None


def _refreshes(packets: Sequence[Entry[Packet]], until: float, *, ended: bool) -> Iterator[Refresh]:
    """Yield the packet before the longest silence, and the last one before the end, if the mapping has ended."""
    if not packets:
        return
    times = [each.t for each in packets[1:]] + [until]
    found = [
        Refresh(packet=each, quiet_s=max(0.0, later - each.t), last=each is packets[-1])
        for each, later in zip(packets, times, strict=True)
    ]
    longest = max(found, key=lambda refresh: refresh.quiet_s)
    if longest.quiet_s >= QUIET_S:
        yield longest
    if ended and found[-1] is not longest:
        yield found[-1]


def _counts(entry: Entry[Packet], box: Middlebox, mapping: Mapping) -> bool:
    """Return whether a packet starts the timer of its mapping anew."""
    packet = entry.event
    if box.refreshing_segments is RefreshingSegments.DATA and mapping.proto == "tcp" and packet.payload == 0:
        return False
    if box.refresh_direction is RefreshDirection.BOTH:
        return True
    return (packet.src != mapping.remote) is (box.refresh_direction is RefreshDirection.OUTBOUND)


class _Departures:
    """The packets that left middleboxes, by mapping."""

    def __init__(self, evidence: Evidence) -> None:
        self._packets: dict[tuple[str, str, Endpoint, Endpoint], list[Entry[Packet]]] = defaultdict(list)
        nodes = {node.name for node in evidence.cell.topology.nodes if node.inside}
        for entry in evidence.of(Packet):
            if entry.event.from_ in nodes:
                packet = entry.event
                self._packets[packet.from_, packet.proto, packet.src, packet.dst].append(entry)

    def of(self, node: str, mapping: Mapping, since: float, until: float) -> list[Entry[Packet]]:
        """Return the packets of a mapping that left its middlebox in a time, either way."""
        ways = ((mapping.outside, mapping.remote), (mapping.remote, mapping.inside))
        found: list[Entry[Packet]] = []
        for src, dst in ways:
            packets = self._packets.get((node, mapping.proto, src, dst), [])
            first = bisect_left(packets, since - BEFORE_S, key=lambda entry: entry.t)
            found += packets[first : bisect_right(packets, until, key=lambda entry: entry.t)]
        return sorted(found, key=lambda entry: (entry.t, entry.line))
