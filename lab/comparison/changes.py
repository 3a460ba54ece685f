"""Finds what changed between two cells: verdict, cause, outages, costs."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from enum import Enum

from lab.comparison.figures import (
    COSTS,
    OUTAGES,
    REACHABLE,
    Figure,
    Tolerances,
    allowed,
    middle,
    out_of_reach,
    spread,
    values,
)
from lab.comparison.matching import Match
from lab.comparison.side import Cell

OUT_OF_REACH = "*"
"""Behind costs of a client that was out of reach for some time of the silent hour."""


class Kind(str, Enum):
    """The kinds of change, as ``--fail-on`` names them."""

    VERDICT = "verdict"
    """A cell that passed fails, or the other way round."""
    CAUSE = "cause"
    """A cell fails in both runs, for another cause or at another time."""
    OUTAGE = "outage"
    """The client is out of reach for longer or shorter."""
    COST = "cost"
    """The client sends and receives more or less, or wakes its radio more or less often."""
    GONE = "gone"
    """A has a result and B has none: the cell is not there, or it cannot exist any more."""
    NEW = "new"
    """B has a result and A has none."""
    INCONCLUSIVE = "inconclusive"
    """A has a verdict, and B cannot tell, or had an error."""


class Direction(str, Enum):
    """The meaning of a change."""

    WORSE = "worse"
    BETTER = "better"
    OTHER = "other"
    """Neither worse nor better: another cause, a new cell, the costs of a client that only one run kept reachable."""
    NOISE = "noise"
    """Within what A's own seeds differ by, so it is none."""


@dataclass(frozen=True)
class Change:
    """One thing that differs between two cells.

    Attributes:
        kind: which kind.
        direction: whether that is worse.
        what: the name of the figure, or the kind.
        before, after: in A and in B, in words.
        why: what B says about it; may be empty.
        numbers: of a figure: its value in A and in B; None: it is none.
        noise: of a figure: how far A's seeds lie apart; 0: A has one seed, or they agree.
    """

    kind: Kind
    direction: Direction
    what: str
    before: str
    after: str
    why: str = ""
    numbers: tuple[float, float] | None = None
    noise: float = 0.0


def changes(match: Match, tolerances: Tolerances) -> Iterator[Change]:
    """Yield what changed in a cell.

    Args:
        match: the cell in both runs.
        tolerances: the differences that are none.
    """
    a, b = match.a, match.b
    if a is None or b is None:
        kind, there = (Kind.NEW, b) if a is None else (Kind.GONE, a)
        assert there is not None
        before, after = ("not there", there.word) if a is None else (there.word, "not there")
        direction = Direction.WORSE if a is not None and a.judged else Direction.OTHER
        yield Change(kind, direction, kind.value, before, after, there.why if a is None else "")
        return
    if a.word != b.word:
        yield _verdict(a, b)
    if not a.judged or not b.judged:
        return
    ends = min((float(each) for each in (a.ends_s, b.ends_s) if each is not None), default=math.inf)
    yield from _cause(a, b, tolerances)
    for figure in (*OUTAGES, REACHABLE):
        yield from _figure(figure, Kind.OUTAGE, a, b, tolerances, ends)
    if a.metrics is not None and b.metrics is not None and a.metrics.measured == b.metrics.measured:
        for figure in COSTS:
            yield from _figure(figure, Kind.COST, a, b, tolerances, ends)


def _verdict(a: Cell, b: Cell) -> Change:
    """Return the change of a verdict that differs."""
    known = {each.verdict for each in a.seeds}
    kind, direction = Kind.VERDICT, Direction.BETTER if b.word == "pass" else Direction.WORSE
    if b.word == "unsupported":
        kind, direction = Kind.GONE, Direction.WORSE if a.judged else Direction.OTHER
    elif a.word == "unsupported":
        kind, direction = Kind.NEW, Direction.OTHER
    elif not b.judged:
        kind, direction = Kind.INCONCLUSIVE, Direction.WORSE if a.judged else Direction.OTHER
    elif not a.judged and "pass" not in known:
        direction = Direction.OTHER  # nobody knows what it was
    elif len(b.seeds) < len(a.seeds) and b.word in known:
        direction = Direction.NOISE  # A's verdict depends on the seed, and B was not run with as many
    return Change(kind, direction, "verdict", a.word, b.word, b.why)


