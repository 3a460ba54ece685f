"""Implements the flows of the scripted SIP server, and records how each of them ended.

TLS is done here on memory BIOs rather than by asyncio's own: it shows when the handshake failed, keeps the errno of a
connection that died, and tells a close_notify from a bare FIN.
"""

from __future__ import annotations

import asyncio
import os
import socket
import ssl
import struct
import time
from typing import Any, Protocol

from lab.actors.tls import Tls
from lab.model.endpoint import Endpoint
from lab.record.events import IDLE_TIMEOUT, FlowState, MessageWay
from lab.servers.scripted.idle_timer import IdleTimer
from lab.servers.scripted.items import PingFrame, PongFrame, Received
from lab.sip.message import MalformedMessage, Request, Response, parse
from lab.sip.stream import KeepAlive, StreamParser

Address = tuple[str, int]

_LINE_ENDS = b"\r\n"
"""Of which keep-alives consist."""

MOST_AT_ONCE = 16
"""Messages of one connection that are acted on before others have their turn: some milliseconds."""


class FlowListener(Protocol):
    """The receiver of a flow's events."""

    def flow_opened(self, flow: Flow) -> None:
        """Handle a new connection; for a TLS flow from a peer, the handshake is still to come."""

    def flow_reached(self, flow: Flow, state: FlowState) -> None:
        """Handle a step of a new connection: ``secured`` or ``upgraded``."""

    def flow_ready(self, flow: Flow) -> None:
        """Handle that messages can be sent."""

    def flow_received(self, flow: Flow, item: Received) -> None:
        """Handle received data."""

    def message_passed(self, flow: Flow, way: MessageWay, data: bytes, at: float) -> None:
        """Take note of the bytes of a message, sent or received at that time (CLOCK_MONOTONIC)."""

    def flow_ended(self, flow: Flow, state: FlowState, reason: str) -> None:
        """Handle the end of a flow: ``closed``, ``reset`` or ``failed``."""


class Flow:
    """One association with one peer.

    Attributes:
        id: ``f1``, ``f2``, … given by the owner.
        peer: the other end's address, as this end sees it.
        local: this end's own IP address.
        ready: messages can be sent.
        outgoing: this end began it.
        ended_at: when this end decided to end it (CLOCK_MONOTONIC), if that is earlier than its end is seen.
        heard_at: when the other end was last heard (CLOCK_MONOTONIC).
    """

    def __init__(self, transport: str, peer: Address, local: str, *, outgoing: bool) -> None:
        self.id = ""
        self.transport = transport
        self.peer = peer
        self.local = local
        self.ready = False
        self.outgoing = outgoing
        self.ended_at: float | None = None
        self.heard_at = time.monotonic()

    @property
    def endpoint(self) -> Endpoint:
        """The other end, as this end sees it."""
        return Endpoint.of(self.peer)

    def send(self, data: bytes) -> None:
        """Hand bytes to the transport.

        Raises:
            OSError: the kernel refuses them at once (UDP).
        """
        raise NotImplementedError

    def expect_pong(self) -> None:
        """Take the next single CRLF for a pong; over UDP there is none."""

    def ping(self, payload: bytes) -> None:
        """Send a ping frame; only a WebSocket has them."""

    def pong(self, payload: bytes) -> None:
        """Answer a ping frame."""

    def close(self, reason: str = "by server") -> None:
        """End it in order, and say why."""

    def abandon(self) -> None:
        """End it as the kernel does for a process that is gone: no close_notify; FIN, or RST if data lies unread."""


class UdpFlow(Flow):
    """The exchange with one address over one UDP socket of the server. It has no end."""

    def __init__(self, owner: FlowListener, sock: socket.socket, peer: Address, *, outgoing: bool) -> None:
        super().__init__("udp", peer, sock.getsockname()[0], outgoing=outgoing)
        self._owner = owner
        self._sock = sock
        self.ready = True

    def send(self, data: bytes) -> None:
        """Send one datagram."""
        at = time.monotonic()
        send_datagram(self._sock, data, self.peer)
        if data.strip(_LINE_ENDS):
            self._owner.message_passed(self, "sent", data, at)


