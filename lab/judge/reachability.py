"""Computes the outages of a client from one outcome per moment. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import Enum

from lab.model.outcome import Cause, Outcome
from lab.model.verdict import UNKNOWN, Verdict


class Reach(str, Enum):
    """The result of one probe."""

    REACHABLE = "reachable"
    UNREACHABLE = "unreachable"
    UNKNOWN = "inconclusive"


@dataclass(frozen=True, kw_only=True, slots=True)
class ReachabilitySample:
    """One probe in a cell of its own.

    Attributes:
        at_s: when, in seconds after the client fell silent.
        cause: of an unreachable client.
        doubt: why nothing is known; empty if something is.
    """

    at_s: float
    reach: Reach
    cause: Cause | None = None
    doubt: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class OutageWindow:
    """An outage, as far as the looks tell: it began after ``after_s`` and was over before ``before_s``.

    Attributes:
        after_s: the last look that found the client before it; None: there was none.
        from_s, to_s: the first and the last look that did not find it.
        before_s: the first look that found it again; None: there was none.
        cause: as the first look saw it to which the record shows one.
    """

    after_s: float | None
    from_s: float
    to_s: float
    before_s: float | None
    cause: Cause | None


def sample(at_s: float, outcome: Outcome) -> ReachabilitySample:
    """Return the result of a twin cell with one probe."""
    reach = {Verdict.PASS: Reach.REACHABLE, Verdict.FAIL: Reach.UNREACHABLE}.get(outcome.verdict, Reach.UNKNOWN)
    return ReachabilitySample(at_s=at_s, reach=reach, cause=outcome.cause, doubt=outcome.doubt)


def windows(looks: Sequence[ReachabilitySample]) -> Iterable[OutageWindow]:
    """Return the outages, in time order; an inconclusive probe neither begins nor ends one."""
    reached: float | None = None
    lost: list[ReachabilitySample] = []
    for each in looks:
        if each.reach is Reach.REACHABLE:
            if lost:
                yield _window(reached, lost, each.at_s)
                lost = []
            reached = each.at_s
        elif each.reach is Reach.UNREACHABLE:
            lost.append(each)
    if lost:
        yield _window(reached, lost, None)


def _window(after: float | None, lost: Sequence[ReachabilitySample], before: float | None) -> OutageWindow:
    first, last = lost[0], lost[-1]
    known = (look.cause for look in lost if look.cause is not None and look.cause.kind != UNKNOWN)
    return OutageWindow(
        after_s=after, from_s=first.at_s, to_s=last.at_s, before_s=before, cause=next(known, first.cause)
    )
