"""OPTIONS from the server: the client's answer is traffic that everybody counts."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Annotated, ClassVar

from lab.mitigations.base import Server, ServerSide
from lab.units import Checked, Lasting


def _misses(value: int) -> int:
    if value < 1:
        raise ValueError("out of range; 1 or more")
    return value


Misses = Annotated[int, Checked(_misses)]


@dataclass(frozen=True, kw_only=True, slots=True)
class ServerOptions(ServerSide):
    """Send OPTIONS to the client over each of its flows, periodically.

    Answering takes a reference to the transport, so pjsip's idle timer (33 s) starts afresh; the mapping is used in
    both directions. Unless ``gives-up-after`` is set, nothing is concluded from silence: the server learns that the
    flow is dead and cannot mend it. With it the server is a death detector: it removes the bindings and subscriptions
    of a client that does not answer, and the client is not told.

    Attributes:
        interval: from one OPTIONS to the next, on each flow that carries a subscription or a binding.
        gives_up_after: how many in a row that are not answered by the time of the next end the client's bindings and
            subscriptions; None: none do.
        retransmits: whether one is sent again over UDP until it is answered (RFC 3261 §17.1.2.2); nathelper's are not.
    """

    kind: ClassVar[str] = "server-options"
    source: ClassVar[str] = (
        "RFC 3261 §11; qualify_frequency of Asterisk, sipping_method of OpenSIPS; keepalive_timeout of Kamailio"
    )

    interval: Lasting
    gives_up_after: Misses | None = None
    retransmits: bool = True

    @property
    def server_needs(self) -> tuple[str, ...]:
        """See `ServerSide`."""
        once = () if self.retransmits else ("options-once",)
        return once if self.gives_up_after is None else (*once, "gives-up")

    def attach(self, server: Server) -> None:
        """Send on each flow while it is in use."""
        if self.gives_up_after is None:
            send: Callable[[str], None] = partial(server.send_options, retransmits=self.retransmits)
        else:
            send = _Detector(server, self.gives_up_after, retransmits=self.retransmits).due
        server.keep_alive(self.interval, send)


class _Detector:
    """Counts how many OPTIONS in a row have not been answered, by flow."""

    def __init__(self, server: Server, most: int, *, retransmits: bool) -> None:
        self._server = server
        self._most = most
        self._retransmits = retransmits
        self._missed: dict[str, int] = {}

    def due(self, flow: str) -> None:
        """Send the next one, or give up."""
        missed = self._missed.pop(flow, 0)
        if missed >= self._most:
            self._server.give_up(flow, misses=missed)
            return
        self._missed[flow] = missed + 1  # until it is answered
        answered = partial(self._missed.pop, flow, 0)
        self._server.send_options(flow, retransmits=self._retransmits, on_answered=answered)
