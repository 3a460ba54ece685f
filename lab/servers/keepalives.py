"""Runs the timers of the server's keep-alives, one for each flow since its first use."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import NamedTuple


class _KeepAlive(NamedTuple):
    interval: float
    send: Callable[[str], None]
    timers: dict[str, asyncio.TimerHandle]


class KeepAlives:
    """All keep-alives that mitigations have asked for."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._wanted: list[_KeepAlive] = []

    def add(self, interval: float, send: Callable[[str], None]) -> None:
        """Call ``send`` with each flow in use, every ``interval`` seconds."""
        self._wanted.append(_KeepAlive(interval, send, {}))

    def in_use(self, flows: set[str]) -> None:
        """Take the flows that are in use now; the timers of those that were before go on."""
        for one in self._wanted:
            for flow in one.timers.keys() - flows:
                one.timers.pop(flow).cancel()
            for flow in sorted(flows - one.timers.keys()):
                self._arm(one, flow, self._loop.time() + one.interval)

    def _arm(self, one: _KeepAlive, flow: str, at: float) -> None:
        one.timers[flow] = self._loop.call_at(at, self._due, one, flow, at)

    def _due(self, one: _KeepAlive, flow: str, at: float) -> None:
        self._arm(one, flow, at + one.interval)
        one.send(flow)
