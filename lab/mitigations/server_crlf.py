"""Sends line ends from the server."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from lab.mitigations._giving_up import GivesUp, Misses
from lab.mitigations.base import Server
from lab.units import Lasting


@dataclass(frozen=True, kw_only=True, slots=True)
class ServerCrlf(GivesUp):
    """Send a double CRLF to the client over each of its flows, periodically.

    Middleboxes count it. pjsip 2.15.1 takes it for nothing: no answer, although over a connection it is the ping that
    asks for one, and no reference to the transport, so that its idle timer runs on. It does postpone pjsip's own CRLF
    keep-alive, which waits for 90 s without received data.

    With ``gives-up-after`` the server is a death detector that wants a pong, a single CRLF. RFC 5626 has the client
    send pings and the server pongs, so a client need not answer; pjsip does not, and is given up although it lives.
    Over UDP there is no pong.

    Attributes:
        interval: from one to the next, on each flow that carries a subscription or a binding; the first is sent one
            interval after the flow began to carry one.
        gives_up_after: how many in a row without a pong by the time of the next end the client's bindings and
            subscriptions; None: none do. A late pong also begins the row anew.
        marks_only: these stay then, but no probe and no NOTIFY is sent to them before the client answers, registers or
            subscribes anew; the pings go on.
        closes_connection: the connection is closed then, too.
        ends_calls: calls that are talking over this flow are ended then, with BYE.
    """

    kind: ClassVar[str] = "server-crlf"
    source: ClassVar[str] = "RFC 5626 §3.5.1, the other way round; nathelper's natping_interval; pjsip/pjproject#5059"

    interval: Lasting
    gives_up_after: Misses | None = None
    marks_only: bool = False
    closes_connection: bool = False
    ends_calls: bool = False

    def why_not_over(self, transport: str) -> str:
        """See `ServerSide`."""
        if transport == "udp" and self.gives_up_after is not None:
            return "server-crlf with gives-up-after waits for pongs, and CRLF over UDP has none (RFC 5626 §3.5.1)"
        return super(ServerCrlf, self).why_not_over(transport)  # a dataclass with slots is another class than it was

    def attach(self, server: Server) -> None:
        """Send on each flow while it is in use."""
        if self.giving_up is None:
            server.keep_alive(self.interval, server.send_crlf)
        else:
            server.detect_death(self.interval, "crlf", self.giving_up)
