"""Follows the packets between client and server from the link where they left to the one where they arrived. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Hashable, Iterable
from dataclasses import dataclass

from lab.record.entry import Entry
from lab.record.events import SENTINEL_PORT, Packet
from lab.record.evidence import BEFORE_S, Evidence
from lab.timeline.arrivals import Seen, least_s, matched

_NAME_SERVER = 53
"""The port of name servers (RFC 1035 §4.2): no SIP goes there."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Passage:
    """A packet of one end, or one that the network made.

    Attributes:
        entry: as it was seen where it began; of one that the network made, where it arrived.
        arrived: as it was seen on the last link; None: it was not.
        lost: whether it was seen where it left and never where it should arrive; None: the record ends too early.
        maker: the node that sent it.
    """

    entry: Entry[Packet]
    arrived: Entry[Packet] | None
    lost: bool | None
    maker: str


class Passages:
    """The packets between the client and where its connections end, the server or a proxy before it.

    Without the lab's own flows and questions to name servers.
    """

    def __init__(self, evidence: Evidence) -> None:
        topology = evidence.cell.topology
        self._evidence = evidence
        self._client_links = {link.name for link in topology.client_links()}
        self._front, self._front_link = topology.front().name, topology.front_link().name
        ways = [topology.way(link).links for link in topology.client_links()]
        self._place = {name: place for way in ways for place, name in enumerate(way)}  # counted from the client
        self._packets = [
            entry
            for entry in evidence.of(Packet)
            if not {SENTINEL_PORT, _NAME_SERVER} & {entry.event.src.port, entry.event.dst.port}
        ]
        self._over = max((entry.t for entry in evidence.entries), default=0.0)

    def to_server(self) -> list[Passage]:
        """Return what the client sent to the server, and what arrived there otherwise, in the order of time."""
        evidence = self._evidence
        sent = [each for each in self._at(self._client_links) if each.event.from_ == evidence.client]
        got = [each for each in self._at({self._front_link}) if each.event.from_ != self._front]
        return self._passages(sent, got, evidence.client, to_server=True)

    def to_client(self) -> list[Passage]:
        """Return what the server sent to the client, and what arrived there otherwise, in the order of time."""
        evidence = self._evidence
        sent = [each for each in self._at({self._front_link}) if each.event.from_ == self._front]
        got = [each for each in self._at(self._client_links) if each.event.from_ != evidence.client]
        return self._passages(sent, got, self._front, to_server=False)

    def _at(self, links: set[str]) -> Iterable[Entry[Packet]]:
        return (each for each in self._packets if each.event.link in links)

    def _passages(
        self, sent: list[Entry[Packet]], got: list[Entry[Packet]], sender: str, *, to_server: bool
    ) -> list[Passage]:
        least = least_s(self._evidence.cell, to_server=to_server)
        pairs = matched(_seen(sent, to_server=to_server), _seen(got, to_server=to_server), least_s=least)
        arrivals = {sending: got[receipt] for receipt, sending in pairs.items()}
        found = []
        for place, entry in enumerate(sent):
            arrived = arrivals.get(place)
            lost = arrived is None if arrived or entry.t + least + BEFORE_S <= self._over else None
            found.append(Passage(entry=entry, arrived=arrived, lost=lost, maker=sender))
        strange = [entry for place, entry in enumerate(got) if place not in pairs]
        makers = _Makers(self._packets, self._place, to_server=to_server) if strange else None
        for entry in strange:
            assert makers is not None
            found.append(Passage(entry=entry, arrived=entry, lost=False, maker=makers.of(entry)))
        return sorted(found, key=lambda each: (each.entry.t, each.entry.line))


class _Makers:
    """Finds which node has made a packet that no end sent: the one that put it onto the first link that saw it."""

    def __init__(self, packets: Iterable[Entry[Packet]], place: dict[str, int], *, to_server: bool) -> None:
        self._to_server = to_server
        self._seen: dict[Hashable, list[tuple[int, Entry[Packet]]]] = defaultdict(list)
        for each in packets:
            if each.event.link in place:
                nearness = place[each.event.link] * (1 if to_server else -1)
                self._seen[_key(each.event, to_server=to_server)].append((nearness, each))

    def of(self, arrived: Entry[Packet]) -> str:
        """Return the node that has made the packet that was seen here."""
        seen = self._seen[_key(arrived.event, to_server=self._to_server)]
        before = [(nearness, each) for nearness, each in seen if abs(each.t - arrived.t) <= BEFORE_S]
        return min(before, key=lambda one: one[0])[1].event.from_


def _seen(entries: list[Entry[Packet]], *, to_server: bool) -> list[Seen]:
    return [Seen(each.t, _key(each.event, to_server=to_server)) for each in entries]


def _key(packet: Packet, *, to_server: bool) -> Hashable:
    """Return what a packet keeps on its way through NATs."""
    return packet.proto, packet.dst if to_server else packet.src, packet.payload, packet.flags, packet.seq
