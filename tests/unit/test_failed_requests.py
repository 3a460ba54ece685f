"""Which requests of the client have failed, on records written by hand: a challenge is no failure."""

from __future__ import annotations

import pytest

from lab.record.events import ClientEvent, ClientSubscription, OptionsAnswer, Registration
from tests.records import CLIENT, cell, evidence, say


def ended(code: int) -> ClientSubscription:
    return ClientSubscription(state="terminated", code=code)


@pytest.mark.parametrize(
    ("outcomes", "failed"),
    [
        ([Registration(code=200), OptionsAnswer(code=200, n=1), ClientSubscription(state="active")], []),
        ([Registration(code=503)], [("REGISTER", 503)]),
        ([OptionsAnswer(code=408, n=1)], [("OPTIONS", 408)]),
        ([ended(481)], [("SUBSCRIBE", 481)]),
        # challenged
        ([OptionsAnswer(code=401, n=1), OptionsAnswer(code=407, n=2)], []),
        ([Registration(code=401), Registration(code=200)], []),
        ([Registration(code=401), Registration(code=407), Registration(code=200)], []),
        ([Registration(code=200), Registration(code=401)], [("REGISTER", 401)]),
        ([Registration(code=401), Registration(code=503)], [("REGISTER", 401), ("REGISTER", 503)]),
        ([Registration(code=401), OptionsAnswer(code=200, n=1)], [("REGISTER", 401)]),
        ([ended(401)], [("SUBSCRIBE", 401)]),
    ],
)
def test_failed(outcomes: list[ClientEvent], failed: list[tuple[str, int]]) -> None:
    """By method and code."""
    lines = [say(float(t), CLIENT, outcome) for t, outcome in enumerate(outcomes)]
    seen = evidence(cell(), *lines)
    assert [(method, entry.event.code) for entry, method in seen.failed_requests()] == failed
