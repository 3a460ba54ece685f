"""Implements the presence notifier: subscribers, expiry, and NOTIFYs (RFC 6665)."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial

from lab.actors.channel import Channel
from lab.record.events import GIVEN_UP, BindingState, ServerSubscription
from lab.servers.probe_report import ProbeReport
from lab.servers.scripted.client_transactions import ClientTransaction
from lab.servers.scripted.flows import Flow
from lab.servers.scripted.server_context import ServerContext
from lab.sip.dialog import DialogId
from lab.sip.message import Request, Response
from lab.sip.subscription import Notifier, Subscription

_ENDS_SUBSCRIPTION = frozenset((404, 405, 410, 416, *range(480, 486), 489, 501, 604))  # RFC 6665 §4.2.2


class Subscriptions:
    """All subscriptions.

    Args:
        expires: seconds granted at most.
        on_change: called when other flows are in use than before.
    """

    def __init__(
        self,
        origin: ServerContext,
        channel: Channel,
        loop: asyncio.AbstractEventLoop,
        *,
        expires: float,
        on_change: Callable[[], None],
    ) -> None:
        self._origin = origin
        self._channel = channel
        self._loop = loop
        self._expires = expires
        self._on_change = on_change
        self._notifier = Notifier(expires)
        self._ends: dict[DialogId, asyncio.TimerHandle] = {}

    def live(self) -> list[Subscription]:
        """Return those that have not ended, the newest last."""
        return self._notifier.live(now=self._loop.time())

    def newest(self) -> Subscription | None:
        """Return the newest that has not ended."""
        return self._notifier.newest(now=self._loop.time())

    def forget(self) -> None:
        """Forget all subscriptions, without a NOTIFY."""
        for timer in self._ends.values():
            timer.cancel()
        self._ends.clear()
        self._notifier = Notifier(self._expires)

    def subscribe(self, flow: Flow, request: Request) -> None:
        """Take a SUBSCRIBE: begin, refresh or end a subscription, and send the NOTIFY that must follow.

        Raises:
            Refused, MalformedMessage: it cannot be taken.
        """
        now, tag = self._loop.time(), self._origin.new("t")
        subscription, state = self._notifier.subscribe(request, now=now, flow=flow.id, tag=tag)
        granted = round(subscription.expires_at - now)
        contact = self._origin.contact(flow)
        self._origin.respond(flow, request, 200, ("Contact", f"<{contact}>"), ("Expires", str(granted)), tag=tag)
        self._emit(subscription, state, granted)
        key = subscription.dialog.id
        if (timer := self._ends.pop(key, None)) is not None:
            timer.cancel()
        if granted:
            self._ends[key] = self._loop.call_at(subscription.expires_at, self._over, key)
        self._on_change()
        self._notify(subscription, now)

    def give_up(self, flow: str) -> None:
        """Remove the subscriptions that came on a flow, and tell nobody."""
        for one in self.live():
            if one.flow == flow and self._notifier.remove(one.dialog.id) is not None:
                self._ends.pop(one.dialog.id).cancel()
                self._emit(one, "terminated", 0)

    def probe(self, probe: str, within: float) -> None:
        """Send a NOTIFY with ``probe`` as its note in the newest subscription, and say what becomes of it."""
        subscription = self.newest()
        if subscription is None:
            ProbeReport(self._channel, probe, "notify").say("failed", None, reason="no-subscription")
        else:
            self._notify(subscription, self._loop.time(), probe=probe, within=within)

    def _over(self, key: DialogId) -> None:
        now = self._loop.time()
        subscription = self._notifier.expire(key, now=max(now, self._ends.pop(key).when()))
        if subscription is not None:
            self._emit(subscription, "expired", 0)
            self._on_change()
            self._notify(subscription, max(now, subscription.expires_at))

    def _notify(
        self, subscription: Subscription, now: float, *, probe: str | None = None, within: float | None = None
    ) -> None:
        report = None if probe is None else ProbeReport(self._channel, probe, "notify")
        marked = self._origin.is_marked(subscription.flow)
        flow = GIVEN_UP if marked else self._origin.route(subscription.flow, subscription.dialog.next_hop)
        if isinstance(flow, str):
            if report is not None:
                report.say("failed", None, reason=flow, lost=subscription.flow)
            return
        via, key = self._origin.via(flow, "NOTIFY")
        subscription, request = subscription.notify(
            now=now, note=probe or "", via=via, contact=self._origin.contact(flow)
        )
        self._notifier.keep(subscription)
        if report is not None and not flow.ready:
            report.connecting(subscription.flow)
        asker = _NotifySent(report, partial(self._refused, subscription.dialog.id))
        self._origin.exchanges.begin(ClientTransaction(request, key, asker), flow, within)

    def _refused(self, key: DialogId) -> None:
        """End a subscription that the client does not know."""
        subscription = self._notifier.remove(key)
        if subscription is not None:
            self._ends.pop(key).cancel()
            self._emit(subscription, "terminated", 0)
            self._on_change()

    def _emit(self, subscription: Subscription, state: BindingState, expires: int) -> None:
        self._channel.emit(
            ServerSubscription(
                id=subscription.id,
                state=state,
                expires=expires,
                flow=subscription.flow,
                contact=subscription.dialog.remote_target,
            )
        )


class _NotifySent:
    """The result of a NOTIFY: it may be a probe, and may end the subscription."""

    def __init__(self, report: ProbeReport | None, on_refused: Callable[[], None]) -> None:
        self._report = report
        self._on_refused = on_refused

    def sent(self, flow: Flow) -> None:
        if self._report is not None:
            self._report.say("sent", flow)

    def answered(self, flow: Flow, response: Response, *, in_time: bool) -> None:
        if self._report is not None and in_time:
            self._report.say("answered", flow, code=response.code)
        if response.code in _ENDS_SUBSCRIPTION:
            self._on_refused()

    def failed(self, flow: Flow | None, reason: str) -> None:
        if self._report is not None:
            self._report.say("failed", flow, reason=reason)
