"""Counts requests that a client does not answer, and gives the client up."""

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
        give_up: called with a flow and how many were not answered; again at each further one if it goes on.
        after: how many are too many.
        goes_on: whether it goes on sending to whom it has given up.
        on_answered: called with a flow at each answer.
    """

    def __init__(
        self,
        send: Send,
        give_up: Callable[[str, int], None],
        after: int,
        *,
        goes_on: bool = False,
        on_answered: Callable[[str], None] = lambda _flow: None,
    ) -> None:
        self._send = send
        self._give_up = give_up
        self._after = after
        self._goes_on = goes_on
        self._on_answered = on_answered
        self._missed: dict[str, int] = {}  # in a row, by flow

    def due(self, flow: str) -> None:
        """Send the next one on a flow, or give it up."""
        missed = self._missed.pop(flow, 0)
        if missed >= self._after:
            self._give_up(flow, missed)
            if not self._goes_on:
                return
        self._missed[flow] = missed + 1  # until it is answered
        self._send(flow, on_answered=partial(self._answered, flow))

    def _answered(self, flow: str) -> None:
        self._missed.pop(flow, None)
        self._on_answered(flow)
