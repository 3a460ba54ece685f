"""Searches for a timer by leaving flows idle for different times. Pure.

A timer is a whole number of seconds, and each flow is idle for half a second more than a whole number. So a flow that
was reached and one that was not, a second apart, have one possible timer between them.

That a poke arrived is a proof; that none arrived may be an accident. So a time at which a flow was not reached counts
only below all times at which one was not, above all times at which one was; and the last of them is tried again.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field

LADDER = (1, 2, 5, 10, 20, 30, 45, 60, 90, 120, 180, 240, 300, 360, 600, 900, 1200, 1800, 3600, 7440, 14400, 21600,
          43200, 86400, 172800, 432000)  # fmt: skip
"""Seconds. Timers that documents name are just below or at these, so one is found within few rounds."""

HALF = 0.5
DEAD_TIMES = 3
"""How many flows must not have been reached, at the shortest such time. Pokes are three each."""


@dataclass
class Bracket:
    """A timer as far as it is known.

    Attributes:
        longest: seconds; the timer is not looked for beyond.
        flows: how many may be tried at a time.
        resolution: seconds between the times that enclose the timer at the end.
        reached: idle times after which a flow was reached.
        lost: idle times after which none was, and how many were tried.
    """

    longest: float
    flows: int = 24
    resolution: float = 1.0
    reached: set[float] = field(default_factory=set)
    lost: dict[float, int] = field(default_factory=dict)

    def note(self, idle: float, *, reached: bool) -> None:
        """Take the result of a flow."""
        if reached:
            self.reached.add(idle)
            self.lost = {time: tries for time, tries in self.lost.items() if time > idle}
        elif idle > self.alive:
            self.lost[idle] = self.lost.get(idle, 0) + 1

    @property
    def alive(self) -> float:
        """Return the longest idle time after which a flow was reached; 0: none."""
        return max(self.reached, default=0.0)

    @property
    def dead(self) -> float | None:
        """Return the shortest idle time after which none was."""
        return min(self.lost, default=None)

    @property
    def timer(self) -> int | None:
        """Return the timer, if it is known to the second; rounded down if the resolution is coarser."""
        return math.floor(self.alive + HALF) if self.dead is not None and not self.next() else None

    @property
    def beyond(self) -> bool:
        """Return whether the timer is longer than may be waited for."""
        return self.dead is None and not self.next()

    def next(self) -> list[float]:
        """Return the idle times to try next; empty: the search is over."""
        if self.dead is None:
            top = _half(self.longest)
            rungs = [float(rung) + HALF for rung in LADDER if rung + HALF < top]
            return [rung for rung in (*rungs, top) if rung > self.alive]
        width = self.dead - self.alive
        if width > max(self.resolution, 1.0):
            parts = min(self.flows + 1, math.ceil(width / max(self.resolution, 1.0)))
            steps = {_half(self.alive + width * number / parts) for number in range(1, parts)}
            if inner := sorted(step for step in steps if self.alive < step < self.dead):
                return inner
        return [self.dead] * (DEAD_TIMES - self.lost[self.dead])

    def left_s(self) -> float:
        """Return how long the search takes from here, at most."""
        if not self.next():
            return 0.0
        if self.dead is None:
            return self.longest * (1 + _rounds(self.longest / 2, self.resolution, self.flows) + 1)
        more = (
            0 if self.lost[self.dead] >= DEAD_TIMES and not _rounds(self.dead - self.alive, self.resolution, 1) else 1
        )
        return self.dead * (_rounds(self.dead - self.alive, self.resolution, self.flows) + more)


def _half(seconds: float) -> float:
    return max(0, math.floor(seconds)) + HALF


def _rounds(width: float, resolution: float, flows: int) -> int:
    """Return how many rounds make a bracket as narrow as the resolution."""
    ratio = width / max(resolution, 1.0)
    return 0 if ratio <= 1 else math.ceil(math.log(ratio, flows + 1))
