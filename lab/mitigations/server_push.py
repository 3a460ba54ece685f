"""Wakes a client by a push message before a request is sent to it (RFC 8599)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from lab.mitigations.base import Server, ServerSide
from lab.model.push import PushPriority
from lab.units import Lasting, Seconds


@dataclass(frozen=True, kw_only=True, slots=True)
class ServerPush(ServerSide):
    """Hold INVITE, MESSAGE and OPTIONS for a sleeping client, ask for a push, and send it when the client registers.

    Only for contacts that name a push service (``push-contact``), and only while the client's connection is gone or
    quiet. The request goes over the connection of the new registration, to its contact; contacts with the same ``pn-``
    parameters are one client. Without a registration in time the contact counts as answered 480 (RFC 3261 §21.4.18);
    after a refusal (410) it does so at once, and the token is used no more until a REGISTER names it again. NOTIFY and
    BYE are sent as without it.

    Attributes:
        wait: for how long a request is held; it counts towards the probe's ``within``. 6 s: OpenSIPS'
            ``pn_refresh_timeout``.
        quiet_after: a client that was not heard for so long on its connection, not even by a keep-alive, is woken
            first; 0 s: always, as OpenSIPS does (``pn_skip_pn_interval``).
        priority: of the push.
    """

    kind: ClassVar[str] = "server-push"
    source: ClassVar[str] = "RFC 8599 §5.6; registrar module of OpenSIPS"
    needs_registration: ClassVar[bool] = True

    wait: Lasting = Seconds(6)
    quiet_after: Seconds = Seconds(0)
    priority: PushPriority = PushPriority.HIGH

    @property
    def server_needs(self) -> tuple[str, ...]:
        """See `ServerSide`."""
        return ("push-when-quiet",) if self.quiet_after else ()

    def attach(self, server: Server) -> None:
        """Switch it on."""
        server.hold_for_push(wait=self.wait, quiet_after=self.quiet_after, priority=self.priority.value)
