"""Waiting for what the record will show: events with given fields, each as a future."""

from __future__ import annotations

import asyncio
from typing import Any

from lab.errors import LabFault
from lab.runner.record import Record

Event = dict[str, Any]


class Expectations:
    """Futures for events that are still to come."""

    def __init__(self, record: Record) -> None:
        self._waiting: list[tuple[Event, asyncio.Future[Event]]] = []
        record.watch(self._see)

    def next(self, **fields: Any) -> asyncio.Future[Event]:
        """The next event with these fields, with its ``at``."""
        future: asyncio.Future[Event] = asyncio.get_running_loop().create_future()
        self._waiting.append((fields, future))
        return future

    async def within(self, patience: float, future: asyncio.Future[Event], what: str) -> Event:
        """Wait for one.

        Raises:
            LabFault: it did not come within ``patience`` seconds.
        """
        try:
            return await asyncio.wait_for(future, patience)
        except asyncio.TimeoutError:
            raise LabFault(f"waiting for {what}", detail=f"nothing for {patience:g} s; see the actor's log") from None

    def _see(self, event: Event) -> None:
        for fields, future in list(self._waiting):
            if not future.done() and all(event.get(key) == value for key, value in fields.items()):
                future.set_result(event)
        self._waiting = [(fields, future) for fields, future in self._waiting if not future.done()]
