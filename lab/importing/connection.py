"""Reads what one viewpoint saw of a TCP connection: SIP, keep-alives, TLS records, WebSocket frames. No I/O."""

from __future__ import annotations

from dataclasses import dataclass, field

from lab.importing.facts import Endpoint, Kept
from lab.importing.sip_stream import SipStream
from lab.importing.sip_text import begins_sip
from lab.importing.tcp_stream import TcpDirection
from lab.importing.tls_keys import Secrets
from lab.importing.tls_stream import Seen, TlsConnection, begins_tls
from lab.importing.websocket_stream import FrameReader, Opcode

_HEADS = (b"GET ", b"HTTP/1.")
_LARGEST_HEAD = 16_384
Item = bytes | Kept | Seen
"""A SIP message, a keep-alive, or a TLS record that has neither."""
_WS_KEPT = {Opcode.PING: Kept.WS_PING, Opcode.PONG: Kept.WS_PONG}


@dataclass
class _Way:
    """One direction above TLS."""

    tcp: TcpDirection = field(default_factory=TcpDirection)
    sip: SipStream = field(default_factory=SipStream)
    frames: FrameReader = field(default_factory=FrameReader)
    head: bytearray = field(default_factory=bytearray)
    websocket: bool = False


class Connection:
    """One connection.

    Attributes:
        transport: ``tcp``, ``tls``, ``ws`` or ``wss``, as far as it is known.
        carries_sip: whether a SIP message was seen.
        other: it carries something else.

    Args:
        first: the endpoint that sent the first segment; it is taken for the client if its port is the higher one or if
            it sends the SYN.
        secrets: that may open its TLS records.
    """

    def __init__(self, client: Endpoint, secrets: Secrets) -> None:
        self.client = client
        self.transport = "tcp"
        self.carries_sip = self.other = False
        self._ways = {True: _Way(), False: _Way()}
        self._secrets = secrets
        self._tls: TlsConnection | None = None
        self._begun = False

    def direction(self, source: Endpoint) -> TcpDirection:
        """Return one direction's sequence."""
        return self._ways[source == self.client].tcp

    def feed(self, source: Endpoint, seq: int, data: bytes, *, syn: bool) -> list[Item]:
        """Return what a segment completes."""
        from_client = source == self.client
        way = self._ways[from_client]
        fresh, lost = way.tcp.take(seq, data, syn=syn)
        if lost:
            way.sip.gap()
            if self._tls is not None:
                self._tls.gap(from_client=from_client)
        if not fresh or self.other:
            return []
        if not self._begun:
            self._begin(fresh, from_client=from_client)
        if self._tls is None:
            return self._plain(fresh, way)
        found: list[Item] = []
        for record in self._tls.feed(fresh, from_client=from_client):
            inner = [] if record.content is None else self._plain(record.content, way)
            found += inner or [record]
        return found

    def _begin(self, data: bytes, *, from_client: bool) -> None:
        if data in (b"\r\n", b"\r\n\r\n"):
            return  # a keep-alive: of whatever
        self._begun = True
        if begins_tls(data):
            self._tls = TlsConnection(self._secrets)
            self.transport = "tls"
        elif not data.startswith(_HEADS) and not begins_sip(data):
            self.other = from_client and not _may_be_sip(data)

    def _plain(self, data: bytes, way: _Way) -> list[Item]:
        if way.websocket:
            return self._frames(data, way)
        if way.head or data.startswith(_HEADS):
            way.head += data
            head, end, rest = bytes(way.head).partition(b"\r\n\r\n")
            if not end and len(way.head) <= _LARGEST_HEAD:
                return []
            way.head.clear()
            if b"sec-websocket" in head.lower():
                way.websocket = True
                self.transport = "wss" if self._tls else "ws"
                return self._frames(rest, way)
            return []
        return self._sip(way.sip.feed(data))

    def _frames(self, data: bytes, way: _Way) -> list[Item]:
        found: list[Item] = []
        for kind, content in way.frames.feed(data):
            if kind in _WS_KEPT:
                found.append(_WS_KEPT[kind])
            elif kind is Opcode.TEXT:
                found += self._sip(
                    [Kept.PING if content == b"\r\n\r\n" else Kept.PONG if content == b"\r\n" else content]
                )
        return found

    def _sip(self, items: list[bytes | Kept]) -> list[Item]:
        self.carries_sip = self.carries_sip or any(isinstance(item, bytes) for item in items)
        return list(items)


def _may_be_sip(data: bytes) -> bool:
    """Return whether bytes from the middle of a connection may be SIP."""
    return b"SIP/2.0" in data or b"\r\nContent-Length" in data
