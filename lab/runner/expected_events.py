"""Waits for events that are still to come: of a type, with given fields, each as a future."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Any, TypeVar

from lab.errors import LabFault
from lab.record.entry import TimedEvent
from lab.record.events import Event
from lab.record.writer import RecordWriter

E = TypeVar("E", bound=Event)


@dataclass(frozen=True, slots=True)
class _ExpectedEvent:
    kind: type[Event]
    who: str
    fields: dict[str, Any]
    future: asyncio.Future[Any]

    def matches(self, happening: TimedEvent[Event]) -> bool:
        return (
            isinstance(happening.event, self.kind)
            and self.who in ("", happening.who)
            and all(getattr(happening.event, name) == value for name, value in self.fields.items())
        )


class ExpectedEvents:
    """Futures for events that are still to come."""

    def __init__(self, record: RecordWriter) -> None:
        self._waiting: list[_ExpectedEvent] = []
        record.watch(self._see)

    def next(self, kind: type[E], *, who: str = "", **fields: Any) -> asyncio.Future[TimedEvent[E]]:
        """Return a future for the next event of a type.

        Args:
            kind: the type.
            who: only from there; empty: from anywhere.
            **fields: only if the event's fields have these values.
        """
        future: asyncio.Future[TimedEvent[E]] = asyncio.get_running_loop().create_future()
        self._waiting.append(_ExpectedEvent(kind, who, fields, future))
        return future

    async def within(self, patience: float, future: asyncio.Future[TimedEvent[E]], what: str) -> TimedEvent[E]:
        """Wait for one.

        Raises:
            LabFault: it did not come within ``patience`` seconds.
        """
        try:
            return await asyncio.wait_for(future, patience)
        except asyncio.TimeoutError:
            raise LabFault(f"waiting for {what}", detail=f"nothing for {patience:g} s; see the actor's log") from None

    def _see(self, happening: TimedEvent[Event]) -> None:
        for one in self._waiting:
            if not one.future.done() and one.matches(happening):
                one.future.set_result(happening)
        self._waiting = [one for one in self._waiting if not one.future.done()]
