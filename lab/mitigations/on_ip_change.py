"""Decides what the app does when the system says that its address has changed."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import ClassVar

from lab.mitigations.base import Client, ClientSide


class IpChangeReaction(str, Enum):
    """The deed of an app that hears of another address."""

    NOTHING = "nothing"
    """Leave it to the timers."""
    REGISTER = "register"
    """Send a REGISTER, over the connection that it has, be it dead."""
    DROP_AND_REGISTER = "drop-and-register"
    """Shut down every connection, and register over a new one; over UDP there is none."""


@dataclass(frozen=True, kw_only=True, slots=True)
class OnIpChange(ClientSide):
    """React so when the system says that the address has changed; without this the app calls pjsip's function for it.

    ``pjsua_handle_ip_change`` restarts listeners, shuts down connections, registers, and sends re-INVITE in its calls.
    It does not subscribe anew. ``register`` and ``drop-and-register`` subscribe anew, too, if the account subscribes.

    Attributes:
        then: what it does.
    """

    kind: ClassVar[str] = "on-ip-change"
    source: ClassVar[str] = "RFC 5626 §4.4; pjsip/pjproject#2041"

    then: IpChangeReaction

    def attach(self, client: Client) -> None:
        """Wait for the system's word."""

        def act() -> None:
            if self.then is IpChangeReaction.NOTHING:
                return
            if self.then is IpChangeReaction.DROP_AND_REGISTER:
                client.drop_connections()
            client.reregister()
            client.resubscribe()

        client.on_ip_change(act)
