"""Says when a search ends: after a time, or a number of timelines, whichever comes first."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

USUAL_S = 600.0
"""How long a search lasts if nothing is said: as long as one waits for it."""
MOST_SHRINKING = 150
"""Cells for shrinking one finding. Twice what it took for timelines of three faults and an impairment."""


@dataclass(frozen=True, kw_only=True)
class Bounds:
    """The bounds of a search.

    Attributes:
        seconds: of this machine's time; None: as long as it takes.
        timelines: tried at most, without those that shrinking takes; None: any number.
        now: this machine's clock.
    """

    seconds: float | None = USUAL_S
    timelines: int | None = None
    now: Callable[[], float] = time.monotonic

    def deadline(self) -> float:
        """Return when a search that begins now must end, by the clock; infinite: whenever."""
        return float("inf") if self.seconds is None else self.now() + self.seconds
