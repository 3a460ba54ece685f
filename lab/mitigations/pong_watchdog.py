"""Sends CRLF keep-alives and expects an answer to each."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from lab.mitigations._silence import PING_LATE_S, PONG_WITHIN_S, Silence
from lab.mitigations.base import STREAMS, Client, ClientSide, Setting
from lab.units import Lasting, Seconds, WholeSeconds


@dataclass(frozen=True, kw_only=True, slots=True)
class PongWatchdog(ClientSide):
    """Ping each connection, give it up if nothing comes back, and subscribe anew over another.

    If the account does not subscribe it registers anew instead. Of an account that does both the registration is not
    renewed: calls reach the client again after its next REGISTER, or at once with ``reconnect``.

    pjsip pings (``crlf-keepalive``) but does not look for the answer; it hands what it receives to callbacks of its
    transport manager, where this looks. It does so once nothing has come in for ``interval`` to a second more, so that
    a connection from which nothing has come for ``interval``, that second and ``within`` has not answered. The server
    must answer pings: one that does not is taken for dead again and again.

    One attempt is made; what becomes of it if the network is still down is for ``reconnect``. pjsip's idle timer does
    not count pings and runs as before, unless ``hold-transport`` or a registration holds the transport. Beside a
    registration the connection thus lives, and what dies is noticed; but an account that subscribes as well only
    subscribes anew, and calls fail until the next REGISTER. There it needs ``reconnect``.

    Attributes:
        interval: pause after which to ping.
        within: how long an answer may take.
    """

    kind: ClassVar[str] = "pong-watchdog"
    source: ClassVar[str] = "RFC 5626 §4.4.1"
    transports: ClassVar[tuple[str, ...]] = STREAMS
    sets: ClassVar[tuple[Setting, ...]] = (Setting.CRLF_INTERVAL,)

    interval: WholeSeconds
    within: Lasting = Seconds(PONG_WITHIN_S)

    def attach(self, client: Client) -> None:
        """Set the interval and watch what comes in."""
        client.set_crlf_interval(self.interval)
        longest = self.interval + PING_LATE_S + self.within

        def on_silent(handle: int) -> None:
            client.give_up_transport(handle, after=self.within)
            client.resubscribe() if client.subscribes else client.reregister()

        Silence(client, longest, on_silent)