def _cause(a: Cell, b: Cell, tolerances: Tolerances) -> Iterator[Change]:
    """Yield the change of the cause, if both cells fail."""
    if a.cause is None or b.cause is None:
        return
    before, after = a.cause, b.cause
    if before.kind != after.kind:
        known = {each.cause.kind for each in a.seeds if each.cause is not None}
        direction = Direction.NOISE if after.kind in known else Direction.OTHER
        yield Change(Kind.CAUSE, direction, "cause", before.kind, after.kind, after.text)
        return
    if before.at_s is None or after.at_s is None:
        return
    times = [each.cause.at_s for each in a.seeds if each.cause is not None and each.cause.kind == before.kind]
    known_times = [each for each in times if each is not None] or [before.at_s]
    yield from _differing(
        Change(
            Kind.CAUSE,
            Direction.WORSE if after.at_s < before.at_s else Direction.BETTER,
            before.kind,
            f"at {before.at_s:,.1f} s",
            f"at {after.at_s:,.1f} s",
            after.text,
            (before.at_s, after.at_s),
            spread(known_times),
        ),
        tolerances.time_s,
    )


def _figure(figure: Figure, kind: Kind, a: Cell, b: Cell, tolerances: Tolerances, ends: float) -> Iterator[Change]:
    """Yield the change of a figure that both cells have."""
    found = [values(figure, each, ends) for each in (a, b)]
    if not all(found):
        return
    before, after = map(middle, found)
    direction = Direction.WORSE if (after > before) == figure.more_is_worse else Direction.BETTER
    if figure.cost and out_of_reach(a) != out_of_reach(b):
        direction = Direction.OTHER  # a client that is gone costs little
    change = Change(
        kind,
        direction,
        figure.name,
        f"{figure.said(before)}{_star(figure, a)}",
        f"{figure.said(after)}{_star(figure, b)}",
        numbers=(before, after),
        noise=spread(found[0]),
    )
    observed = min((each.metrics.observed_s for each in (a, b) if each.metrics is not None), default=0.0)
    yield from _differing(change, allowed(figure, before, tolerances, ends=ends, observed=observed))


def _star(figure: Figure, cell: Cell) -> str:
    """Return the sign of costs of a client that was out of reach for some time."""
    return OUT_OF_REACH if figure.cost and out_of_reach(cell) else ""


def _differing(change: Change, allowed: float) -> Iterator[Change]:
    """Yield a change of a number, unless it is too small; as noise, if A's own seeds differ by as much."""
    assert change.numbers is not None
    before, after = change.numbers
    if before == after or abs(after - before) <= allowed + ROUNDING:
        return
    if abs(after - before) <= change.noise + ROUNDING:
        yield replace(change, direction=Direction.NOISE)
    else:
        yield change


ROUNDING = 1e-9
"""Of sums of decimal fractions."""


IMPORTANCE = (Kind.VERDICT, Kind.INCONCLUSIVE, Kind.GONE, Kind.NEW, Kind.OUTAGE, Kind.CAUSE, Kind.COST)
"""Kinds of change, the most important first: is the client reachable, for how long not, why not, at what cost."""


def foremost(found: Sequence[Change]) -> Direction | None:
    """Return the direction of the most important change; None: there is none."""
    real = [each for each in found if each.direction is not Direction.NOISE]
    if not real:
        return Direction.NOISE if found else None
    order = list(Direction)
    return min(real, key=lambda each: (IMPORTANCE.index(each.kind), order.index(each.direction))).direction
