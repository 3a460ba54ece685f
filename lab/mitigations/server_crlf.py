"""Line ends from the server."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from lab.mitigations.base import Server, ServerSide
from lab.units import Lasting


@dataclass(frozen=True, kw_only=True, slots=True)
class ServerCrlf(ServerSide):
    """Send a double CRLF to the client over each of its flows, periodically.

    Middleboxes count it. pjsip 2.15.1 takes it for nothing: no answer, although over a connection it is the ping that
    asks for one, and no reference to the transport, so that its idle timer runs on. It does postpone pjsip's own CRLF
    keep-alive, which waits for 90 s without received data.

    Attributes:
        interval: from one to the next, on each flow that carries a subscription or a binding.
    """

    kind: ClassVar[str] = "server-crlf"
    source: ClassVar[str] = "RFC 5626 §3.5.1, the other way round; nathelper's natping_interval; pjsip/pjproject#5059"

    interval: Lasting

    def attach(self, server: Server) -> None:
        """Send on each flow while it is in use."""
        server.keep_alive(self.interval, server.send_crlf)