def send_datagram(sock: socket.socket, data: bytes, to: Address) -> None:
    """Send, or lose the datagram when the socket's buffer is full, as UDP may.

    Raises:
        OSError: no route, or whatever else the kernel says.
    """
    try:
        sock.sendto(data, to)
    except BlockingIOError:
        return


def read_datagram(sock: socket.socket) -> tuple[Request | Response | MalformedMessage | None, bytes, Address]:
    """Read one datagram; None when it holds nothing but CR and LF (RFC 3261 §7.5 has a server ignore them)."""
    try:
        data, (host, port) = sock.recvfrom(65536)
    except BlockingIOError:  # the kernel announced one and then found its checksum wrong: recvfrom(2), select(2)
        return None, b"", ("unknown", 0)
    if not data.strip(_LINE_ENDS):
        return None, data, (host, port)
    try:
        return parse(data), data, (host, port)
    except MalformedMessage as error:
        return error, data, (host, port)


class Parser(Protocol):
    """Cuts what was read into what it holds.

    Attributes:
        expects_pong: the next single CRLF is one.
        message: the bytes of the message that was returned last.
    """

    expects_pong: bool
    message: bytes

    def add(self, data: bytes) -> None:
        """Take what was read."""

    def next(self) -> object | None:
        """Return the next thing that what was read completes; None: it completes no more."""


