"""Names what a twin run can leave out of a cell, to see whether a lost probe arrives without it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class WithoutFault:
    """The cell without one of its faults.

    Attributes:
        number: the fault's place in the scenario, from 0.
    """

    number: int


@dataclass(frozen=True, slots=True)
class WithoutTimer:
    """The cell with a middlebox whose mappings never expire by a timer.

    Attributes:
        node: the middlebox.
    """

    node: str


@dataclass(frozen=True, slots=True)
class WithoutIdleTimer:
    """The cell with a client whose transports have no idle timer (pjsip's 33 s)."""


@dataclass(frozen=True, slots=True)
class WithoutServerIdle:
    """The cell with a server that never closes an idle connection."""


@dataclass(frozen=True, slots=True)
class WithoutProxyTimeout:
    """The cell with a proxy that never closes an idle connection."""


@dataclass(frozen=True, slots=True)
class WithoutExpiry:
    """The cell with a server whose grants do not expire.

    Attributes:
        what: the grant.
    """

    what: Literal["registration", "subscription"]


@dataclass(frozen=True, slots=True)
class WithoutPushFailure:
    """The cell with a push service that brings each push at once, loses none, and knows every token."""


Without = (
    WithoutFault
    | WithoutTimer
    | WithoutIdleTimer
    | WithoutServerIdle
    | WithoutProxyTimeout
    | WithoutExpiry
    | WithoutPushFailure
)
"""What a twin run leaves out."""
