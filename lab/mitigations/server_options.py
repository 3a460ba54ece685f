"""OPTIONS from the server: the client's answer is traffic that everybody counts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from lab.mitigations.base import Server, ServerSide
from lab.units import Lasting


@dataclass(frozen=True, kw_only=True, slots=True)
class ServerOptions(ServerSide):
    """Send OPTIONS to the client over each of its flows, periodically.

    Answering takes a reference to the transport, so pjsip's idle timer (33 s) starts afresh; the mapping is used in
    both directions. Nothing is concluded from silence: the server learns that the flow is dead and cannot mend it.

    Attributes:
        interval: from one OPTIONS to the next, on each flow that carries a subscription or a binding.
    """

    kind: ClassVar[str] = "server-options"
    source: ClassVar[str] = "RFC 3261 §11; qualify_frequency of Asterisk, sipping_method of OpenSIPS"

    interval: Lasting

    def attach(self, server: Server) -> None:
        """Send on each flow while it is in use."""
        server.keep_alive(self.interval, server.send_options)
