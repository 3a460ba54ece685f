"""Sends OPTIONS from the server; the client's answer is traffic that every timer counts."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import ClassVar

from lab.mitigations._giving_up import GivesUp, Misses
from lab.mitigations.base import Server
from lab.units import Lasting


@dataclass(frozen=True, kw_only=True, slots=True)
class ServerOptions(GivesUp):
    """Send OPTIONS to the client over each of its flows, periodically.

    Answering takes a reference to the transport, so pjsip's idle timer (33 s) starts afresh; the mapping is used in
    both directions. Unless ``gives-up-after`` is set, nothing is concluded from silence: the server learns that the
    flow is dead and cannot mend it. With it the server is a death detector: it removes the bindings and subscriptions
    of a client that does not answer, and the client is not told.

    Attributes:
        interval: from one OPTIONS to the next, on each flow that carries a subscription or a binding; the first is sent
            one interval after the flow began to carry one.
        gives_up_after: how many in a row that are not answered by the time of the next end the client's bindings and
            subscriptions; None: none do. A late answer, up to 32 s after its OPTIONS, also begins the row anew.
        marks_only: these stay then, but no probe and no NOTIFY is sent to them before the client answers, registers or
            subscribes anew, as with Asterisk's qualify; the OPTIONS go on.
        closes_connection: the connection is closed then, too.
        ends_calls: calls that are talking over this flow are ended then, with BYE.
        retransmits: whether one is sent again over UDP until it is answered (RFC 3261 §17.1.2.2); nathelper's are not.
    """

    kind: ClassVar[str] = "server-options"
    source: ClassVar[str] = (
        "RFC 3261 §11; qualify_frequency of Asterisk, sipping_method of OpenSIPS; keepalive_timeout of Kamailio"
    )

    interval: Lasting
    gives_up_after: Misses | None = None
    marks_only: bool = False
    closes_connection: bool = False
    ends_calls: bool = False
    retransmits: bool = True

    @property
    def server_needs(self) -> tuple[str, ...]:
        """See `ServerSide`."""
        needs = super(ServerOptions, self).server_needs  # a dataclass with slots is another class than it was
        if self.gives_up_after is None:
            return () if self.retransmits else ("options-once",)
        return (*needs, "gives-up-again") if self.retransmits else needs

    def attach(self, server: Server) -> None:
        """Send on each flow while it is in use."""
        if self.giving_up is None:
            server.keep_alive(self.interval, partial(server.send_options, retransmits=self.retransmits))
        else:
            server.detect_death(self.interval, "options", self.giving_up, retransmits=self.retransmits)
