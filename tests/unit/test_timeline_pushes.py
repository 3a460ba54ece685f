"""The lane of the pushes on a cell's page."""

from __future__ import annotations

from lab.record.events import Probe, ProbeState, PushDelivered, PushHeld, PushLost, PushRefused, PushRequested
from lab.record.writer import RUNNER
from lab.timeline.build import timeline
from lab.timeline.shapes import Lane
from tests.records import CLIENT, END, SERVER, Line, cell, evidence, say


def asked(number: int, t: float) -> Line:
    event = PushRequested(id=f"n{number}", probe="p1", binding="b1", provider="apns", prid="t", priority="normal")
    return say(t, SERVER, event)


def step(t: float, state: ProbeState, reason: str = "") -> Line:
    event = Probe(probe="p1", kind="invite", state=state, code=None, flow="f1", peer=None, reason=reason)
    return say(t, SERVER, event)


def lane(*lines: Line) -> Lane | None:
    lanes = timeline(evidence(cell(), *lines, END)).lanes
    return next((one for one in lanes if one.id == "pushes"), None)


def test_without_pushes_there_is_no_lane() -> None:
    """Most cells have none."""
    assert lane(step(50.0, "sent")) is None


def test_spans_from_the_wish_to_the_end() -> None:
    """A push, its time on the device, and the request that is held for it."""
    found = lane(
        step(50.0, "held"),
        asked(1, 50.0),
        say(51.0, CLIENT, PushHeld(id="n1")),
        step(56.0, "failed", "not-registered"),
        say(60.0, CLIENT, PushDelivered(id="n1", took=10.0)),
    )
    assert found is not None
    spans = [(span.row, span.kind, span.from_s, span.to_s, span.text) for span in found.spans]
    assert spans == [
        ("held p1", "held", 50.0, 56.0, "the server holds INVITE p1, not-registered"),
        ("push n1", "pushed", 50.0, 51.0, "push n1, normal priority, for p1"),
        ("push n1", "waiting", 51.0, 60.0, "push n1 waits on the device, reached the app after 10.000 s"),
    ]
    assert [(mark.at_s, mark.kind) for mark in found.marks] == [(60.0, "received")]


def test_pushes_that_do_not_arrive() -> None:
    """They end where the push service says so."""
    lost, refused = say(50.0, RUNNER, PushLost(id="n1")), say(52.0, RUNNER, PushRefused(id="n2", code=410))
    found = lane(asked(1, 50.0), lost, asked(2, 52.0), refused)
    assert found is not None
    assert [(mark.at_s, mark.kind) for mark in found.marks] == [(50.0, "lost"), (52.0, "failed")]
    assert [span.to_s for span in found.spans] == [50.0, 52.0]
