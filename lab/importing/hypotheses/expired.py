"""Explains by an account that expired, because nothing refreshed it."""

from __future__ import annotations

from collections.abc import Iterator

from lab.importing.case import Case
from lab.importing.hypothesis import Hypothesis


def explain(case: Case) -> Iterator[Hypothesis]:
    """Yield the explanation if a grant was over and nothing had renewed it."""
    gap = case.gap
    if gap is None or not gap.expired or (case.main is not None and case.main.bad < gap.begins):
        return
    kind = "registration" if gap.method == "REGISTER" else "subscription"
    yield Hypothesis(
        name="expired",
        cause=f"{kind}-expired",
        score=0.9,
        at=gap.begins,
        within=2.0,
        text=f"The {kind} was over at {case.story.at(gap.begins):.1f} s, and the client had not refreshed it.",
        decide="the client's log: when it means to refresh",
    )
