"""Looks by itself, again and again, whether the address has changed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from lab.mitigations.base import Client, ClientSide
from lab.units import Lasting


@dataclass(frozen=True, kw_only=True, slots=True)
class WatchAddress(ClientSide):
    """Look every ``interval`` from which address packets to the server leave; another one is a change of networks.

    The app then does what it does when the system tells it: see ``on-ip-change``. Looking sends nothing, and needs no
    permission; but it wakes the processor, and an app that stands still does not look. The same address on another
    network, and a network that is gone and has no successor, are not noticed.

    Attributes:
        interval: from one look to the next.
    """

    kind: ClassVar[str] = "watch-address"
    source: ClassVar[str] = "pjsip/pjproject#2041: the application has to detect the change"

    interval: Lasting

    def attach(self, client: Client) -> None:
        """Remember the address from the moment the client is set up."""

        def begin() -> None:
            known = client.source_address()

            def look() -> None:
                nonlocal known
                client.after(float(self.interval), look)
                now = client.source_address()
                if now and now != known:
                    known = now
                    client.take_ip_change()

            client.after(float(self.interval), look)

        client.on_set_up(begin)
