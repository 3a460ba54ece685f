"""Follows the client's presence subscription, and renews it in two ways before pjsip would."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from lab.clients.pjsip.library import Library
from lab.clients.pjsip.pjsua2_wheel import pj
from lab.clients.pjsip.transports import Emit
from lab.mitigations.base import Answer
from lab.record.events import ClientSubscription, NotifyReceived, Subscribed, SubscriptionState

_STATES: dict[int, SubscriptionState] = {
    pj.PJSIP_EVSUB_STATE_PENDING: "pending",
    pj.PJSIP_EVSUB_STATE_ACTIVE: "active",
    pj.PJSIP_EVSUB_STATE_TERMINATED: "terminated",
}


class Subscription:
    """Follows the subscription of one buddy; a new dialog follows the old one.

    Args:
        emit: where events go.
        library: for what pjsua2 does not offer.
        on_set_up: called once, after the first NOTIFY was written to the record.

    Attributes:
        began: a SUBSCRIBE was sent.
        buddy: pjsua2's; None before there is one.
        on_state, on_answer: called back after the record was written; see ``Client``.
    """

    def __init__(self, emit: Emit, library: Library, on_set_up: Callable[[], None]) -> None:
        self.began = False
        self.buddy: Any = None
        self.on_state: list[Callable[[str, int], None]] = []
        self.on_answer: list[Callable[[Answer], None]] = []
        self._emit = emit
        self._library = library
        self._on_set_up = on_set_up
        self._state: SubscriptionState | None = None
        self._dialog_usage = 0  # the pjsip_evsub; valid until it is terminated
        self._ready = False

    def begin(self) -> None:
        """Subscribe, once."""
        if not self.began:
            self.began = True
            self.buddy.subscribePresence(True)  # noqa: FBT003  (pjsua2's, as below)

    def renew(self) -> None:
        """See ``Client.resubscribe``."""
        self.buddy.subscribePresence(False)  # noqa: FBT003
        self.buddy.subscribePresence(True)  # noqa: FBT003

    def refresh(self) -> None:
        """See ``Client.refresh_subscription``."""
        if self._dialog_usage:
            self._library.refresh_subscription(self._dialog_usage)

    def changed(self, info: Any, change: Any) -> None:
        """Handle an event of the subscription.

        Args:
            info: ``pjsua2.BuddyInfo``.
            change: ``pjsua2.TsxStateEvent`` of the transaction it happened in; None: in none.
        """
        method = "" if change is None else change.tsx.method
        if change is not None:
            self._dialog_usage = self._library.subscription_of(int(change.tsx.pjTransaction)) or self._dialog_usage
        if info.subState == pj.PJSIP_EVSUB_STATE_TERMINATED:
            self._dialog_usage = 0
        if method == "SUBSCRIBE" and change.tsx.statusCode >= 200:
            for answered in self.on_answer:
                answered(Answer(method=method, code=change.tsx.statusCode))
        self._take_state(_STATES.get(info.subState, self._state), info)
        if method == "NOTIFY" and change.type == pj.PJSIP_EVENT_RX_MSG:
            self._notified(info.presStatus.note)

    def _take_state(self, state: SubscriptionState | None, info: Any) -> None:
        if state is None or state == self._state:
            return
        self._state = state
        self._emit(ClientSubscription(state=state, reason=info.subTermReason, code=info.subTermCode))
        for changed in self.on_state:
            changed(state, info.subTermCode)

    def _notified(self, note: str) -> None:
        self._emit(NotifyReceived(note=note))
        if self._state == "active" and not self._ready:
            self._ready = True
            self._emit(Subscribed())
            self._on_set_up()
