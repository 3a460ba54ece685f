"""Wakes a suspended client for a time when data or a push message comes."""

from __future__ import annotations

import asyncio

from lab.faults.base import RunningCell
from lab.model.push import PushPriority


class Sleep:
    """Lets a suspended client go on when something wakes it, and suspends it again after a time.

    Args:
        cell: the running cell; its client stands still.
        awake: for how long data wakes it; None: not at all.
        pushed: for how long a push message wakes it; 0: not at all.
    """

    def __init__(self, cell: RunningCell, *, awake: float | None, pushed: float) -> None:
        self._cell = cell
        self._awake = awake
        self._pushed = pushed
        self._loop = asyncio.get_running_loop()
        self._since = self._loop.time()
        self._asleep = True
        self._by_push = False
        self._sleeps: asyncio.TimerHandle | None = None
        self._pushes = cell.watch_pushes(self._takes_push)
        self._forget = None if awake is None else cell.watch_data_for_client(self._hears)

    def _hears(self, at: float) -> None:
        if at >= self._since and self._awake is not None:
            self._wake(self._awake)

    def _takes_push(self, _: PushPriority) -> bool:
        if not self._pushed:
            return not self._asleep
        self._by_push = True
        self._wake(self._pushed)
        return True

    def _wake(self, seconds: float) -> None:
        """Keep it awake for so long from now on, or for longer if that has been asked for."""
        until = self._loop.time() + seconds
        if self._sleeps is not None:
            until = max(until, self._sleeps.when())
            self._sleeps.cancel()
        self._sleeps = self._loop.call_at(until, self._sleep)
        if self._asleep:
            self._asleep = False
            self._cell.resume_client()
            self._pushes.offer_again()

    def _sleep(self) -> None:
        if self._by_push and self._cell.in_call():
            self._sleeps = self._loop.call_later(self._pushed, self._sleep)
            return
        self._sleeps = None
        self._by_push = False
        self._asleep = True
        self._since = self._loop.time()
        self._cell.suspend_client()

    def end(self) -> None:
        """Wake it for good."""
        if self._forget is not None:
            self._forget()
        if self._sleeps is not None:
            self._sleeps.cancel()
        if self._asleep:
            self._cell.resume_client()
        self._pushes.end()
