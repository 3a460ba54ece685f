"""Defines pjsua2's objects; their callbacks call the user agent, and end the process if they fail."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from typing import Any, Protocol

from lab.clients.callback_guard import guarded
from lab.clients.pjsip.pjsua2_wheel import pj
from lab.clients.pjsip.subscription import Subscription
from lab.clients.pjsip.timers import Timers
from lab.record.events import CallState, ClientCall, ClientEvent, MessageReceived

_CALL_STATES: dict[int, CallState] = {
    pj.PJSIP_INV_STATE_INCOMING: "incoming",
    pj.PJSIP_INV_STATE_EARLY: "early",
    pj.PJSIP_INV_STATE_CONNECTING: "connecting",
    pj.PJSIP_INV_STATE_CONFIRMED: "confirmed",
    pj.PJSIP_INV_STATE_DISCONNECTED: "disconnected",
}


class Listener(Protocol):
    """The receiver of the callbacks."""

    timers: Timers
    subscription: Subscription

    def emit(self, event: ClientEvent) -> None:
        """Write an event to the record."""

    def transport_state(self, event: Any) -> None:
        """``OnTransportStateParam``."""

    def registration(self, event: Any) -> None:
        """``OnRegStateParam``."""

    def options_answer(self, address: int, code: int, reason: str) -> None:
        """Handle the final answer to the OPTIONS sent with this user data."""

    def incoming_call(self, number: int, invite: str) -> None:
        """Handle a call and its INVITE."""


class Endpoint(pj.Endpoint):  # type: ignore[misc]  # pjsua2 has no types
    """The one endpoint of a process."""

    def __init__(self, listener: Listener) -> None:
        super().__init__()
        self._listener = listener

    @guarded
    def onTransportState(self, prm: Any) -> None:  # noqa: D102, N802  (pjsua2's name, as below)
        self._listener.transport_state(prm)

    @guarded
    def onTimer(self, prm: Any) -> None:  # noqa: D102, N802
        self._listener.timers.due(int(prm.userData))


class Account(pj.Account):  # type: ignore[misc]
    """The one account."""

    def __init__(self, listener: Listener) -> None:
        super().__init__()
        self._listener = listener

    @guarded
    def onRegState(self, prm: Any) -> None:  # noqa: D102, N802
        self._listener.registration(prm)

    @guarded
    def onSendRequest(self, prm: Any) -> None:  # noqa: D102, N802
        transaction = prm.e.body.tsxState.tsx
        self._listener.options_answer(int(prm.userData), transaction.statusCode, transaction.statusText)

    @guarded
    def onInstantMessage(self, prm: Any) -> None:  # noqa: D102, N802
        self._listener.emit(MessageReceived(text=prm.msgBody))

    @guarded
    def onIncomingCall(self, prm: Any) -> None:  # noqa: D102, N802
        self._listener.incoming_call(prm.callId, prm.rdata.wholeMsg)


class IncomingCall(pj.Call):  # type: ignore[misc]
    """A call from the server, accepted at once or after it has rung for a while."""

    def __init__(self, listener: Listener, account: Account, number: int) -> None:
        super().__init__(account, number)
        self._listener = listener

    def ring(self) -> None:
        """Answer 180."""
        self._answer(pj.PJSIP_SC_RINGING)

    def accept(self) -> None:
        """Answer 200, unless the call is over."""
        if self.isActive():
            self._answer(pj.PJSIP_SC_OK)

    def _answer(self, code: int) -> None:
        answer = pj.CallOpParam()
        answer.statusCode = code
        self.answer(answer)

    @guarded
    def onCallState(self, prm: Any) -> None:  # noqa: D102, N802
        info = self.getInfo()
        state = _CALL_STATES[info.state]
        self._listener.emit(ClientCall(call_id=info.callIdString, state=state, code=info.lastStatusCode))


class Buddy(pj.Buddy):  # type: ignore[misc]
    """The user whose presence is subscribed to."""

    def __init__(self, listener: Listener) -> None:
        super().__init__()
        self._listener = listener

    @guarded
    def onBuddyEvSubState(self, prm: Any) -> None:  # noqa: D102, N802
        by_transaction = prm.e.type == pj.PJSIP_EVENT_TSX_STATE
        self._listener.subscription.changed(self.getInfo(), prm.e.body.tsxState if by_transaction else None)


class Log(pj.LogWriter):  # type: ignore[misc]
    """Writes each line at once, without buffering, so that the last ones before an abort are there."""

    def __init__(self, path: str, on_line: Callable[[str], None]) -> None:
        super().__init__()
        self._on_line = on_line
        self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o644)

    @guarded
    def write(self, entry: Any) -> None:  # noqa: D102
        line = entry.msg
        os.write(self._file, f"{time.monotonic():.6f} {line}".encode("utf-8", "surrogateescape"))
        self._on_line(line)
