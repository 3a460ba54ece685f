"""Waits until the client's account is set up; that is time zero."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

from lab.model.scenario import Cell
from lab.record.events import ClientEvent, Registered, Subscribed
from lab.runner.expected_events import ExpectedEvents

WITHIN_S = 70.0
"""Time for the client's set-up: two SIP transactions (Timer F, 32 s each), so that one failure may be retried."""


def signs(cell: Cell) -> list[type[ClientEvent]]:
    """Return the events that the client says when its account is set up; each is said once, in any order."""
    return [*([Registered] if cell.registers else []), *([Subscribed] if cell.subscribes else [])]


def expected(cell: Cell, expected_events: ExpectedEvents) -> asyncio.Future[float]:
    """Return a future for the moment when the last of these events has come (loop time)."""
    last: asyncio.Future[float] = asyncio.get_running_loop().create_future()
    waiting: list[asyncio.Future[Any]] = [expected_events.next(kind) for kind in signs(cell)]
    for each in waiting:
        each.add_done_callback(lambda _: _settle(last, waiting))
    return last


def _settle(last: asyncio.Future[float], waiting: Sequence[asyncio.Future[Any]]) -> None:
    if all(each.done() for each in waiting) and not last.done():
        last.set_result(max(each.result().at for each in waiting))
