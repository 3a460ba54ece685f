"""Computes the figures of each strategy over a population (docs/rank.md has the formulae)."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean

from lab.model.outcome import Metrics
from lab.ranking.tallies import Reach, Tally

WHOLE = 100.0
"""The sum of the shares of a population, in percent."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Cost:
    """A cost per hour.

    Attributes:
        mean: weighted by the shares of the middleboxes.
        worst: behind the dearest middlebox.
    """

    mean: float
    worst: float


@dataclass(frozen=True, kw_only=True, slots=True)
class Candidate:
    """A strategy (and, where the scenario varies more than that, its transport, client …), and its figures.

    Shares are percent of the population.

    Attributes:
        name: its labels.
        share: of the middleboxes behind which it passes every failure.
        unknown: of those behind which that is unknown.
        by_failure: for each failure, the share of the middleboxes behind which it passes that one.
        lost: names of the middleboxes behind which it fails.
        doubted: names of those where it is unknown.
        doubt: why it is unknown, the most frequent reason; empty: nothing is.
        worst_outage_s: the longest time out of reach; infinite: to the end of a run; None: unknown everywhere.
        typical_outage_s: the weighted median of the middleboxes' longest times; None: unknown everywhere.
        missed: the share of the scenario's probes that were lost, in percent; None: unknown everywhere.
        packets, bytes, wakeups: per hour; None: unknown everywhere.
        ringing_s: the longest time from the INVITE of a call to its ringing, of all cells; infinite: a call was missed;
            None: there were no calls, or unknown everywhere.
        measured: whether all costs were measured in a silent hour; else some are estimated.
        lost_in_silence: whether the client was out of reach for some time of a silent hour, which makes it look cheap.
    """

    name: str
    share: float
    unknown: float
    by_failure: tuple[tuple[str, float], ...]
    lost: tuple[str, ...]
    doubted: tuple[str, ...]
    doubt: str
    worst_outage_s: float | None
    typical_outage_s: float | None
    missed: float | None
    packets: Cost | None
    bytes: Cost | None
    wakeups: Cost | None
    ringing_s: float | None
    measured: bool
    lost_in_silence: bool


def candidates(found: Iterable[Tally], weights: Mapping[str, float]) -> list[Candidate]:
    """Return the strategies of a run with their figures, in the order of its cells.

    Args:
        found: the cells; those of middleboxes without a weight are left out.
        weights: the share of each middlebox, in percent; they add up to 100.
    """
    by_name: dict[str, list[Tally]] = defaultdict(list)
    for each in found:
        if each.middlebox in weights:
            by_name[each.candidate].append(each)
    return [_candidate(name, those, weights) for name, those in by_name.items()]


def _candidate(name: str, found: Sequence[Tally], weights: Mapping[str, float]) -> Candidate:
    behind: dict[str, list[Tally]] = {box: [] for box in weights}
    for each in found:
        behind[each.middlebox].append(each)
    reach = {box: _together(those) for box, those in behind.items()}
    known = {box: [each for each in those if each.metrics is not None] for box, those in behind.items()}
    known = {box: those for box, those in known.items() if those}
    outages = {box: max(each.outage_s or 0.0 for each in those) for box, those in known.items()}
    metrics = [each.metrics for those in known.values() for each in those if each.metrics is not None]
    doubts = [each.doubt for each in found if each.doubt]
    failures = dict.fromkeys(each.failure for each in found)

    def share(wanted: Reach) -> float:
        return math.fsum(weights[box] for box, state in reach.items() if state is wanted)

    def mean(of: Callable[[Metrics], float]) -> float | None:
        per_box = {box: fmean(of(each.metrics) for each in those if each.metrics) for box, those in known.items()}
        return _mean(per_box, weights)

    def cost(of: Callable[[Metrics], float]) -> Cost | None:
        average = mean(of)
        return None if average is None else Cost(mean=average, worst=max(map(of, metrics)))

    lost_probes = mean(lambda one: 1.0 - one.delivered / one.probes if one.probes else 0.0)
    return Candidate(
        name=name,
        share=share(Reach.REACHED),
        unknown=share(Reach.UNKNOWN),
        by_failure=tuple(
            (failure, math.fsum(weights[each.middlebox] for each in found if _passes(each, failure)))
            for failure in failures
        ),
        lost=tuple(box for box, state in reach.items() if state is Reach.LOST),
        doubted=tuple(box for box, state in reach.items() if state is Reach.UNKNOWN),
        doubt=max(doubts, key=doubts.count, default=""),
        worst_outage_s=max(outages.values(), default=None),
        typical_outage_s=weighted_median([(outages[box], weights[box]) for box in outages]),
        missed=None if lost_probes is None else WHOLE * lost_probes,
        packets=cost(lambda one: one.packets_per_hour),
        bytes=cost(lambda one: one.bytes_per_hour),
        wakeups=cost(lambda one: one.radio_wakeups_per_hour),
        ringing_s=_longest_ringing(metrics),
        measured=all(each.measured for each in metrics),
        lost_in_silence=any(each.lost for each in metrics),
    )


def _longest_ringing(metrics: Iterable[Metrics]) -> float | None:
    """Return the longest time from INVITE to ringing; infinite: a call was missed; None: there were no calls."""
    seen = [one.device for one in metrics if one.device is not None and one.device.calls]
    if any(one.missed for one in seen):
        return math.inf
    return max((one.ringing_worst_s for one in seen if one.ringing_worst_s is not None), default=None)


def _passes(each: Tally, failure: str) -> bool:
    return each.failure == failure and each.reach is Reach.REACHED


def _together(found: Sequence[Tally]) -> Reach:
    """Return what all failures behind one middlebox come to: one lost cell is enough, all must be reached."""
    states = {each.reach for each in found}
    if Reach.LOST in states:
        return Reach.LOST
    return Reach.REACHED if states == {Reach.REACHED} else Reach.UNKNOWN


def _mean(values: Mapping[str, float], weights: Mapping[str, float]) -> float | None:
    total = math.fsum(weights[box] for box in values)
    return math.fsum(value * weights[box] for box, value in values.items()) / total if total else None


def weighted_median(values: Iterable[tuple[float, float]]) -> float | None:
    """Return the smallest value that at least half of the weight does not exceed; None: there is none.

    Args:
        values: each with its weight.
    """
    ordered = sorted(values)
    half = math.fsum(weight for _, weight in ordered) / 2
    reached = 0.0
    for value, weight in ordered:
        reached += weight
        if reached >= half * (1 - 1e-12):
            return value
    return None
