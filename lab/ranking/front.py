"""Finds the Pareto front: the strategies that no other one beats.

Compared are the share reached, the worst outage, wake-ups and bytes per hour (weighted means), as they are shown: whole
seconds, whole wake-ups, whole kilobytes. Two runs of a cell differ by less.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from lab.ranking.candidates import Candidate, Cost

KILO = 1000
"""Bytes in a kilobyte, as they are shown."""

SHARE_DIGITS = 6
"""Decimals of a share that are compared: the rest is rounding of sums."""


def wakeups(candidate: Candidate) -> float:
    """Return the wake-ups per hour that are compared."""
    return _shown(candidate.wakeups, 1)


def kilobytes(candidate: Candidate) -> float:
    """Return the kilobytes per hour that are compared."""
    return _shown(candidate.bytes, KILO)


def outage(candidate: Candidate) -> float:
    """Return the worst outage that is compared, in seconds."""
    worst = candidate.worst_outage_s
    return math.inf if worst is None or math.isinf(worst) else float(round(worst))


def share(candidate: Candidate) -> float:
    """Return the share that is compared, in percent."""
    return round(candidate.share, SHARE_DIGITS)


def _shown(cost: Cost | None, unit: int) -> float:
    return math.inf if cost is None else float(round(cost.mean / unit))


def dominates(one: Candidate, other: Candidate) -> bool:
    """Return whether a strategy is as good as another in everything, and better in something.

    What is unknown of the other counts in its favour here, and only here: it might reach all of it.
    """
    best = round(other.share + other.unknown, SHARE_DIGITS)
    pairs = (
        (-share(one), -best),
        (outage(one), outage(other)),
        (wakeups(one), wakeups(other)),
        (kilobytes(one), kilobytes(other)),
    )
    return all(mine <= its for mine, its in pairs) and any(mine < its for mine, its in pairs)


def order(candidate: Candidate) -> tuple[float, float, float, float, str]:
    """Return the key by which strategies are listed: most reached, then least wake-ups, bytes, outage."""
    return (
        -share(candidate),
        wakeups(candidate),
        kilobytes(candidate),
        outage(candidate),
        candidate.name,
    )


def front(candidates: Sequence[Candidate]) -> list[Candidate]:
    """Return those that reach anybody and that no other one dominates, in the order of `order`."""
    those = [each for each in candidates if share(each) > 0]
    return sorted((each for each in those if not any(dominates(other, each) for other in those)), key=order)


def dominating(candidate: Candidate, best: Sequence[Candidate]) -> Candidate | None:
    """Return the first of the front that dominates a strategy; None: none does."""
    return next((each for each in best if dominates(each, candidate)), None)
