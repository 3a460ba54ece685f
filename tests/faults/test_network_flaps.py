"""A client that changes between two networks again and again."""

from __future__ import annotations

from dataclasses import replace

from lab.faults.client_move import ClientMove
from lab.faults.network_flaps import NetworkFlaps
from lab.loader.load import load
from lab.model.scenario import Transport
from lab.model.when import When
from lab.record.events import ClientAddresses, IpChanged
from lab.units import Seconds
from tests.e2e.lab_command import ROOT
from tests.fault_cases import FaultCases, NoEffect
from tests.records import (
    CLIENT,
    END,
    Line,
    begins,
    cell,
    flow_set_up,
    judged,
    of_flow,
    probe,
    say,
    sentinel,
    with_fault,
)

FLAPS = NetworkFlaps(at=When(offset=50.0), every=Seconds(20))
HOME, AWAY = "10.0.0.2", "10.64.0.2"
TWO_WAYS = replace(cell(), topology=load(ROOT / "tests" / "docker" / "move.yaml").cells[0].topology)


def flaps(*times: tuple[float, str], rules: int = 2, left: tuple[str, ...] = (), closed: int = 0) -> list[Line]:
    """The fault, to the end of the run: when the client came to which address."""
    proof = NetworkFlaps.Proof(rules=rules, left=left, source=AWAY)
    return [
        *begins(FLAPS, proof, until=110.0),
        *(say(t, CLIENT, ClientAddresses(usable=(to,), source=to, closed=closed)) for t, to in times),
    ]


THRICE = ((50.0, AWAY), (70.0, HOME), (90.0, AWAY), (110.0, HOME))
PROVED = flaps(*THRICE)

CASES = FaultCases(
    infeasible=[
        (
            "the client has left its first network for good",
            replace(TWO_WAYS, faults=(ClientMove(at=When(offset=9.0)), FLAPS)),
            replace(TWO_WAYS, faults=(ClientMove(at=When(offset=9.0), back_after=Seconds(9)), FLAPS)),
        ),
        (
            "too fast for the record to tell the changes apart",
            replace(TWO_WAYS, faults=(replace(FLAPS, every=Seconds(0.9)),)),
            replace(TWO_WAYS, faults=(replace(FLAPS, every=Seconds(1)),)),
        ),
        (
            "over before the client comes back by itself; that is one move",
            replace(TWO_WAYS, faults=(replace(FLAPS, lasts=Seconds(20)),)),
            replace(TWO_WAYS, faults=(replace(FLAPS, lasts=Seconds(21)),)),
        ),
        (
            "the client is not told",
            replace(TWO_WAYS, faults=(replace(FLAPS, told_late_by=Seconds(2)),)),
            replace(TWO_WAYS, faults=(replace(FLAPS, told_late_by=Seconds(2), told=True),)),
        ),
        (
            "UDP has no connections",
            replace(TWO_WAYS, transport=Transport.UDP, faults=(replace(FLAPS, closes_connections=True),)),
            replace(TWO_WAYS, faults=(replace(FLAPS, closes_connections=True),)),
        ),
    ],
    proved=[(replace(FLAPS, every=Seconds(60)), flaps((50.0, AWAY), (110.0, HOME)), "network-flapped")],
    meets={"network-flapped": "silent"},
    unproved=[
        (FLAPS, flaps(*THRICE, rules=1), "1 rules in place instead of 2"),
        (FLAPS, flaps(*THRICE, left=("10.0.0.2/24",)), "it still has 10.0.0.2/24"),
        (FLAPS, flaps(*((t, HOME) for t, _ in THRICE)), "its packets leave from 10.0.0.2"),
        (FLAPS, flaps(*THRICE[:3]), "3 changes instead of 4"),
        (replace(FLAPS, closes_connections=True), PROVED, "no connection was closed"),
        (replace(FLAPS, told=True), PROVED, "the client took no note of what it was told"),
    ],
    topology="wifi-and-cellular",
    costs={"flaps": ("network-flaps: { at: 2 s, every: 9 s }", "network-flapped")},
    no_effect={
        "flaps": NoEffect("network-flaps: { at: 2 s, every: 3 s }", "move", "its packets leave from 10.0.0.2"),
        "flaps-stays-up": NoEffect("network-flaps: { at: 2 s, every: 3 s }", "losses", "0 rules in place instead of 2"),
    },
    acts={},
    written="network-flaps: { at: 2 s, every: 2 s, lasts: 5100 ms, told: true, told-late-by: 300 ms,"
    " closes-connections: true }",
    liveness={
        "network-flaps.at": ("at: 2 s, every", "at: 2500 ms, every"),
        "network-flaps.every": ("every: 2 s", "every: 3 s"),
        "network-flaps.lasts": ("every: 2 s, lasts: 5100 ms", "every: 2 s, lasts: 5200 ms"),
        "network-flaps.told": ("told: true, told-late-by: 300 ms, closes", "closes"),
        "network-flaps.told-late-by": ("told-late-by: 300 ms", "told-late-by: 400 ms"),
        "network-flaps.closes-connections": (
            "told-late-by: 300 ms, closes-connections: true",
            "told-late-by: 300 ms",
        ),
    },
)


