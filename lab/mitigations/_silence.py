"""Detects connections on which nothing arrives any more."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from lab.mitigations.base import Client, Timer, TransportState

PONG_WITHIN_S = 10.0
"""A flow without an answer to its ping for this long has failed: RFC 5626 §4.4.1."""

PING_LATE_S = 1.0
"""pjsip counts its keep-alive in whole seconds and pings up to one later than its interval says."""


class Silence:
    """Watches each connection of a client, and says when nothing has come in for too long.

    Args:
        client: whose.
        longest: how long nothing may come in.
        on_silent: gets the handle of a connection still there; it is watched no more.
    """

    def __init__(self, client: Client, longest: float, on_silent: Callable[[int], None]) -> None:
        self._client = client
        self._longest = longest
        self._on_silent = on_silent
        self._heard: dict[int, float] = {}
        self._timers: dict[int, Timer] = {}
        client.on_transport(self._transport)
        client.on_received(self._received)

    def allow(self, longest: float) -> None:
        """Expect incoming data within that time from now on; past time counts."""
        self._longest = longest
        for handle in self._heard:
            self._watch(handle)

    def _transport(self, handle: int, state: TransportState) -> None:
        if state is TransportState.CONNECTED:
            self._heard[handle] = self._client.now()
            self._watch(handle)
        elif handle in self._heard:
            del self._heard[handle]
            self._timers.pop(handle).cancel()

    def _received(self, handle: int, _: bytes) -> None:
        if handle in self._heard:
            self._heard[handle] = self._client.now()
            self._watch(handle)

    def _watch(self, handle: int) -> None:
        if handle in self._timers:
            self._timers[handle].cancel()
        left = self._heard[handle] + self._longest - self._client.now()
        self._timers[handle] = self._client.after(max(0.0, left), partial(self._silent, handle))

    def _silent(self, handle: int) -> None:
        del self._heard[handle], self._timers[handle]
        self._on_silent(handle)
