"""Explains an account that was never set up: nobody answered, or the server refused.

The lab's time zero is when an account is set up. So its scenario begins with one that is, and what kept the field's
account from it begins right after.
"""

from __future__ import annotations

from collections.abc import Iterator

from lab.importing.case import Case
from lab.importing.hypothesis import Hypothesis

BEGINS_S = 0.5
"""After time zero."""


def explain(case: Case) -> Iterator[Hypothesis]:
    """Yield the explanation if the client asked for its account in vain."""
    if not case.never_set_up:
        return
    story = case.story
    asks = [*story.asked("REGISTER"), *story.asked("SUBSCRIBE")]
    codes = [each.code for each in asks if each.code >= 400 and each.code not in (401, 407)]
    begins = (
        "The lab's account is set up first, as its time zero is then; what kept the field's from it begins right after."
    )
    if codes:
        method = next(each.method for each in asks if each.code == codes[-1])
        yield Hypothesis(
            name="refused-from-the-start",
            cause="server-refused",
            score=0.9,
            text=f"The server answered each {method} with a failure, at last {codes[-1]}. {begins}",
            at=story.zero + BEGINS_S,
            within=story.end - story.zero,
            faults=({"server-refuses": {"at": BEGINS_S, "method": method, "code": codes[-1]}},),
        )
        return
    if story.answers:
        return  # challenged only: with which credentials, the capture does not say
    sent = sum(len(each.requests) for each in asks)
    yield Hypothesis(
        name="black-hole-from-the-start",
        cause="flow-black-holed",
        score=0.8,
        text=f"Not one of {sent} requests was answered, from the first one on: a black hole. {begins}",
        at=story.zero + BEGINS_S,
        within=1.0,
        faults=({"black-hole": {"at": BEGINS_S, "node": "home-nat"}},),
        decide="a capture at the server: whether the requests arrive there, and whether it answers",
    )
