"""Runs the idle timer of one connection of the server."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

_LINE_ENDS = b"\r\n"


class IdleTimer:
    """Calls back once a connection has carried nothing for so long.

    Args:
        loop: whose clock counts.
        after: seconds.
        crlf_counts: whether CR and LF alone are traffic.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, after: float, *, crlf_counts: bool) -> None:
        self._loop = loop
        self._after = after
        self._crlf_counts = crlf_counts
        self._on_idle: Callable[[], None] = lambda: None
        self._timer: asyncio.TimerHandle | None = None

    def start(self, on_idle: Callable[[], None]) -> None:
        """Begin to count; ``on_idle`` is called at most once."""
        self._on_idle = on_idle
        self._restart()

    def traffic(self, data: bytes) -> None:
        """Count from now on again, if these bytes are traffic."""
        if self._timer is not None and (data.strip(_LINE_ENDS) or (data and self._crlf_counts)):
            self._restart()

    def stop(self) -> None:
        """Do not call back any more."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _restart(self) -> None:
        self.stop()
        self._timer = self._loop.call_later(self._after, self._on_idle)
