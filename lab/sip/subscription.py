"""Implements the notifier's side of presence subscriptions (RFC 6665 §4.2, RFC 3856).

Does not model: authorisation, ``pending``, several subscriptions in one dialog, and the removal of a subscription whose
NOTIFY times out (RFC 6665 §4.2.2, a SHOULD): a probe must not change what the next probe measures.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

from lab.sip.dialog import Dialog, DialogId, dialog_id
from lab.sip.fields import parse_expires, split
from lab.sip.message import Request
from lab.sip.pidf import CONTENT_TYPE, pidf
from lab.sip.uas import RequestRefused

PACKAGE = "presence"

Change = Literal["active", "refreshed", "terminated"]
"""What a SUBSCRIBE made of a subscription."""


class Subscription(NamedTuple):
    """One subscription.

    Attributes:
        id: ``s1``, ``s2``, … in order of appearance.
        event: the Event field of its SUBSCRIBE, with any ``id`` parameter.
        expires_at: when it ends unless refreshed, on the caller's clock; in the past: it has ended.
        flow: id of the flow its last SUBSCRIBE came on.
    """

    id: str
    event: str
    dialog: Dialog
    expires_at: float
    flow: str

    def notify(self, *, now: float, note: str, via: str, contact: str) -> tuple[Subscription, Request]:
        """Build the next NOTIFY: active with the seconds left, or terminated by timeout (RFC 6665 §4.2.2)."""
        left = max(1, round(self.expires_at - now))  # 0 would say terminated
        state = f"active;expires={left}" if self.expires_at > now else "terminated;reason=timeout"
        dialog, request = self.dialog.request(
            "NOTIFY",
            ("Contact", f"<{contact}>"),
            ("Event", self.event),
            ("Subscription-State", state),
            ("Content-Type", CONTENT_TYPE),
            via=via,
            body=pidf(self.dialog.local.uri, note),
        )
        return self._replace(dialog=dialog), request


class Notifier:
    """All subscriptions. Time is an argument; nothing here waits.

    Args:
        longest: seconds granted at most, and when the subscriber names none.
    """

    def __init__(self, longest: float) -> None:
        self._longest = int(longest)
        self._count = 0
        self._subscriptions: dict[DialogId, Subscription] = {}

    def subscribe(self, request: Request, *, now: float, flow: str, tag: str) -> tuple[Subscription, Change]:
        """Take a SUBSCRIBE.

        Returns:
            The subscription as it is now, and what became of it: ``active`` (new), ``refreshed`` or ``terminated``
            (asked to end, or never begun: a fetch, RFC 6665 §4.4.3). The answer is 200 with ``expires_at - now``, then
            a NOTIFY.

        Raises:
            Refused: 481, 489 or 500.
            MalformedMessage: a field it needs is missing or unreadable.
        """
        event = request.first("Event") or ""
        if split(event, ";")[:1] != (PACKAGE,):
            raise RequestRefused(489, ("Allow-Events", PACKAGE))
        expires = request.first("Expires")
        granted = self._longest if expires is None else min(self._longest, parse_expires(expires))
        key = dialog_id(request)
        state: Change
        if key is None:
            self._count += 1
            dialog = Dialog.accept(request, tag=tag)
            subscription = Subscription(
                id=f"s{self._count}", event=event, dialog=dialog, expires_at=now + granted, flow=flow
            )
            state = "active"
        elif key in self._subscriptions:
            old = self._subscriptions[key]
            subscription = old._replace(dialog=old.dialog.receive(request), expires_at=now + granted, flow=flow)
            state = "refreshed"
        else:
            raise RequestRefused(481)
        self._subscriptions[subscription.dialog.id] = subscription
        if not granted:
            state = "terminated"
            del self._subscriptions[subscription.dialog.id]
        return subscription, state

    def newest(self, *, now: float) -> Subscription | None:
        """Return the subscription that began last and has not ended."""
        live = self.live(now=now)
        return live[-1] if live else None

    def live(self, *, now: float) -> list[Subscription]:
        """Return the subscriptions that have not ended, the one that began last at the end."""
        return [one for one in self._subscriptions.values() if one.expires_at > now]

    def keep(self, subscription: Subscription) -> None:
        """Store a subscription's new state, unless it has been removed meanwhile."""
        if subscription.dialog.id in self._subscriptions:
            self._subscriptions[subscription.dialog.id] = subscription

    def expire(self, key: DialogId, *, now: float) -> Subscription | None:
        """Remove and return a subscription whose time is over; None when it was refreshed or removed meanwhile."""
        subscription = self._subscriptions.get(key)
        return self.remove(key) if subscription is not None and subscription.expires_at <= now else None

    def remove(self, key: DialogId) -> Subscription | None:
        """Remove and return a subscription, None when it is not there."""
        return self._subscriptions.pop(key, None)
