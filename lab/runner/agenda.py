"""Runs actions at their times; those of one instant in a fixed order.

Of one instant: what ends, then faults, then probes, then everything else; of the same kind, in the order in which they
were added. Each has its turn when the one before has been done, so a probe meets every fault of its own instant.
"""

from __future__ import annotations

import asyncio
import heapq
from collections.abc import Awaitable, Callable, Coroutine
from enum import IntEnum
from math import inf
from typing import Any

Act = Callable[[], Awaitable[None]]
"""Does something, and returns when it is done; what takes longer is for `Agenda.begin`."""

_DIGITS = 6
"""Moments that agree to the microsecond are one instant: sums of the scenario's times differ in their last bits."""


class Turn(IntEnum):
    """The order of actions within an instant."""

    END = 0
    FAULT = 1
    PROBE = 2
    OTHER = 3


class Agenda:
    """The actions and their times.

    Args:
        zero: the loop's time at the scenario's time zero.
    """

    def __init__(self, zero: float) -> None:
        self._zero = zero
        self._loop = asyncio.get_running_loop()
        self._due: list[tuple[float, Turn, int, Act]] = []
        self._count = 0
        self._doing: set[asyncio.Task[None]] = set()
        self._failed: BaseException | None = None
        self._changed = asyncio.Event()

    def add(self, t: float, turn: Turn, act: Act) -> None:
        """Do something at ``t``, in seconds after time zero; at once if that has passed."""
        self._count += 1
        heapq.heappush(self._due, (round(t, _DIGITS), turn, self._count, act))
        self._changed.set()

    def begin(self, work: Coroutine[Any, Any, None]) -> None:
        """Do something beside; the agenda is not done before it is."""
        task = self._loop.create_task(work)
        self._doing.add(task)
        task.add_done_callback(self._done)

    async def run(self, until: float) -> None:
        """Do everything that is due up to ``until``, in seconds after time zero, and wait for its end.

        Raises:
            Exception: the first failure of anything that was done; the rest is cancelled.
        """
        until = round(until, _DIGITS)
        try:
            while True:
                self._changed.clear()
                if self._failed is not None:
                    raise self._failed
                now = self._loop.time() - self._zero
                first = self._due[0][0] if self._due else inf
                if first <= min(now, until):
                    self.begin(_one_by_one(self._take(first)))
                elif now < until:
                    await self._wait(min(first, until) - now)
                elif self._doing:
                    await self._wait(None)
                else:
                    return
        finally:
            for task in self._doing:
                task.cancel()

    def _take(self, t: float) -> list[Act]:
        """Return what is due at an instant, in order, and strike it off."""
        taken = []
        while self._due and self._due[0][0] == t:
            taken.append(heapq.heappop(self._due)[3])
        return taken

    async def _wait(self, seconds: float | None) -> None:
        """Wait for a time, or until something was added, has ended or has failed."""
        waiting = self._loop.create_task(self._changed.wait())
        try:
            await asyncio.wait({waiting}, timeout=seconds)
        finally:
            waiting.cancel()

    def _done(self, task: asyncio.Task[None]) -> None:
        self._doing.discard(task)
        self._changed.set()
        if not task.cancelled() and (error := task.exception()) is not None:
            self._failed = self._failed or error


async def _one_by_one(acts: list[Act]) -> None:
    for act in acts:
        await act()
