"""Makes a new subscription at a fixed interval."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from lab.mitigations.base import Client, ClientSide
from lab.units import Lasting


@dataclass(frozen=True, kw_only=True, slots=True)
class Resubscribe(ClientSide):
    """Unsubscribe and subscribe anew periodically: what pjsua2 offers instead of an empty SUBSCRIBE.

    Traffic that both the middlebox and pjsip's idle timer count; a new connection, if need be; and a new dialog with a
    new Contact, which a refresh would not bring. In between there is no subscription for 0.5 s, a pause of pjsua's own:
    a NOTIFY due then is not sent. If nobody answers, the old dialog ends 32 s later with 408, and pjsua leaves it at
    that for 300 s; the next tick comes before.

    Attributes:
        interval: from one to the next.
    """

    kind: ClassVar[str] = "resubscribe"
    source: ClassVar[str] = "article on pjsip/pjproject#4225, 2b, as far as pjsua2 can; RFC 6665 §4.1.2"
    needs_subscription: ClassVar[bool] = True

    interval: Lasting

    def attach(self, client: Client) -> None:
        """Start the timer once the client is set up."""
        client.on_set_up(lambda: client.every(self.interval, client.resubscribe))
