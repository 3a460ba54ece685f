"""Reacts to a push message that wakes the app."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import ClassVar

from lab.mitigations.base import Client, ClientSide
from lab.units import Seconds


class Reaction(str, Enum):
    """The deed of an app that a push has woken."""

    REGISTER = "register"
    """Send a REGISTER, over the connection that it has, be it stale."""
    DROP_AND_REGISTER = "drop-and-register"
    """Shut down every connection, and register over a new one; over UDP there is none."""
    IP_CHANGE = "ip-change"
    """``pjsua_handle_ip_change``: restart listeners, shut down connections, register."""


@dataclass(frozen=True, kw_only=True, slots=True)
class OnWake(ClientSide):
    """Register when a push message arrives, so that the server can send what it holds.

    Without it a client that wakes goes on with what its timers and sockets bring, which is no REGISTER. RFC 8599 §4.1.3
    asks for one. pjproject's sample does ``register``; its guide calls ``ip-change`` safer, because the device may have
    changed networks while the app was suspended.

    Attributes:
        then: what it does.
        after: how long after the push. An app that first lets the user accept a call which it has not got yet
            registers that late.
    """

    kind: ClassVar[str] = "on-wake"
    source: ClassVar[str] = "RFC 8599 §4.1.3; pjproject's guide to iOS push notifications"
    needs_registration: ClassVar[bool] = True

    then: Reaction
    after: Seconds = Seconds(0)

    def attach(self, client: Client) -> None:
        """Wait for pushes."""

        def drop_and_register() -> None:
            client.drop_connections()
            client.reregister()

        reactions: dict[Reaction, Callable[[], None]] = {
            Reaction.REGISTER: client.reregister,
            Reaction.DROP_AND_REGISTER: drop_and_register,
            Reaction.IP_CHANGE: client.handle_ip_change,
        }
        act = reactions[self.then]
        client.on_push(act if not self.after else lambda: client.after(self.after, act))
