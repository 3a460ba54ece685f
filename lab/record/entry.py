"""Combines an event with its time and its node."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Generic, TypeVar

from lab.record.events import Event

E_co = TypeVar("E_co", bound=Event, covariant=True)


@dataclass(frozen=True, slots=True)
class Entry(Generic[E_co]):
    """A line of a record.

    Attributes:
        t: seconds after time zero, negative before.
        who: the node it comes from; ``runner`` for what the lab itself does and sees.
        line: its number in the file, from 1.
        event: what happened.
    """

    t: float
    who: str
    line: int
    event: E_co


@dataclass(frozen=True, slots=True)
class TimedEvent(Generic[E_co]):
    """An event as the running cell takes it, before its time is settled.

    Attributes:
        at: CLOCK_MONOTONIC in seconds.
        who: the node it comes from, or ``runner``.
        event: what happened.
    """

    at: float
    who: str
    event: E_co
