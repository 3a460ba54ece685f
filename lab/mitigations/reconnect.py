"""Monitors the transport: after a connection has ended, it subscribes and registers again."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from lab.mitigations.base import STREAMS, Answer, Client, ClientSide, Timer, TransportState
from lab.sip.status import FAILED_FROM
from lab.units import Lasting, Seconds


@dataclass(frozen=True, kw_only=True, slots=True)
class Reconnect(ClientSide):
    """After the last connection has ended, in whatever way, subscribe and register anew, until it succeeds.

    Each pause is twice the one before, times a random number from 0.5 to 1 (RFC 5626 §4.5), so that the clients of a
    server that went down do not all come back at once. Ended means any state after "connected": pjsip's idle timer
    reports "destroyed" and nothing else, which a monitor that waits for "disconnected" misses. A dead connection that
    nobody has noticed is none of its business.

    Attributes:
        first: longest first pause.
        longest: longest pause. RFC 5626 §4.5 has 30 s and 30 min.
    """

    kind: ClassVar[str] = "reconnect"
    source: ClassVar[str] = "RFC 5626 §4.5; article on pjsip/pjproject#4225, monitor and recover"
    transports: ClassVar[tuple[str, ...]] = STREAMS

    first: Lasting = Seconds(2)
    longest: Lasting = Seconds(60)

    def attach(self, client: Client) -> None:
        """Watch, from the moment the client is set up."""
        client.on_set_up(_Monitor(client, self).start)


class _Monitor:
    def __init__(self, client: Client, how: Reconnect) -> None:
        self._client = client
        self._how = how
        self._attempts = 0
        self._pending: Timer | None = None
        self._watching = False
        self._connected: set[int] = set()
        client.on_transport(self._transport)
        client.on_subscription(self._subscription)
        client.on_answer(self._answer)

    def start(self) -> None:
        self._watching = True

    def _transport(self, handle: int, state: TransportState) -> None:
        if state is TransportState.CONNECTED:
            self._connected.add(handle)
        elif handle in self._connected:
            self._connected.remove(handle)
            if not self._connected:
                self._retry()

    def _subscription(self, state: str, code: int) -> None:
        if code < FAILED_FROM:  # it stands, or pjsua is about to begin the next
            self._cancel()
        if state == "active":
            self._attempts = 0

    def _answer(self, answer: Answer) -> None:
        if answer.method in ("SUBSCRIBE", "REGISTER") and answer.code >= FAILED_FROM:
            self._retry()

    def _retry(self) -> None:
        if not self._watching or self._pending is not None:
            return
        pause = min(self._how.longest, self._how.first * 2.0**self._attempts)
        self._attempts += 1
        self._pending = self._client.after(pause * self._client.random.uniform(0.5, 1.0), self._again)

    def _again(self) -> None:
        self._pending = None
        self._client.reregister()
        self._client.resubscribe()

    def _cancel(self) -> None:
        if self._pending is not None:
            self._pending.cancel()
            self._pending = None
