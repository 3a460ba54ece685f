"""A phone over WebSocket: its frames are wsproto's, at the client's end, or bytes of the test's own."""

from __future__ import annotations

import struct
from collections import deque
from pathlib import Path
from typing import Any

from wsproto import ConnectionType, WSConnection
from wsproto.events import (
    AcceptConnection,
    BytesMessage,
    CloseConnection,
    Event,
    Ping,
    Pong,
    RejectConnection,
    TextMessage,
)
from wsproto.events import (
    Request as Upgrade,
)

from lab.sip.message import Request, Response, parse
from lab.sip.ports import SECURE
from tests.contract.sip_phone import HOST, Message, Phone

TEXT, BINARY, CLOSE, PING = 1, 2, 8, 9
"""Opcodes (RFC 6455 §5.2)."""


def frame(opcode: int, payload: bytes, *, fin: bool = True, masked: bool = True) -> bytes:
    """One short frame, written by hand; the mask is zeros."""
    assert len(payload) < 126
    head = struct.pack("BB", opcode | (0x80 if fin else 0), len(payload) | (0x80 if masked else 0))
    return head + (bytes(4) if masked else b"") + payload


class WebSocketPhone(Phone):
    """A client made of one socket."""

    def __init__(self, transport: str, port: int, ca: Path, *, offers: tuple[str, ...] = ("sip",), **more: Any) -> None:
        super().__init__("tls" if transport in SECURE else "tcp", port, ca, **more)
        self.transport = transport
        self.uri = f"sip:alice@{self.peer};transport={transport}"
        self._connection = WSConnection(ConnectionType.CLIENT)
        self._events: deque[Event] = deque()
        self.text = True
        self.sock.sendall(self._connection.send(Upgrade(host=HOST, target="/", subprotocols=list(offers))))
        self.met = self.event()
        assert isinstance(self.met, (AcceptConnection, RejectConnection))

    def event(self) -> Event:
        """The next thing that the server sends."""
        while not self._events:
            data = self.sock.recv(65536)
            assert data, "the server closed the connection"
            self._connection.receive_data(data)
            self._events += self._connection.events()
        return self._events.popleft()

    def send(self, message: Request | Response | bytes) -> None:
        data = message if isinstance(message, bytes) else message.encode()
        self.tell(TextMessage(data=data.decode()) if self.text else BytesMessage(data=data))

    def tell(self, event: Event) -> None:
        self.sock.sendall(self._connection.send(event))

    def receive(self) -> Message:
        event = self.event()
        assert isinstance(event, TextMessage)
        assert event.message_finished
        return parse(event.data.encode())

    def closed(self) -> int:
        """The code with which the server closes; and then it ends the connection."""
        event = self.event()
        assert isinstance(event, CloseConnection)
        return int(event.code)


__all__ = ["BINARY", "CLOSE", "PING", "TEXT", "CloseConnection", "Ping", "Pong", "RejectConnection", "WebSocketPhone"]
