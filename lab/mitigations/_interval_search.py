"""Searches for an interval: doubles it until one is too long, then halves the gap."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True, slots=True)
class IntervalSearch:
    """The known limits of a network's timeout, in seconds.

    Attributes:
        safe: the longest interval known to be safe.
        unsafe: the shortest known not to be; None: none is.
        longest: nothing above this is tried.
        resolution: how close ``safe`` and ``unsafe`` need to get.
    """

    safe: float
    unsafe: float | None
    longest: float
    resolution: float

    def candidate(self) -> float | None:
        """Return the next interval to try; None: the search is over."""
        if self.unsafe is None:
            return min(2 * self.safe, self.longest) if self.safe < self.longest else None
        return (self.safe + self.unsafe) / 2 if self.unsafe - self.safe > self.resolution else None

    def after(self, interval: float, *, safe: bool) -> IntervalSearch:
        """Return the limits after an interval was tried."""
        return IntervalSearch(
            safe=interval if safe else self.safe,
            unsafe=self.unsafe if safe else interval,
            longest=self.longest,
            resolution=self.resolution,
        )
