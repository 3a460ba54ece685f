"""Describes times of a run: absolute, or counted from an event of the run.

Written::

    50 s                      after the client fell silent
    5 s after subscribed      the same: falling silent is what happens once the client is subscribed
    5 s after registered      the same, said of an account that only registers
    5 s after reconnected     counted from the first connection the client makes while silent
    5 s after refreshed       counted from the first refresh of the subscription that reaches the server; of the
                              registration if the account only registers, here and below
    1 s after ringing         counted from the first call of a probe that rings at the client
    while the INVITE is pending
                              the same moment: it rings, and has no final answer yet
    2 s before the refresh    counted back from the refresh that is due, 5 s before the subscription would end (of a
                              registration, `refresh-before` earlier)

What falls on one instant has an order. First, what lasted until then ends: a fault at 20 s that lasts 10 s is over for
a probe at 30 s. Then faults begin, in the order in which the scenario has them. Then probes are sent, so a probe meets
every fault of its own instant.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Any, ClassVar

from lab.units import Seconds

if TYPE_CHECKING:
    from pydantic_core import CoreSchema

REFRESH_BEFORE_EXPIRY_S = 5.0
"""pjsip 2.15.1 refreshes a subscription this long before the end that the newest NOTIFY names (``evsub.c``,
``PJSIP_EVSUB_TIME_UAC_REFRESH``); a NOTIFY names whole seconds, so a probe moves the refresh by up to half a second."""

_WRITTEN = re.compile(r"\s*(?P<time>.*?)\s+(?P<side>after|before)\s+(?P<event>.*?)\s*", re.ASCII)


WHILE_PENDING = "while the INVITE is pending"


class Event(str, Enum):
    """The event from which a time is counted."""

    SUBSCRIBED = "subscribed"
    RECONNECTED = "reconnected"
    REFRESHED = "refreshed"
    RINGING = "ringing"
    REFRESH_DUE = "the refresh"


_SET_UP = "registered"
"""The same moment as ``subscribed``: the account is set up."""

_FORMS = {
    "after": (Event.SUBSCRIBED, Event.RECONNECTED, Event.REFRESHED, Event.RINGING),
    "before": (Event.REFRESH_DUE,),
}


@dataclass(frozen=True, kw_only=True, slots=True)
class When:
    """A moment.

    Attributes:
        offset: seconds after the event; negative: before it.
    """

    example: ClassVar[str] = "`50 s`, `5 s after reconnected` or `2 s before the refresh`"

    offset: float
    event: Event = Event.SUBSCRIBED

    @classmethod
    def parse(cls, text: object) -> When:
        """Read one.

        Raises:
            ValueError: it is none; the message reads ``what is wrong; what is allowed``.
        """
        if isinstance(text, cls):
            return text
        if isinstance(text, str) and " ".join(text.split()) == WHILE_PENDING:
            return cls(offset=0.0, event=Event.RINGING)
        match = _WRITTEN.fullmatch(text) if isinstance(text, str) else None
        if match is None:
            return cls(offset=_seconds(text))
        side = match["side"]
        words = [event.value for event in _FORMS[side]]
        event = Event.SUBSCRIBED.value if (side, match["event"]) == ("after", _SET_UP) else match["event"]
        if event not in words:
            other = "before" if side == "after" else "after"
            others = ", ".join(event.value for event in _FORMS[other])
            raise ValueError(f"unknown event; {', '.join(words)} after `{side}`, and {others} after `{other}`")
        offset = _seconds(match["time"])
        return cls(offset=offset if side == "after" else -offset, event=Event(event))

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: Any) -> CoreSchema:
        from pydantic_core import core_schema

        return core_schema.no_info_plain_validator_function(cls.parse)

    @property
    def fixed(self) -> float | None:
        """Seconds after the client fell silent, if that is known before the run."""
        return self.offset if self.event is Event.SUBSCRIBED else None

    def __str__(self) -> str:
        time = Seconds(abs(self.offset))
        if self.event is Event.SUBSCRIBED:
            return str(time)
        if (self.event, self.offset) == (Event.RINGING, 0):
            return WHILE_PENDING
        return f"{time} {'before' if self.event is Event.REFRESH_DUE else 'after'} {self.event.value}"


def _seconds(text: object) -> float:
    try:
        return float(Seconds.parse(text))
    except ValueError as error:
        if str(error).startswith("not a quantity"):
            raise ValueError(f"not a moment; such as {When.example}") from None
        raise
