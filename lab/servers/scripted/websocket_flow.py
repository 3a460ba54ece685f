"""Implements the flows of the scripted SIP server over WebSocket, with or without TLS (RFC 7118)."""

from __future__ import annotations

import asyncio
from typing import Any

from lab.record.events import CLOSE_FRAME
from lab.servers.scripted.flows import StreamFlow
from lab.servers.scripted.frames import CloseFrame, FrameParser, Refused, Upgraded
from lab.servers.scripted.items import PingFrame, PongFrame
from lab.sip.stream import KeepAlive

CLOSES_WITHIN_S = 30.0
"""The time that the client has to answer the server's Close frame, before the server lets go of the connection; as the
package ws for Node has it (its ``closeTimeout``)."""

_CONTROL, _MESSAGE = KeepAlive.PING.value, b"SIP"
"""With the server's idle timeout a control frame counts like line ends, a message like any."""


class WebSocketFlow(StreamFlow):
    """One WebSocket. It is ready once the client has upgraded the connection."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._frames = FrameParser()
        self._parser = self._frames
        self._closing: asyncio.TimerHandle | None = None  # our Close frame waits for the client's

    def _framed(self, message: bytes) -> bytes:
        return self._frames.message_frame(message)

    def ping(self, payload: bytes) -> None:
        """Send a ping frame."""
        if self._can_send:
            self._count(_CONTROL)
            self._write(self._frames.ping(payload))

    def pong(self, payload: bytes) -> None:
        """Answer a ping frame."""
        if self._can_send:
            self._count(_CONTROL)
            self._write(self._frames.pong(payload))

    def close(self, reason: str = "by server") -> None:
        """End it in order: a Close frame, and the connection when the client has answered that, or takes too long."""
        if not self.ready or not self._can_send:
            super().close(reason)
            return
        self._write(self._frames.close())
        self._end = ("closed", reason)
        self.ready = False
        self._closing = asyncio.get_running_loop().call_later(CLOSES_WITHIN_S, self._let_go)
        self._owner.flow_ended(self, "closed", reason)

    def connection_lost(self, exc: Exception | None) -> None:
        """Handle the end of the socket; called by asyncio."""
        if self._closing is None:
            super().connection_lost(exc)
            return
        self._closing.cancel()
        if self._idle is not None:
            self._idle.stop()

    @property
    def _stopped(self) -> bool:
        return super()._stopped and self._closing is None

    def _established(self) -> None:
        """Wait for the upgrade."""

    def _read(self, plain: bytes) -> None:
        self._frames.add(plain)
        if not self._has_more:
            self._act()

    def _take(self, item: Any) -> None:
        if self._closing is not None:
            if isinstance(item, CloseFrame):
                self._let_go()
            return
        if isinstance(item, (Upgraded, Refused, CloseFrame)):
            self._write(self._frames.take())
        if isinstance(item, Upgraded):
            self._owner.flow_reached(self, "upgraded")
            super()._established()
        elif isinstance(item, Refused):
            self._finish("failed", item.why)
        elif isinstance(item, CloseFrame):
            ended = f"{CLOSE_FRAME} {item.code}"
            self._finish("failed" if item.why else "closed", f"{ended}: {item.why}" if item.why else ended)
        else:
            self._count(_CONTROL if isinstance(item, (PingFrame, PongFrame, KeepAlive)) else _MESSAGE)
            super()._take(item)

    def _let_go(self) -> None:
        assert self._socket is not None
        if self._tls is not None:
            self._tls.close()
            self._flush()
        self._socket.close()
