"""Lets the registrar ask the client for keep-alives."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from lab.mitigations.base import Server, ServerSide
from lab.units import WholeSeconds


@dataclass(frozen=True, kw_only=True, slots=True)
class FlowTimer(ServerSide):
    """Answer a REGISTER that asks for SIP outbound with ``Require: outbound`` and ``Flow-Timer``.

    The client shall then send a keep-alive before each ``time`` is over. pjsua asks for outbound over TCP and TLS
    unless told otherwise, and obeys: a CRLF after a random 80 % to 100 % of the time, and it holds a reference to the
    connection meanwhile. The CRLF is a single one; on a stream two of them are a double one, so that every other
    keep-alive is answered. The server does not end a flow on which nothing comes.

    Attributes:
        time: the value of Flow-Timer.
    """

    kind: ClassVar[str] = "flow-timer"
    source: ClassVar[str] = "RFC 5626 §5.4 and §4.4"
    needs_registration: ClassVar[bool] = True

    time: WholeSeconds

    def attach(self, server: Server) -> None:
        """Set it."""
        server.support_outbound(flow_timer=self.time)
