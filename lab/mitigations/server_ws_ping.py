"""Sends WebSocket ping frames from the server."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from lab.mitigations._giving_up import GivesUp, Misses
from lab.mitigations.base import FRAMED, Server
from lab.units import Lasting


@dataclass(frozen=True, kw_only=True, slots=True)
class ServerWsPing(GivesUp):
    """Send a ping frame (RFC 6455 §5.5.2) over each WebSocket of the client, periodically.

    A client must answer with a pong frame, and its WebSocket library does so unasked: no SIP stack takes part. So the
    ping and the pong keep a mapping in each direction, and tell that the connection and the library live, not that SIP
    does.

    With `gives-up-after` the server wants the pong before the next ping is due.

    Attributes:
        interval: from one to the next.
        gives_up_after: how many pings in a row may have no pong.
        marks_only: a client that it gives up keeps its bindings and subscriptions.
        closes_connection: end the WebSocket of a client that it gives up, with a Close frame.
        ends_calls: end the calls of a client that it gives up.
    """

    kind: ClassVar[str] = "server-ws-ping"
    source: ClassVar[str] = "RFC 7118 §6; RFC 6455 §5.5.2; emiago/sipgo#327"
    transports: ClassVar[tuple[str, ...]] = FRAMED

    interval: Lasting
    gives_up_after: Misses | None = None
    marks_only: bool = False
    closes_connection: bool = False
    ends_calls: bool = False

    def attach(self, server: Server) -> None:
        """Ping from when a flow comes into use."""
        if self.giving_up is None:
            server.send_ping_frames(self.interval)
        else:
            server.detect_death(self.interval, "ws-ping", self.giving_up)
