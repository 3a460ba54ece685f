"""Explains by an account that expired, because nothing refreshed it."""

from __future__ import annotations

from collections.abc import Iterator

from lab.importing.case import Case
from lab.importing.hypothesis import Hypothesis

LATE_S = 1.0


def explain(case: Case) -> Iterator[Hypothesis]:
    """Yield the explanation if the last grant was over before the first lost probe, or before a refresh came."""
    story = case.story
    method = "REGISTER" if story.registers else "SUBSCRIBE"
    granted = [
        (each.final.t, each.granted.expires)
        for each in story.asked(method)
        if each.granted and each.final and each.granted.expires
    ]
    for (t, expires), later in zip(granted, [*(each[0] for each in granted), story.end][1:], strict=True):
        over = t + expires
        if over + LATE_S < later and over > story.zero and (case.main is None or case.main.bad > over):
            kind = "registration" if method == "REGISTER" else "subscription"
            yield Hypothesis(
                name="expired",
                cause=f"{kind}-expired",
                score=0.9,
                at=over,
                within=2.0,
                text=f"The {kind} of {expires} s was over at {story.at(over):.1f} s, and the client had not"
                f" refreshed it.",
                decide="the client's log: when it means to refresh",
            )
            return
