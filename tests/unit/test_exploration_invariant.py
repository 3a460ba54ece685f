"""What must hold once the last fault is over, on records that are built."""

from __future__ import annotations

import dataclasses

import pytest

from lab.exploration.invariant import LEAK, SPIN, Judgement, Kept, busiest_minute, judgement, kept
from lab.exploration.timeline import Limits, Timeline
from lab.faults.reboot import Reboot
from lab.judge.verdict import judge
from lab.model.when import When
from tests.records import (
    BOX,
    CLIENT,
    CONNECTED,
    END,
    SUBSCRIPTION,
    Line,
    cell,
    changed,
    evidence,
    flow_set_up,
    on_lan,
    probe,
    sentinel,
)

NOTHING = Timeline(start="none")
REBOOT = Timeline(start="none", faults=(Reboot(at=When(offset=20.0), node=BOX),))
LIMITS = Limits()
USUAL = Kept(connections=1, contacts=1)
ANSWERED = [*flow_set_up(), *sentinel("delivered"), *probe(1, 100.0, answered=True), END]
LOST = [*flow_set_up(), *sentinel("delivered"), *probe(1, 100.0, answered=False), END]


def judged(*entries: Line, timeline: Timeline = NOTHING, usual: Kept = USUAL, limits: Limits = LIMITS) -> Judgement:
    """What the invariant says of a record."""
    seen = evidence(cell(), *entries)
    return judgement(seen, judge(seen), timeline, limits, usual)


def connection(number: int, t: float, state: str = "connected") -> Line:
    """A state of another connection of the client."""
    return changed(CONNECTED, t=t, id=f"tp{number}", state=state)


def contact(number: int, t: float, state: str = "active") -> Line:
    """A state of another subscription."""
    return changed(SUBSCRIPTION, t=t, id=f"s{number}", state=state)


def test_all_holds() -> None:
    """A client that answers, with its one connection and one subscription."""
    assert judged(*ANSWERED) == Judgement()
    assert kept(evidence(cell(), *ANSWERED)) == USUAL


def test_a_client_out_of_reach_breaks_by_the_cause() -> None:
    """The name of the breach is that of the cause."""
    breach = judged(*LOST).breach
    assert breach is not None
    assert (breach.cause, breach.is_loss) == ("unknown", True)


def test_inconclusive_is_no_breach() -> None:
    """A record that ends too early shows nothing."""
    assert judged(*ANSWERED[:-1]) == Judgement(doubt="the run was cut short")


@pytest.mark.parametrize(
    ("more", "leaks"),
    [
        ([connection(2, 30.0)], True),
        ([connection(2, 30.0), connection(2, 60.0, "disconnected")], True),
        ([connection(2, 30.0), connection(2, 60.0, "destroyed")], False),
        ([connection(2, 80.0)], False),
        ([connection(2, 30.0), connection(2, 80.0, "disconnected")], False),
    ],
    ids=["open", "ended-and-kept", "gone", "new", "just-ended"],
)
def test_connections_that_pile_up(more: list[Line], leaks: bool) -> None:
    """A connection beside the one that a client has without faults; 33 s are for what a transaction may hold."""
    breach = judged(*ANSWERED, *more).breach
    assert (breach is not None) is leaks
    if breach is not None:
        assert (breach.cause, breach.text) == (
            LEAK,
            "the client kept 2 connections, without faults it keeps 1",
        )


def test_contacts_that_pile_up() -> None:
    """Each fault may leave one subscription behind, which the server holds until it ends."""
    one_more, two_more = [contact(2, 30.0)], [contact(2, 30.0), contact(3, 40.0)]
    assert judged(*ANSWERED, *one_more).breach is not None
    assert judged(*ANSWERED, *one_more, timeline=REBOOT).breach is None
    breach = judged(*ANSWERED, *two_more, timeline=REBOOT).breach
    assert breach is not None
    assert breach.cause == LEAK
    assert "3 bindings and subscriptions" in breach.text
    over = [*two_more, contact(3, 50.0, "terminated")]
    assert judged(*ANSWERED, *over, timeline=REBOOT).breach is None


def test_a_client_that_spins() -> None:
    """Too many packets in a minute, wherever it begins; those of the server do not count."""
    sent = [on_lan(40 + number / 10, CLIENT, 100) for number in range(30)]
    received = [on_lan(40 + number / 10, BOX, 100) for number in range(90)]
    limits = Limits(packets_per_minute=30)
    assert judged(*ANSWERED, *sent, *received, limits=limits).breach is None
    breach = judged(*ANSWERED, *sent, on_lan(60.0, CLIENT, 100), limits=limits).breach
    assert breach is not None
    assert (breach.cause, breach.at_s) == (SPIN, 60.0)
    assert not breach.is_loss


def test_busiest_minute() -> None:
    """The minute slides: packets on both sides of a full minute are counted together."""
    sent = [on_lan(t, CLIENT, 100) for t in (5.0, 50.0, 55.0, 64.0, 70.0)]
    seen = evidence(dataclasses.replace(cell(), probes=()), *flow_set_up(), *sent, END)
    assert busiest_minute(seen) == (4, 64.0)
