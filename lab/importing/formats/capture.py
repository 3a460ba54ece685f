"""Reads captures: pcap and pcapng, of one or several interfaces."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator
from typing import Any

from lab.importing.capture_file import PCAP_MAGICS, PCAPNG_MAGIC, RawFrame, read_frames
from lab.importing.connection import Connection, Item
from lab.importing.facts import (
    Datagram,
    Endpoint,
    Fact,
    KeepAlive,
    Kept,
    Message,
    Place,
    Record,
    Segment,
    Unreachable,
    Viewpoint,
)
from lab.importing.packets import Decoder, Packet, quoted
from lab.importing.sip_text import begins_sip, read_message
from lab.importing.source import Source
from lab.importing.tls_keys import read_key_log

NAME = "pcap or pcapng"

MOST_CONNECTIONS = 1024
"""Connections that are followed at a time, of one file; the one that was quiet for longest is given up."""
MOST_UDP_FLOWS = 65_536
"""UDP flows that are known to carry SIP."""
TINY = 8
"""Bytes of a datagram that keeps a flow alive and says nothing; pjsip, Asterisk and others send CR, LF or zeros."""
_STUN_COOKIE = b"\x21\x12\xa4\x42"  # RFC 8489 §5


def recognises(head: bytes) -> bool:
    """Return whether a file begins as a capture."""
    return head[:4] in PCAP_MAGICS or head[:4] == PCAPNG_MAGIC


def read(source: Source) -> Iterator[Fact]:
    """Yield the facts of a capture."""
    reader = _Reader(source)
    with source.path.open("rb") as file:
        for frame in read_frames(file, remark=source.remark, secrets=lambda data: _add(data, source)):
            source.until = max(source.until, frame.t)
            yield from reader.facts(frame)
    if not reader.frames:
        raise source.problem("no frame can be read" + "".join(f" ({text})" for text in source.remarks))
    if not reader.packets:
        source.remark("none of its frames is an IP packet of a link layer that the lab knows")


def _add(data: bytes, source: Source) -> None:
    read_key_log(data, source.keys)


class _Reader:
    def __init__(self, source: Source) -> None:
        self._source = source
        self._decoder = Decoder()
        self._views: dict[int, Viewpoint] = {}
        self._connections: OrderedDict[tuple[Any, ...], Connection] = OrderedDict()
        self._udp: OrderedDict[tuple[Endpoint, Endpoint], str] = OrderedDict()
        self.frames = self.packets = 0

    def facts(self, frame: RawFrame) -> Iterator[Fact]:
        self.frames += 1
        packet = self._decoder.decode(frame)
        if packet is None:
            return
        self.packets += 1
        wanted = self._source.wanted
        view = self._views.setdefault(frame.interface, Viewpoint(file=self._source.number, interface=frame.interface))
        place = Place(self._source.number, frame.number)
        if packet.protocol == "icmp":
            yield from self._icmp(packet, frame.t, place, view)
            return
        if wanted is not None and not wanted(packet.source, packet.destination):
            return
        common = {
            "t": frame.t,
            "place": place,
            "view": view,
            "source": Endpoint(packet.source, packet.source_port),
            "destination": Endpoint(packet.destination, packet.destination_port),
        }
        yield from self._tcp(packet, common) if packet.protocol == "tcp" else self._datagram(packet, common)

    def _icmp(self, packet: Packet, t: float, place: Place, view: Viewpoint) -> Iterator[Fact]:
        found = quoted(packet)
        if found is None:
            return
        transport, host, port, other, other_port = found
        if self._source.wanted is None or self._source.wanted(host, other):
            yield Unreachable(
                t=t,
                place=place,
                view=view,
                source=Endpoint(packet.source, 0),
                destination=Endpoint(host, port),
                transport=transport,
                about=Endpoint(other, other_port),
                code=packet.code,
            )

    def _datagram(self, packet: Packet, common: dict[str, Any]) -> Iterator[Fact]:
        ends = common["source"], common["destination"]
        flow = min(ends), max(ends)
        data = packet.payload
        message = (
            read_message(data.lstrip(b"\r\n\0"), self._source.pseudonym) if begins_sip(data.lstrip(b"\r\n\0")) else None
        )
        if message is not None and flow not in self._udp:
            self._udp[flow] = "udp"
            if len(self._udp) > MOST_UDP_FLOWS:
                self._udp.popitem(last=False)
        if flow not in self._udp:
            return
        yield Datagram(**common, transport="udp", size=packet.size, ttl=packet.ttl)
        if message is not None:
            yield Message(**common, transport="udp", **message)
        elif (kept := _kept(data, packet.size)) is not None:
            yield KeepAlive(**common, transport="udp", what=kept)

    def _tcp(self, packet: Packet, common: dict[str, Any]) -> Iterator[Fact]:
        source, destination = common["source"], common["destination"]
        key = (common["view"].interface, min(source, destination), max(source, destination))
        connection = self._connections.get(key)
        if connection is None or (
            "S" in packet.flags and "A" not in packet.flags and not _again(connection, source, packet)
        ):
            connection = self._connections[key] = Connection(_client(source, destination, packet), self._source.keys)
            if len(self._connections) > MOST_CONNECTIONS:
                self._connections.popitem(last=False)
        self._connections.move_to_end(key)
        items = connection.feed(source, packet.seq, packet.payload, syn="S" in packet.flags)
        if packet.size > len(packet.payload):
            self._source.remark(f"frame {common['place'].number} was not captured whole (snap length)")
        transport = connection.transport
        yield Segment(
            **common,
            transport=transport,
            flags=packet.flags,
            seq=packet.seq,
            ack=packet.ack,
            size=packet.size,
            ttl=packet.ttl,
        )
        for item in items:
            yield from self._item(item, {**common, "transport": connection.transport})

    def _item(self, item: Item, common: dict[str, Any]) -> Iterator[Fact]:
        if isinstance(item, Kept):
            yield KeepAlive(**common, what=item)
        elif isinstance(item, bytes):
            message = read_message(item, self._source.pseudonym)
            if message is not None:
                yield Message(**common, **message)
        else:
            yield Record(**common, kind=item.kind, size=item.size, closes=item.closes)


def _again(connection: Connection, source: Endpoint, packet: Packet) -> bool:
    """Return whether a SYN is one that was sent again."""
    return connection.direction(source).expected == (packet.seq + 1) % 2**32


def _client(source: Endpoint, destination: Endpoint, packet: Packet) -> Endpoint:
    """Return the end of a connection that opened it, as far as its first packet tells."""
    if "S" in packet.flags:
        return destination if "A" in packet.flags else source
    return source if source.port >= destination.port else destination


def _kept(data: bytes, size: int) -> Kept | None:
    if size <= TINY:
        return {b"\r\n\r\n": Kept.PING, b"\r\n": Kept.PONG}.get(data, Kept.EMPTY)
    if len(data) >= 20 and data[4:8] == _STUN_COOKIE:
        return {b"\x00\x01": Kept.STUN_REQUEST, b"\x01\x01": Kept.STUN_RESPONSE}.get(data[:2])
    return None
