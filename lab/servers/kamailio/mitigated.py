"""Notes what the mitigations of the server's side ask of Kamailio, which is told so in its configuration."""

from __future__ import annotations

from collections.abc import Callable

from lab.errors import LabFault
from lab.mitigations.base import GivingUp, Ping, PushPriorityName
from lab.servers.kamailio.config import Pings, ServerFeatures
from lab.servers.kamailio.flows import Flows
from lab.servers.kamailio.probes import Probes
from lab.servers.keepalives import KeepAlives
from lab.servers.pushes import PushSettings
from lab.sip.transaction import TIMER_F


class Mitigated:
    """The part of the server that mitigations see; see ``lab.mitigations.base.Server``."""

    flows: Flows
    _probes: Probes

    def __init__(self, subscription_expires: int, keepalives: KeepAlives) -> None:
        self._wanted = ServerFeatures(subscription_expires)
        self._keepalives = keepalives

    def limit_subscriptions(self, expires: float) -> None:  # noqa: D102
        shortest = min(self._wanted.subscription_expires, round(expires))
        self._wanted = self._wanted._replace(subscription_expires=shortest)

    def support_outbound(self, *, flow_timer: float | None = None) -> None:  # noqa: D102
        timer = self._wanted.flow_timer if flow_timer is None else round(flow_timer)
        self._wanted = self._wanted._replace(outbound=True, flow_timer=timer)

    def keep_alive(self, interval: float, send: Callable[[str], None]) -> None:  # noqa: D102
        self._keepalives.add(interval, send)

    def send_options(self, flow: str, *, retransmits: bool = True) -> None:  # noqa: D102  (they are)
        over = self.flows.get(flow)
        assert over is not None  # it is in use
        self._probes.options(over, TIMER_F)

    def detect_death(self, interval: float, ping: Ping, giving_up: GivingUp, *, retransmits: bool = True) -> None:  # noqa: D102
        self._wanted = self._wanted._replace(pings=Pings(round(interval), giving_up.after))  # it has no others

    def send_crlf(self, flow: str) -> None:  # noqa: D102
        raise LabFault("keeping a flow alive", detail="Kamailio sends no CRLF of its own")

    def send_ping_frames(self, interval: float) -> None:  # noqa: D102
        self._wanted = self._wanted._replace(frame_pings=round(interval))

    def hold_for_push(self, *, wait: float, quiet_after: float, priority: PushPriorityName) -> None:  # noqa: D102
        self._wanted = self._wanted._replace(push=PushSettings(wait, quiet_after, priority))
