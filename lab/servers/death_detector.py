"""Counts what a client does not answer, and gives it up."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Protocol


class Send(Protocol):
    """Sends a request on a flow, and calls back at its final answer."""

    def __call__(self, flow: str, *, on_answered: Callable[[], object]) -> None:
        """Send it."""


class DeathDetector:
    """Sends requests, and gives a flow up when so many in a row have no answer by the time of the next.

    Args:
        send: sends one.
        give_up: called with a flow and how many were not answered.
        after: how many are too many.
    """

    def __init__(self, send: Send, give_up: Callable[[str, int], None], after: int) -> None:
        self._send = send
        self._give_up = give_up
        self._after = after
        self._missed: dict[str, int] = {}  # in a row, by flow

    def due(self, flow: str) -> None:
        """Send the next one on a flow, or give it up."""
        missed = self._missed.pop(flow, 0)
        if missed >= self._after:
            self._give_up(flow, missed)
            return
        self._missed[flow] = missed + 1  # until it is answered
        self._send(flow, on_answered=partial(self._missed.pop, flow, 0))
