"""Defines the figures that are compared, and how large a difference between two runs is none."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from statistics import median

from lab.comparison.side import Cell, Seed
from lab.judge import tolerances
from lab.model.radio import NETWORKS

COST_SHARE = 0.05
"""Tolerance of costs. In four runs of `article/all` (350 cells, one seed) a cell's bytes differed by 2.6 % at most, its
wake-ups by 0.7 %, its radio's time by 0.3 %."""

OF_PACKETS = 2.5
"""So many times the tolerance have packets: in those runs they differed by up to 10.5 %, because a pure ACK is sent or
not, as the timing of a busy machine has it. Of ten packets for a connection it is one."""

TIME_S = tolerances.AIM_S
"""Tolerance of outages: probes are aimed no more exactly than this, as pjsip polls its timers."""

EXCHANGE_PACKETS, EXCHANGE_BYTES = 4, 1400
"""One OPTIONS with its answer, over TLS: two packets with data and their acknowledgements. Whether an hour has one more
of them depends on its phase alone, so it is no difference. (Measured: `options-ping-25s` sends 144 pings an hour, and
195,384 bytes.)"""

ONE_TAIL_S = max(each.inactivity_s for each in NETWORKS.values())
"""For this long one wake-up keeps a radio on."""


@dataclass(frozen=True)
class Tolerances:
    """The differences that are none.

    Attributes:
        cost: share of a cost.
        time_s: seconds of an outage.
    """

    cost: float = COST_SHARE
    time_s: float = TIME_S


@dataclass(frozen=True)
class Figure:
    """Something that is compared.

    Attributes:
        name: as people are told.
        unit: behind the number; empty: the name has it.
        cost: True: a cost, with a tolerance that is a share; False: a time.
        more_is_worse: False: less is.
        least: a difference of this much is none, whatever the share; of costs of an hour, those of a shorter time have
            more.
        factor: of the tolerance of costs.
        of: takes it from a cell, or from one of its seeds; None: it is not known. The second argument is when the cell
            ended, for what lasted to its end.
    """

    name: str
    unit: str
    cost: bool
    more_is_worse: bool
    least: float
    of: Callable[[Cell | Seed, float], float | None]
    factor: float = 1.0

    def said(self, value: float) -> str:
        """Return a value in words."""
        if math.isinf(value):
            return "to the end"
        return f"{value:,.0f}" if self.cost else f"{value:,.1f}{self.unit}"


def _outage(seen: Cell | Seed, ends: float) -> float | None:
    if seen.metrics is None:
        return None
    lasted = [(ends if each.to_s is None else each.to_s) - each.from_s for each in seen.metrics.outages]
    return max([0.0, *lasted])


def _gap(seen: Cell | Seed, ends: float) -> float | None:
    """Return the longest gap that probes at weak moments, or in cells of their own, have found."""
    if seen.reachability is not None:
        return seen.reachability.longest_gap_s
    known = [each for each in seen.tried if each.reached is not None]
    gaps = [ends - each.at_s if each.gap_s is None else each.gap_s for each in known if not each.reached]
    return max([0.0, *gaps]) if known else None


def _reachable(seen: Cell | Seed, ends: float) -> float | None:  # noqa: ARG001  (as of the others)
    return None if seen.reachability is None else 100 * seen.reachability.share


def _cost(name: str) -> Callable[[Cell | Seed, float], float | None]:
    def of(seen: Cell | Seed, ends: float) -> float | None:  # noqa: ARG001  (as of the others)
        return None if seen.metrics is None else float(getattr(seen.metrics, name))

    return of


OUTAGES = (
    Figure("longest outage", " s", cost=False, more_is_worse=True, least=0.0, of=_outage),
    Figure("longest gap", " s", cost=False, more_is_worse=True, least=0.0, of=_gap),
)
REACHABLE = Figure("reachable", " %", cost=False, more_is_worse=False, least=0.0, of=_reachable)
COSTS = (
    Figure(
        "packets/h",
        "",
        cost=True,
        more_is_worse=True,
        least=EXCHANGE_PACKETS,
        of=_cost("packets_per_hour"),
        factor=OF_PACKETS,
    ),
    Figure("bytes/h", "", cost=True, more_is_worse=True, least=EXCHANGE_BYTES, of=_cost("bytes_per_hour")),
    Figure("wake-ups/h", "", cost=True, more_is_worse=True, least=1, of=_cost("radio_wakeups_per_hour")),
    Figure("radio s/h", "", cost=True, more_is_worse=True, least=ONE_TAIL_S, of=_cost("radio_active_s_per_hour")),
)


def allowed(figure: Figure, before: float, tolerances: Tolerances, *, ends: float, observed: float) -> float:
    """Return the difference up to which two values of a figure are the same.

    Args:
        figure: which.
        before: its value in A.
        tolerances: as the user says.
        ends: how long the cell lasts, in seconds; a share of the time is compared as a time.
        observed: of costs: of how many seconds they are.
    """
    if figure.cost:
        return max(figure.least * 3600 / max(1.0, observed), figure.factor * tolerances.cost * abs(before))
    if figure is REACHABLE:
        return 0.0 if math.isinf(ends) else 100 * tolerances.time_s / ends
    return tolerances.time_s


def values(figure: Figure, cell: Cell, ends: float) -> list[float]:
    """Return a figure with each seed of a cell; with its own seed alone if the others are not known."""
    seeds = [each for each in cell.seeds if not figure.cost or _measured(each) == _measured(cell)]
    found = [figure.of(each, ends) for each in seeds]
    if not found or None in found:
        found = [figure.of(cell, ends)]
    return [each for each in found if each is not None]


def _measured(seen: Cell | Seed) -> bool | None:
    return None if seen.metrics is None else seen.metrics.measured


def middle(found: list[float]) -> float:
    """Return the median."""
    return float(median(found))


def spread(found: list[float]) -> float:
    """Return how far the values of several seeds lie apart; 0: there is one."""
    apart = max(found) - min(found)
    return 0.0 if math.isnan(apart) else apart


def out_of_reach(cell: Cell) -> bool:
    """Return whether costs are of a client that was out of reach for some time of the silent hour."""
    return cell.metrics is not None and cell.metrics.lost is not None
