"""What a fault that has begun owes the record."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any


def _nothing_to_end() -> dict[str, Any]:
    return {}


@dataclass(frozen=True, kw_only=True, slots=True)
class Effect:
    """A fault in force.

    Attributes:
        proof: fields of the ``fault`` line: what was done, and what shows that it was, as read back from the kernel or
            said by the actor. ``lab.judge.effects`` demands it.
        lasts: seconds; 0: over as soon as begun; None: until the end of the run.
        end: undoes it; what it returns goes into the ``fault-over`` line.
    """

    proof: dict[str, Any]
    lasts: float | None = 0.0
    end: Callable[[], dict[str, Any]] = field(default=_nothing_to_end)
