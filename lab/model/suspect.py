"""Describes a possible cause of a lost probe, and what to remove from the cell to test it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from lab.model.outcome import Cause


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
class WithoutExpiry:
    """The cell with a server whose grants do not expire.

    Attributes:
        what: the grant.
    """

    what: Literal["registration", "subscription"]


Without = WithoutFault | WithoutTimer | WithoutIdleTimer | WithoutServerIdle | WithoutExpiry
"""What a twin run leaves out."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Suspect:
    """A possible cause of a lost probe.

    Attributes:
        cause: the cause that it would be.
        without: what a twin run would leave out to try it; None: nothing can be left out.
    """

    cause: Cause
    without: Without | None
