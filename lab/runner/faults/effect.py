"""The evidence a fault must add to the record, and how it ends."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import msgspec


class Proof(msgspec.Struct, frozen=True, kw_only=True):
    """Base of what was done by a fault and what shows that it was, as read back from the kernel or said by the actor.

    ``lab.judge.effects`` demands it.
    """


def _nothing_to_end() -> None:
    """End nothing."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Effect:
    """A fault in force.

    Attributes:
        proof: goes into the ``fault`` line.
        lasts: seconds; 0: over as soon as begun; None: until the end of the run.
        end: undoes it; returns how many packets its rules have lost, None if it has no such rules.
    """

    proof: Proof
    lasts: float | None = 0.0
    end: Callable[[], int | None] = _nothing_to_end