def outcome_of(*lines: Line, fault: NetworkFlaps = FLAPS, met: str = "silent") -> tuple[str, str]:
    """The kind of a lost probe's cause, or the doubt, and the cause's sentence."""
    story = [*flow_set_up(), *sentinel(met), *lines, *probe(1, 100, answered=False), END]  # type: ignore[arg-type]
    outcome = judged(with_fault(fault), *story)
    return (outcome.doubt, "") if outcome.cause is None else (outcome.cause.kind.name, outcome.cause.text)


def test_at_home_again_the_old_flow_may_live() -> None:
    """A probe that comes while the client is where its flow is has no reason here, unless packets were lost before."""
    home = flaps((50.0, AWAY), (70.0, HOME), (90.0, AWAY), (95.0, HOME), (110.0, AWAY))
    assert outcome_of(*home)[0] == "unknown"
    lost = of_flow(60.0, "lan", "server", seq=5)
    assert outcome_of(*home, lost) == ("network-flapped", "the client began to change networks every 20 s at 50.0 s")


def test_closed_connections_do_not_come_back() -> None:
    """The client is at home again, its connection is not."""
    closing = replace(FLAPS, closes_connections=True)
    home = flaps((50.0, AWAY), (70.0, HOME), (90.0, AWAY), (95.0, HOME), (110.0, AWAY), closed=1)
    kind, text = outcome_of(*home, fault=closing)
    assert (kind, text.partition(", and ")[2]) == (
        "network-flapped",
        "the system closed the connections of its old address",
    )


def test_what_the_sentinel_meets() -> None:
    """At home its flow lives, away it is mute; at a change both may be."""
    away, home = flaps(*THRICE), flaps((50.0, AWAY), (61.0, HOME), (90.0, AWAY), (110.0, HOME))
    assert outcome_of(*away, met="delivered")[0].startswith("sentinel: ")
    assert outcome_of(*home, met="silent")[0].startswith("sentinel: ")
    change = flaps((50.0, AWAY), (62.5, HOME), (90.0, AWAY), (110.0, HOME))
    for met in ("silent", "delivered"):
        assert not outcome_of(*change, met=met)[0].startswith("sentinel: ")


def test_a_client_that_took_note() -> None:
    """Told late, it has time until then; a client that says nothing of it is believed."""
    late = replace(FLAPS, told=True, told_late_by=Seconds(2))
    noted = say(52.1, CLIENT, IpChanged(code=0))
    assert outcome_of(*PROVED, noted, fault=late)[0] == "network-flapped"
    assert "took no note" in outcome_of(*PROVED, fault=late)[0]
