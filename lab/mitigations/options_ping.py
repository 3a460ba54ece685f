"""Sends OPTIONS at a fixed interval; this traffic restarts the middlebox's timer and pjsip's idle timer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from lab.mitigations.base import Client, ClientSide
from lab.units import Lasting


@dataclass(frozen=True, kw_only=True, slots=True)
class OptionsPing(ClientSide):
    """Send OPTIONS to the server periodically, outside any dialog, from the moment the client is set up.

    Each one is a transaction, which holds a reference to its transport while it lives, so pjsip's idle timer (33 s)
    starts afresh; an interval above 33 s does not keep the transport.

    Attributes:
        interval: time from one OPTIONS to the next.
    """

    kind: ClassVar[str] = "options-ping"
    source: ClassVar[str] = "RFC 3261 §11; pjsip/pjproject#4225"

    interval: Lasting

    def attach(self, client: Client) -> None:
        """Start the timer once the client is set up."""
        client.on_set_up(lambda: client.every(self.interval, client.send_options))
