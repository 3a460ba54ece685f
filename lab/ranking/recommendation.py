"""Chooses the strategy to ship, and says why."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from lab.ranking import front
from lab.ranking.candidates import Candidate
from lab.ranking.constraints import Constraints, Demand, demands
from lab.ranking.words import kilobytes, listed, percent, seconds

MOST_CHEAPER = 2
"""Cheaper strategies that the reason names."""

CHEAPEST = "of those that keep all constraints, the one with the fewest wake-ups, then the fewest bytes"
MOST_REACHED = (
    "of those that keep all constraints, the one that reaches most, then the fewest wake-ups, then the fewest bytes"
)
NO_CONSTRAINTS = "without constraints, the one that reaches most, then the fewest wake-ups, then the fewest bytes"


@dataclass(frozen=True, kw_only=True)
class Recommendation:
    """The recommendation.

    Attributes:
        chosen: the strategy; None: none keeps all constraints, or none reaches anybody.
        nearest: if none is chosen, the one that misses the fewest constraints, and these by the least.
        binding: the constraints that it misses, as they are written.
        rule: how it was chosen, a clause.
        reason: why, one sentence.
        others: a sentence about each other strategy of the front.
    """

    chosen: Candidate | None
    nearest: Candidate | None
    binding: tuple[str, ...]
    rule: str
    reason: str
    others: tuple[str, ...]


def recommend(candidates: Sequence[Candidate], constraints: Constraints) -> Recommendation:
    """Return which strategy to ship.

    Args:
        candidates: all that were measured.
        constraints: what the user demands.
    """
    wanted = demands(constraints)
    best = front.front(candidates)
    rule = NO_CONSTRAINTS if not wanted else MOST_REACHED if constraints.reach is None else CHEAPEST
    able = [each for each in candidates if front.share(each) > 0]
    allowed = [each for each in able if not _missed(each, wanted)]
    if not allowed:
        return _nothing(able, wanted, best, rule)
    key = front.order if constraints.reach is None else _by_cost
    chosen = min(allowed, key=key)
    return Recommendation(
        chosen=chosen,
        nearest=None,
        binding=(),
        rule=rule,
        reason=f"{chosen.name}: {_reaches(chosen)} {_at(chosen)}{_cheaper(chosen, best, wanted)}",
        others=_others(best, chosen),
    )


def _by_cost(candidate: Candidate) -> tuple[float, float, tuple[float, ...], str]:
    share, wakeups, kilobytes_, outage, name = front.order(candidate)
    return wakeups, kilobytes_, (share, outage), name


def _missed(candidate: Candidate, wanted: Sequence[Demand]) -> list[Demand]:
    return [each for each in wanted if each.excess(candidate) > 0]


def _nothing(able: Sequence[Candidate], wanted: Sequence[Demand], best: list[Candidate], rule: str) -> Recommendation:
    if not able:
        return Recommendation(
            chosen=None, nearest=None, binding=(), rule=rule, reason="no strategy reaches anybody", others=()
        )

    def distance(candidate: Candidate) -> tuple[float, ...]:
        missed = [each.excess(candidate) for each in _missed(candidate, wanted)]
        return len(missed), max(missed, default=0.0)

    nearest = min(able, key=lambda each: (distance(each), front.order(each)))
    missed = _missed(nearest, wanted)
    told = " and ".join(f"{each.value(nearest)} (`{each.option}` binds)" for each in missed)
    kept = [each for each in wanted if each not in missed]
    rest = f"; it keeps {', '.join(f'`{each.option}`' for each in kept)}" if kept else ""
    return Recommendation(
        chosen=None,
        nearest=nearest,
        binding=tuple(each.option for each in missed),
        rule=rule,
        reason=f"no strategy keeps all constraints; {nearest.name} comes nearest: {told}{rest}",
        others=_others(best, nearest),
    )


def _reaches(candidate: Candidate) -> str:
    parts = []
    if candidate.lost:
        parts.append(f"all but {listed(candidate.lost)}")
    if candidate.doubted:
        parts.append(f"unknown for {percent(candidate.unknown)}: {listed(candidate.doubted)}")
    return f"reaches {percent(candidate.share)} of the population{f' ({chr(59).join(parts)})' if parts else ''}"


def _at(candidate: Candidate) -> str:
    """Say what it costs, and for how long it is out of reach."""
    cost, size = candidate.wakeups, candidate.bytes
    if cost is None or size is None:
        return "at unknown cost"
    sign = "" if candidate.measured else "about "
    worst = f" ({cost.worst:,.0f} at worst)" if round(cost.worst) > round(cost.mean) else ""
    at = f"at {sign}{cost.mean:,.0f} wake-ups/h{worst} and {kilobytes(size.mean)}"
    return f"{at}, {_longest(candidate)}"


def _longest(candidate: Candidate) -> str:
    worst = candidate.worst_outage_s
    if worst is not None and math.isinf(worst):
        return "at worst out of reach until the end"
    return f"out of reach for {seconds(worst)} at worst" if worst else "never seen out of reach"


def _cheaper(chosen: Candidate, best: Sequence[Candidate], wanted: Sequence[Demand]) -> str:
    """Say why nothing cheaper was chosen."""
    told = []
    for each in best:
        if front.wakeups(each) >= front.wakeups(chosen) or each is chosen:
            continue
        missed = [demand for demand in _missed(each, wanted) if not demand.option.startswith("--reach")]
        if missed:
            told.append(f"{each.name} is cheaper but {' and '.join(one.value(each) for one in missed)}")
        else:
            told.append(f"{each.name}, which is cheaper, reaches {percent(each.share)}")
    if not told:
        return "; nothing cheaper reaches anybody"
    more = len(told) - MOST_CHEAPER
    return f"; {', '.join(told[:MOST_CHEAPER])}{f', and {more} more' if more > 0 else ''}"


def _others(best: Sequence[Candidate], chosen: Candidate) -> tuple[str, ...]:
    return tuple(f"{each.name}: {_reaches(each)} {_at(each)}" for each in best if each is not chosen)