class StreamFlow(Flow, asyncio.Protocol):
    """One TCP connection, with or without TLS."""

    def __init__(
        self,
        owner: FlowListener,
        transport: str,
        local: str,
        *,
        peer: Address | None = None,
        tls: Tls | None = None,
        idle: IdleTimer | None = None,
        idle_resets: bool = False,
    ) -> None:
        super().__init__(transport, peer or ("unknown", 0), local, outgoing=peer is not None)
        self._owner = owner
        self._tls = tls
        self._idle = idle
        self._idle_resets = idle_resets
        self._parser: Parser = StreamParser()
        self._secured = False
        self._full = False  # what was sent waits for the peer to read
        self._has_more = False  # of what was read, to act on
        self._socket: asyncio.Transport | None = None
        self._end: tuple[FlowState, str] | None = None  # how it ended, when that is known before the socket is gone

    @property
    def certified(self) -> str:
        """The name in the peer's verified certificate; empty if none was requested."""
        return "" if self._tls is None else self._tls.certified()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Handle the connection; called by asyncio."""
        assert isinstance(transport, asyncio.Transport)
        self._socket = transport
        if not self.outgoing:
            self.peer = (transport.get_extra_info("peername") or self.peer)[:2]  # None: reset before we looked
        self._owner.flow_opened(self)
        if self._idle is not None:
            self._idle.start(self._idle_too_long)
        if self._tls is None:
            self._established()
        elif self.outgoing:
            self.data_received(b"")

    def _established(self) -> None:
        """Send and take messages from now on."""
        self.ready = True
        self._owner.flow_ready(self)

    def data_received(self, data: bytes) -> None:
        """Handle received bytes; called by asyncio."""
        self.heard_at = time.monotonic()
        if self._tls is None:
            self._read(data)
            return
        try:
            plain = self._tls.feed(data)
        except ssl.SSLError as error:
            refused = f": {error.verify_message}" if isinstance(error, ssl.SSLCertVerificationError) else ""
            self._finish("failed", (error.reason or str(error)) + refused, farewell=False)
            return
        self._flush()
        if self._tls.established and not self._secured:
            self._secured = True
            self._owner.flow_reached(self, "secured")
            self._established()
        self._read(plain)
        if self._tls.ended:
            self._finish("closed", "close-notify")

    def _read(self, plain: bytes) -> None:
        self._count(plain)
        self._parser.add(plain)
        if not self._has_more:
            self._act()

    def _act(self) -> None:
        """Act on some of what was read, and let other flows have their turn before the rest."""
        self._has_more = False
        for _ in range(MOST_AT_ONCE):
            if self._full or self._stopped:
                break
            item = self._parser.next()
            if item is None:
                break
            self._take(item)
        else:
            self._has_more = True
            asyncio.get_running_loop().call_soon(self._act)
        self._read_or_wait()

    @property
    def _stopped(self) -> bool:
        """True if nothing that is read matters any more."""
        return self._end is not None

    def _take(self, item: Any) -> None:
        """Act on one thing that was read."""
        if not isinstance(item, (KeepAlive, PingFrame, PongFrame)):
            self._owner.message_passed(self, "received", self._parser.message, time.monotonic())
        self._owner.flow_received(self, item)

    def _read_or_wait(self) -> None:
        """Read no more while there is something to act on, or the peer does not read what was sent."""
        if self._socket is None or self._socket.is_closing():
            return
        if self._full or self._has_more:
            self._socket.pause_reading()
        else:
            self._socket.resume_reading()

    def pause_writing(self) -> None:
        """asyncio: the peer does not read."""
        self._full = True
        self._read_or_wait()

    def resume_writing(self) -> None:
        """asyncio: the peer has read."""
        self._full = False
        if not self._has_more:
            self._act()

    def send(self, data: bytes) -> None:
        """Write; what the connection's end leaves unsent is lost."""
        if not self._can_send:
            return
        self._count(data)
        if data.strip(_LINE_ENDS):
            self._owner.message_passed(self, "sent", data, time.monotonic())  # first, as it may arrive at once
        self._write(self._framed(data))

    def _framed(self, message: bytes) -> bytes:
        """Return a message as it goes into the stream."""
        return message

    @property
    def _can_send(self) -> bool:
        """False if it is over, or was reset and that is not told yet."""
        return self._socket is not None and self._end is None and not self._socket.is_closing()

    def _write(self, data: bytes) -> None:
        assert self._socket is not None
        if self._tls is None:
            self._socket.write(data)
        else:
            self._tls.write(data)
            self._flush()

    def _count(self, data: bytes) -> None:
        """Tell the idle timer of traffic."""
        if self._idle is not None:
            self._idle.traffic(data)

    def _idle_too_long(self) -> None:
        """End it as the server's idle timeout does."""
        self.ended_at = asyncio.get_running_loop().time()
        if not self._idle_resets:
            self.close(IDLE_TIMEOUT)
        elif self._socket is not None and self._end is None:
            self._end = ("closed", IDLE_TIMEOUT)
            self.ready = False
            self._socket.get_extra_info("socket").setsockopt(
                socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0)
            )
            self._socket.abort()

    def _flush(self) -> None:
        if self._tls is not None and self._socket is not None and (data := self._tls.take()):
            self._socket.write(data)

    def eof_received(self) -> None:
        """Handle a FIN; called by asyncio."""
        self._end = self._end or ("closed", "fin")

    def connection_lost(self, exc: Exception | None) -> None:
        """Handle the end of the socket; called by asyncio."""
        self.ready = False
        if self._idle is not None:
            self._idle.stop()
        end: tuple[FlowState, str]
        if isinstance(exc, (ConnectionResetError, BrokenPipeError)):
            end = ("reset", why(exc))
        elif exc is not None:
            end = ("failed", why(exc))
        else:
            end = ("closed", "fin")
        self._owner.flow_ended(self, *(self._end or end))

    def expect_pong(self) -> None:
        """Take the next single CRLF for a pong."""
        self._parser.expects_pong = True

    def close(self, reason: str = "by server") -> None:
        """End it in order: close_notify, FIN."""
        self._finish("closed", reason)

    def abandon(self) -> None:
        """Let go of the socket; what is still unsent is lost."""
        if self._socket is not None and self._end is None:
            self._end = ("closed", "server gone")
            self.ready = False
            self._socket.abort()

    def _finish(self, state: FlowState, reason: str, *, farewell: bool = True) -> None:
        if self._socket is None or self._end is not None:
            return
        self._end = (state, reason)
        self.ready = False
        if self._tls is not None and farewell:  # OpenSSL forbids it after a fatal error: SSL_shutdown(3)
            self._tls.close()
        self._flush()  # a close_notify, or an alert
        self._socket.close()


def why(error: BaseException) -> str:
    """Return the errno's text, or what the error says."""
    if isinstance(error, OSError) and error.errno is not None:
        return os.strerror(error.errno)
    return str(error)
