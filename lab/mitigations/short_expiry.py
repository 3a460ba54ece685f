"""Grants short subscriptions, which are therefore refreshed soon."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from lab.mitigations.base import Server, ServerSide
from lab.units import WholeSeconds


@dataclass(frozen=True, kw_only=True, slots=True)
class ShortExpiry(ServerSide):
    """Grant subscriptions ``expiry`` at most.

    pjsip refreshes 5 s before the end that the last NOTIFY names. Each refresh is a transaction, which starts its idle
    timer (33 s) afresh, so that up to 37 s keep the connection; a longer expiry leaves a hole in each period, from the
    end of the idle time to the refresh, which then opens a new connection. The refresh also mends what was lost: it is
    answered by a NOTIFY with the full state.

    Attributes:
        expiry: granted, in the 200 and in NOTIFY.
    """

    kind: ClassVar[str] = "short-expiry"
    source: ClassVar[str] = "article on pjsip/pjproject#4225, 3b; RFC 6665 §4.2.1.1"
    needs_subscription: ClassVar[bool] = True

    expiry: WholeSeconds

    def attach(self, server: Server) -> None:
        """Set it."""
        server.limit_subscriptions(self.expiry)
