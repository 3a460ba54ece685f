"""Connections from which nothing comes any more."""

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
        longest: how long nothing may come in; asked for whenever something has.
        on_silent: gets the handle of a connection still there; it is watched no more.
    """

    def __init__(self, client: Client, longest: Callable[[], float], on_silent: Callable[[int], None]) -> None:
        self._client = client
        self._longest = longest
        self._on_silent = on_silent
        self._watched: dict[int, Timer] = {}
        client.on_transport(self._transport)
        client.on_received(self._received)

    def _transport(self, handle: int, state: TransportState) -> None:
        if handle in self._watched:
            self._watched.pop(handle).cancel()
        if state is TransportState.CONNECTED:
            self._watch(handle)

    def _received(self, handle: int, _: bytes) -> None:
        if handle in self._watched:
            self._watched.pop(handle).cancel()
            self._watch(handle)

    def _watch(self, handle: int) -> None:
        self._watched[handle] = self._client.after(self._longest(), partial(self._silent, handle))

    def _silent(self, handle: int) -> None:
        del self._watched[handle]
        self._on_silent(handle)
