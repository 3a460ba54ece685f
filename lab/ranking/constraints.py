"""Defines what a user demands of a strategy, and measures how far a strategy is from it."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import ClassVar

from lab.ranking import front
from lab.ranking.candidates import Candidate, Cost
from lab.ranking.words import kilobytes, percent, rings, seconds
from lab.units import Quantity, Seconds


class PerHour(Quantity):
    """A number per hour: ``60/h``."""

    units: ClassVar[dict[str, float]] = {"/h": 1.0}
    largest: ClassVar[float] = 1e12
    example: ClassVar[str] = "60/h"

    def __str__(self) -> str:
        return f"{float(self):.12g}/h"


class BytesPerHour(PerHour):
    """Bytes per hour: ``50kB/h``."""

    units: ClassVar[dict[str, float]] = {"/h": 1.0, "B/h": 1.0, "kB/h": 1e3, "MB/h": 1e6}
    example: ClassVar[str] = "50kB/h"


COSTS: Mapping[str, type[PerHour]] = {"wakeups": PerHour, "packets": PerHour, "bytes": BytesPerHour}
RING = "ring"
LIMITS: Mapping[str, type[Quantity]] = {**COSTS, RING: Seconds}
"""What can be limited by ``--at-most``, and how it is written."""


@dataclass(frozen=True, kw_only=True)
class Constraints:
    """The demands; None: none.

    Attributes:
        wakeups, packets, bytes: per hour, at most, behind each middlebox.
        ring: seconds from INVITE to ringing, at most, of every call; one that is missed keeps no limit.
        outage_s: the longest time out of reach that is tolerated, behind each middlebox and under each failure.
        reach: the least share of the population, in percent.
    """

    wakeups: float | None = None
    packets: float | None = None
    bytes: float | None = None
    ring: float | None = None
    outage_s: float | None = None
    reach: float | None = None


@dataclass(frozen=True)
class Demand:
    """One demand.

    Attributes:
        option: as it is written on the command line.
        excess: by how much a strategy misses it, as a share of the limit; 0: it keeps it.
        value: the strategy's value, in words.
    """

    option: str
    excess: Callable[[Candidate], float]
    value: Callable[[Candidate], str]


def demands(constraints: Constraints) -> list[Demand]:
    """Return the demands that are made."""
    found = []
    if constraints.reach is not None:
        found.append(_reach(constraints.reach))
    if constraints.outage_s is not None:
        found.append(_outage(constraints.outage_s))
    for name in COSTS:
        limit = getattr(constraints, name)
        if limit is not None:
            found.append(_cost(name, limit))
    if constraints.ring is not None:
        found.append(_ring(constraints.ring))
    return found


def _reach(least: float) -> Demand:
    return Demand(
        f"--reach {least:.12g}%",
        lambda one: max(0.0, least - front.share(one)) / least if least else 0.0,
        lambda one: f"reaches {percent(one.share)}",
    )


def _outage(most: float) -> Demand:
    def excess(one: Candidate) -> float:
        return _over(math.inf if one.worst_outage_s is None else one.worst_outage_s, most)

    return Demand(f"--outage {most:.12g}s", excess, lambda one: f"out of reach {seconds(one.worst_outage_s)}")


def _ring(most: float) -> Demand:
    def excess(one: Candidate) -> float:
        return _over(math.inf if one.ringing_s is None else one.ringing_s, most)

    return Demand(f"--at-most {RING}={most:.12g}s", excess, lambda one: rings(one.ringing_s))


def _cost(name: str, most: float) -> Demand:
    def worst(one: Candidate) -> float:
        cost: Cost | None = getattr(one, name)
        return math.inf if cost is None else cost.worst

    def value(one: Candidate) -> str:
        if math.isinf(worst(one)):
            return f"{name} unknown"
        return kilobytes(worst(one)) if name == "bytes" else f"{worst(one):,.0f} {name}/h"

    return Demand(f"--at-most {name}={most:.12g}/h", lambda one: _over(worst(one), most), value)


def _over(value: float, most: float) -> float:
    if value <= most:
        return 0.0
    return (value - most) / most if most else math.inf
