"""Implements the mitigations of the server's side, and the pings that the server sends for them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import Any, Protocol

from lab.actors.channel import Channel
from lab.mitigations.base import GivingUp, Ping, PushPriorityName
from lab.record import events
from lab.record.events import KeepAliveKind, KeepAliveState
from lab.servers.death_detector import DeathDetector, Send
from lab.servers.keepalives import KeepAlives
from lab.servers.mitigation_hooks import attach_all
from lab.servers.pushes import PushSettings
from lab.servers.scripted.client_transactions import ClientTransaction, ClientTransactions
from lab.servers.scripted.flows import Flow, why
from lab.servers.scripted.items import PongFrame
from lab.servers.scripted.options_report import OptionsReport
from lab.sip.message import Request
from lab.sip.stream import KeepAlive
from lab.sip.transaction import TIMER_F, Key


class Host(Protocol):
    """The server, as its pings see it."""

    exchanges: ClientTransactions

    def flow_in_use(self, flow: str) -> Flow:
        """Return the flow of this id, which exists."""

    def options(self, flow: Flow) -> tuple[Request, Key]:
        """Return an OPTIONS to the contact that came on a flow, and the key of its response."""

    def give_up(self, flow: str, misses: int, how: GivingUp) -> None:
        """Handle that the client has not answered so many pings in a row on this flow."""

    def alive(self, flow: str) -> None:
        """Handle an answer of the client on this flow."""


class Mitigated:
    """The functions that the mitigations need; see ``lab.mitigations.base.Server``.

    Attributes:
        subscription_expires: seconds granted at most.
        outbound: whether SIP outbound is supported.
        flow_timer: the value of Flow-Timer; None: none.
        push: what is done about push messages; None: nothing.
    """

    def __init__(
        self,
        host: Host,
        channel: Channel,
        loop: asyncio.AbstractEventLoop,
        *,
        subscription_expires: float,
        mitigations: Iterable[Mapping[str, Any]],
    ) -> None:
        self.subscription_expires = subscription_expires
        self.outbound = False
        self.flow_timer: float | None = None
        self.push: PushSettings | None = None
        self._host = host
        self._channel = channel
        self._keepalives = KeepAlives(loop)
        self._pongs: dict[tuple[str, KeepAliveKind], Callable[[], object]] = {}  # who waits for one, by flow
        self._ping_count = 0
        attach_all(self, mitigations)

    def limit_subscriptions(self, expires: float) -> None:  # noqa: D102
        self.subscription_expires = min(self.subscription_expires, expires)

    def support_outbound(self, *, flow_timer: float | None = None) -> None:  # noqa: D102
        self.outbound = True
        self.flow_timer = self.flow_timer if flow_timer is None else flow_timer

    def hold_for_push(self, *, wait: float, quiet_after: float, priority: PushPriorityName) -> None:  # noqa: D102
        self.push = PushSettings(wait, quiet_after, priority)

    def keep_alive(self, interval: float, send: Callable[[str], None]) -> None:  # noqa: D102
        self._keepalives.add(interval, send)

    def send_options(  # noqa: D102
        self, flow: str, *, retransmits: bool = True, on_answered: Callable[[], object] = lambda: None
    ) -> None:  # `on_answered` is the death detector's
        over = self._host.flow_in_use(flow)
        request, key = self._host.options(over)
        asker = OptionsReport(self._say, on_answered)
        self._host.exchanges.begin(ClientTransaction(request, key, asker, retransmits=retransmits), over, TIMER_F)

    def send_crlf(self, flow: str) -> None:  # noqa: D102
        over = self._host.flow_in_use(flow)
        try:
            over.send(KeepAlive.PING.value)
        except OSError as error:
            self._say("crlf", "failed", over, reason=why(error))
        else:
            self._say("crlf", "sent", over)

    def send_ping_frames(self, interval: float) -> None:  # noqa: D102
        self._keepalives.add(interval, self._ping)

    def detect_death(self, interval: float, ping: Ping, giving_up: GivingUp, *, retransmits: bool = True) -> None:  # noqa: D102
        pings: dict[Ping, Send] = {
            "options": partial(self.send_options, retransmits=retransmits),
            "crlf": self._send_for_pong,
            "ws-ping": self._ping,
        }
        detector = DeathDetector(
            pings[ping],
            partial(self._host.give_up, how=giving_up),
            giving_up.after,
            goes_on=giving_up.marks_only,
            on_answered=self._host.alive,
        )
        self._keepalives.add(interval, detector.due)

    # What the server tells

    def in_use(self, flows: set[str]) -> None:
        """Take the flows that are in use now."""
        self._keepalives.in_use(flows)
        self._pongs = {which: waits for which, waits in self._pongs.items() if which[0] in flows}

    def pong(self, flow: Flow, item: KeepAlive | PongFrame) -> None:
        """Take a pong of the client: a single CRLF, or a pong frame, which may also come unasked (RFC 6455 §5.5.3)."""
        kind: KeepAliveKind = "ws-ping" if isinstance(item, PongFrame) else "crlf"
        if (on_answered := self._pongs.pop((flow.id, kind), None)) is not None:
            self._say(kind, "answered", flow)
            on_answered()

    def _send_for_pong(self, flow: str, *, on_answered: Callable[[], object]) -> None:
        self._pongs[(flow, "crlf")] = on_answered
        self._host.flow_in_use(flow).expect_pong()
        self.send_crlf(flow)

    def _ping(self, flow: str, *, on_answered: Callable[[], object] = lambda: None) -> None:
        over = self._host.flow_in_use(flow)
        self._pongs[(flow, "ws-ping")] = on_answered
        self._ping_count += 1
        over.ping(str(self._ping_count).encode())
        self._say("ws-ping", "sent", over)

    def _say(
        self, kind: KeepAliveKind, state: KeepAliveState, flow: Flow, *, code: int | None = None, reason: str = ""
    ) -> None:
        self._channel.emit(events.KeepAlive(kind=kind, state=state, flow=flow.id, code=code, reason=reason))
