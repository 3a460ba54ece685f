"""Cuts a byte stream into SIP messages and keep-alives in WebSocket frames, after the HTTP upgrade (RFC 7118).

Framing is wsproto's. What comes out depends on the bytes alone, never on how reads cut them.
"""

from __future__ import annotations

from collections import deque
from typing import NamedTuple

from wsproto import ConnectionType, WSConnection
from wsproto.connection import ConnectionState
from wsproto.events import (
    AcceptConnection,
    CloseConnection,
    Event,
    Message,
    Ping,
    Pong,
    RejectConnection,
    Request,
    TextMessage,
)
from wsproto.frame_protocol import CloseReason
from wsproto.utilities import RemoteProtocolError

from lab.servers.scripted.items import PingFrame, PongFrame
from lab.sip.message import LARGEST, MalformedMessage, parse
from lab.sip.stream import Item, KeepAlive

SUBPROTOCOL = "sip"
"""RFC 7118 §4.1: without it the upgrade is refused."""
_BAD_REQUEST = 400


class Upgraded:
    """The HTTP connection is a WebSocket now."""


class Refused(NamedTuple):
    """The HTTP request was refused; the refusal is among the bytes to send."""

    why: str


class CloseFrame(NamedTuple):
    """The peer's Close frame, or its end for an error; the answer is among the bytes to send.

    Attributes:
        code: the peer's; of an error, the one that it was answered with (RFC 6455 §7.4.1).
        why: of an error; empty: the peer closed in order.
    """

    code: int
    why: str = ""


Frame = Item | PingFrame | PongFrame | Upgraded | Refused | CloseFrame


class FrameParser:
    """The server's end of one WebSocket, without the socket.

    Attributes:
        expects_pong: not needed here: a message that is a single CRLF can be nothing but a pong.
        message: the bytes of the SIP message that was returned last.
    """

    def __init__(self) -> None:
        self.expects_pong = False
        self.message = b""
        self._connection = WSConnection(ConnectionType.SERVER)
        self._ready: deque[Frame] = deque()
        self._outgoing = bytearray()
        self._message = bytearray()
        self._closing = False  # our Close frame is sent, and only the peer's matters
        self._over = False

    def add(self, data: bytes) -> None:
        """Take what was read, for ``next``."""
        if self._over or not data:
            return
        try:
            self._connection.receive_data(data)
        except RemoteProtocolError as error:  # of the HTTP request
            refusal = error.event_hint if isinstance(error.event_hint, RejectConnection) else RejectConnection()
            self._refuse(refusal, str(error))

    def next(self) -> Frame | None:
        """Return the next thing that what was read completes; None: it completes no more."""
        while not self._ready and not self._over:
            event = next(self._connection.events(), None)
            if event is None:
                return None
            self._take(event)
        return self._ready.popleft() if self._ready else None

    def take(self) -> bytes:
        """Return what is to be sent to the peer."""
        data = bytes(self._outgoing)
        self._outgoing.clear()
        return data

    # What the server sends: bytes for the wire

    def message_frame(self, data: bytes) -> bytes:
        """Frame one SIP message or CRLF, as text where it is text: as is recommended (RFC 7118 §4.2)."""
        try:
            return self._connection.send(TextMessage(data=data.decode()))
        except UnicodeDecodeError:
            return self._connection.send(Message(data=data))

    def ping(self, payload: bytes) -> bytes:
        """Return a ping frame."""
        return self._connection.send(Ping(payload=payload))

    def pong(self, payload: bytes) -> bytes:
        """Return a pong frame."""
        return self._connection.send(Pong(payload=payload))

    def close(self) -> bytes:
        """Return a Close frame: 1001, this server goes away (RFC 6455 §7.4.1)."""
        self._closing = True
        return self._connection.send(CloseConnection(code=CloseReason.GOING_AWAY))

    def _take(self, event: Event) -> None:
        if self._closing and not isinstance(event, CloseConnection):
            return
        if isinstance(event, Request):
            self._upgrade(event)
        elif isinstance(event, Message):
            self._message += event.data.encode() if isinstance(event.data, str) else event.data
            if len(self._message) > 2 * LARGEST:  # head and body may each have that much
                self._close(CloseReason.MESSAGE_TOO_BIG, f"a message of more than {2 * LARGEST} bytes")
            elif event.message_finished:
                self.message, self._message = bytes(self._message), bytearray()
                self._ready.extend(_item(self.message))
        elif isinstance(event, Ping):
            self._ready.append(PingFrame(bytes(event.payload)))
        elif isinstance(event, Pong):
            self._ready.append(PongFrame(bytes(event.payload)))
        elif isinstance(event, CloseConnection):
            self._closed(event)

    def _closed(self, event: CloseConnection) -> None:
        """Take a Close frame, or wsproto's own word for what it could not read."""
        if self._connection.state is ConnectionState.OPEN:
            self._close(event.code, event.reason or "")
            return
        if not self._closing:
            self._outgoing += self._connection.send(event.response())
        self._over = True
        self._ready.append(CloseFrame(int(event.code)))

    def _upgrade(self, asked: Request) -> None:
        if SUBPROTOCOL in asked.subprotocols:
            self._outgoing += self._connection.send(AcceptConnection(subprotocol=SUBPROTOCOL))
            self._ready.append(Upgraded())
        else:
            self._refuse(RejectConnection(status_code=_BAD_REQUEST), "the client does not offer the sub-protocol sip")

    def _refuse(self, refusal: RejectConnection, why: str) -> None:
        self._outgoing += self._connection.send(refusal)
        self._over = True
        self._ready.append(Refused(why))

    def _close(self, code: int, why: str) -> None:
        if not self._closing:
            self._outgoing += self._connection.send(CloseConnection(code=code))
        self._over = True
        self._ready.append(CloseFrame(int(code), why))


def _item(message: bytes) -> list[Item]:
    """Return what one WebSocket message holds: a SIP message, a keep-alive, or nothing."""
    if not message.strip(b"\r\n"):
        return [each for each in KeepAlive if each.value == message]
    try:
        return [parse(message)]
    except MalformedMessage as error:
        error.skip = 0  # its end is known: that of the WebSocket message
        return [error]
