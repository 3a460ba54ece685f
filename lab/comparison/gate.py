"""Decides which changes make a comparison fail."""

from __future__ import annotations

from collections.abc import Iterable

from lab.comparison.changes import Change, Direction, Kind
from lab.errors import Problem, ScenarioError
from lab.loader.conversion import choice

FAIL_ON = frozenset({Kind.VERDICT, Kind.OUTAGE, Kind.GONE, Kind.INCONCLUSIVE})
"""A user loses calls, or nobody knows whether. A higher cost may be the price of that, another cause is no loss by
itself, and a new cell has nothing that it could be worse than."""

NOTHING = "nothing"
"""The word for no kind at all."""


def fails(change: Change, fail_on: Iterable[Kind] = FAIL_ON) -> bool:
    """Return whether a change makes the comparison fail.

    Args:
        change: which.
        fail_on: the kinds that count: of them, whatever is worse. Another cause and a new cell are neither worse nor
            better, and count in any case.
    """
    undirected = change.kind in (Kind.CAUSE, Kind.NEW) and change.direction is Direction.OTHER
    return change.kind in fail_on and (change.direction is Direction.WORSE or undirected)


def parse(text: str) -> frozenset[Kind]:
    """Read the kinds of ``--fail-on``: words with commas, or ``nothing``.

    Raises:
        ScenarioError: with all words that are none.
    """
    words = [word.strip() for word in text.split(",") if word.strip()]
    if words == [NOTHING]:
        return frozenset()
    known = [kind.value for kind in Kind]
    wrong = [word for word in words if word not in known]
    if wrong or not words:
        told = [Problem("--fail-on", 0, "", "no kind of change", f"`{word}`", choice(word, known)) for word in wrong]
        lack = Problem("--fail-on", 0, "", "no kind of change", allowed=f"{choice('', known)}, or {NOTHING}")
        raise ScenarioError(told or [lack])
    return frozenset(Kind(word) for word in words)
