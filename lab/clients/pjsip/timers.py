"""Schedules calls on pjsip's own timer heap."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from typing import Any

from lab.clients.pjsip.pjsua2_wheel import pj


class Timers:
    """Schedules calls.

    Args:
        endpoint: pjsua2's, whose ``onTimer`` calls ``due``.
    """

    def __init__(self, endpoint: Any) -> None:
        self._endpoint = endpoint
        self._pending: dict[int, tuple[Any, Callable[[], None]]] = {}

    def after(self, delay: float, callback: Callable[[], None]) -> Call:
        """Call once, ``delay`` seconds from now."""
        call = Call(self, callback)
        call.schedule(time.monotonic() + delay)
        return call

    def every(self, interval: float, callback: Callable[[], None]) -> Call:
        """Call each ``interval`` seconds from now on, without drift."""
        call = Call(self, callback, interval)
        call.schedule(time.monotonic() + interval)
        return call

    def due(self, address: int) -> None:
        """Run a timer that is due; ``address`` is the value that pjsip carried for it."""
        _, callback = self._pending.pop(address)
        callback()

    def add(self, moment: float, callback: Callable[[], None]) -> tuple[int, Any]:
        """Schedule a bare call; returns what ``remove`` takes."""
        token, address = carried()
        self._pending[address] = (token, callback)
        delay = max(0, math.ceil((moment - time.monotonic()) * 1000))
        return address, self._endpoint.utilTimerSchedule(delay, token)

    def remove(self, address: int, timer: Any) -> None:
        """Cancel what ``add`` has scheduled and is not due yet."""
        self._endpoint.utilTimerCancel(timer)
        del self._pending[address]


class Call:
    """A pending call, once or again and again."""

    def __init__(self, timers: Timers, callback: Callable[[], None], interval: float | None = None) -> None:
        self._timers = timers
        self._callback = callback
        self._interval = interval
        self._moment = 0.0
        self._entry: tuple[int, Any] | None = None

    def schedule(self, moment: float) -> None:
        """Set the timer to a time of CLOCK_MONOTONIC."""
        self._moment = moment
        self._entry = self._timers.add(moment, self._due)

    def cancel(self) -> None:
        """See ``lab.mitigations.base.Timer``."""
        self._interval = None
        if self._entry is not None:
            self._timers.remove(*self._entry)
            self._entry = None

    def _due(self) -> None:
        self._entry = None
        if self._interval is not None:
            self.schedule(self._moment + self._interval)
        self._callback()


def carried() -> tuple[Any, int]:
    """Return user data for pjsip, which only carries pointers to wrapped objects: an object and its address."""
    token = pj.IntVector()
    return token, int(token.this)
