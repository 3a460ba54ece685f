"""Sends an empty SUBSCRIBE within the dialog at a fixed interval."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from lab.mitigations.base import Client, ClientSide
from lab.units import Lasting


@dataclass(frozen=True, kw_only=True, slots=True)
class RefreshSubscription(ClientSide):
    """Refresh the subscription periodically, much sooner than its expiry asks for.

    pjsua2 cannot: ``Buddy.updatePresence`` does nothing while there is a subscription. Applications in C can, by
    ``pjsip_evsub_initiate`` and ``pjsip_evsub_send_request``, which this calls; the subscription is the one that
    ``pjsip_tsx_get_evsub`` names for the transaction of the buddy's latest event. A refresh after the connection was
    lost moves the subscription to a new one without a pause, but with the Contact of the old one. If it fails, the
    subscription ends, and pjsua subscribes again 300 s later.

    Attributes:
        interval: from one to the next.
    """

    kind: ClassVar[str] = "refresh-subscription"
    source: ClassVar[str] = "article on pjsip/pjproject#4225, 2b; RFC 6665 §4.1.2.2"
    needs_subscription: ClassVar[bool] = True

    interval: Lasting

    def attach(self, client: Client) -> None:
        """Start the timer once the client is set up."""
        client.on_set_up(lambda: client.every(self.interval, client.refresh_subscription))
