"""A client that moves to another network: how long the old one lasts, and whether it comes back."""

from __future__ import annotations

from dataclasses import replace

import pytest

from lab.faults.client_move import ClientMove
from lab.loader.load import load
from lab.model.scenario import Transport
from lab.model.when import When
from lab.record.events import ClientAddresses, ClientProcess
from lab.units import Seconds
from tests.e2e.lab_command import ROOT
from tests.fault_cases import FaultCases, NoEffect
from tests.records import (
    CLIENT,
    END,
    MOVED,
    Line,
    begins,
    cell,
    changed,
    flow_set_up,
    judged,
    of_flow,
    probe,
    say,
    sentinel,
    with_fault,
)

MOVE = ClientMove(at=When(offset=50.0))
OVERLAP = replace(MOVE, overlap=Seconds(20))
BACK = replace(MOVE, back_after=Seconds(30))
CLOSES = replace(MOVE, closes_connections=True)
HOME, AWAY = "10.0.0.2", "10.64.0.2"
TWO_WAYS = replace(cell(), topology=load(ROOT / "tests" / "docker" / "move.yaml").cells[0].topology)


def has(t: float, *usable: str, closed: int = 0) -> Line:
    return say(t, CLIENT, ClientAddresses(usable=usable, source=usable[-1], closed=closed))


def moves(fault: ClientMove, *changes: Line) -> list[Line]:
    proof = MOVED if not fault.overlap else ClientMove.Proof(rules=0, left=(HOME,), address="10.64.0.2/24", source=AWAY)
    return [*begins(fault, proof, until=50.0 + fault.lasts_s), *changes]


OVERLAPS = moves(OVERLAP, has(50.0, HOME, AWAY), has(70.0, AWAY))
COMES_BACK = moves(BACK, has(50.0, AWAY), has(80.0, HOME))

CASES = FaultCases(
    infeasible=[
        (
            "the client is back while its old network still works, so it never left it",
            replace(TWO_WAYS, faults=(replace(OVERLAP, back_after=Seconds(20)),)),
            replace(TWO_WAYS, faults=(replace(OVERLAP, back_after=Seconds(21)),)),
        ),
        (
            "the client is not told",
            replace(TWO_WAYS, faults=(replace(MOVE, told_late_by=Seconds(2)),)),
            replace(TWO_WAYS, faults=(replace(MOVE, told_late_by=Seconds(2), told=True),)),
        ),
        (
            "UDP has no connections",
            replace(TWO_WAYS, transport=Transport.UDP, faults=(CLOSES,)),
            replace(TWO_WAYS, faults=(CLOSES,)),
        ),
        (
            "another fault of that kind is at work from 50 s on",
            replace(TWO_WAYS, faults=(BACK, replace(MOVE, at=When(offset=79.0)))),
            replace(TWO_WAYS, faults=(BACK, replace(MOVE, at=When(offset=80.0)))),
        ),
    ],
    proved=[],
    unproved=[
        (OVERLAP, OVERLAPS[:3], "it still has its old address"),
        (BACK, COMES_BACK[:3], "it did not come back"),
        (CLOSES, moves(CLOSES, has(50.0, AWAY)), "no connection was closed"),
        (replace(MOVE, told=True), moves(MOVE, has(50.0, AWAY)), "the client took no note of what it was told"),
    ],
    topology="wifi-and-cellular",
    costs={
        "move-overlap": ("client-move: { at: 2 s, overlap: 2 s }", "client-changed-address"),
        "move-back-udp": ("client-move: { at: 2 s, back-after: 9 s }", "client-changed-address"),
    },
    no_effect={
        "move-overlap": NoEffect("client-move: { at: 2 s, overlap: 2 s }", "move", "its packets leave from 10.0.0.2"),
    },
    acts={},
    written="client-move: { at: 27 s, told: true, told-late-by: 1 s, overlap: 2 s, back-after: 8 s,"
    " closes-connections: true }",
    liveness={
        "client-move.at": ("at: 27 s", "at: 26 s"),
        "client-move.told": ("told: true, told-late-by: 1 s, overlap", "overlap"),
        "client-move.told-late-by": ("told-late-by: 1 s", "told-late-by: 1500 ms"),
        "client-move.overlap": ("overlap: 2 s", "overlap: 3 s"),
        "client-move.back-after": ("back-after: 8 s", "back-after: 9 s"),
        "client-move.closes-connections": ("back-after: 8 s, closes-connections: true", "back-after: 8 s"),
    },
)


def cause_of(fault: ClientMove, *lines: Line, met: str = "silent", at: float = 100.0) -> str:
    """The cause of a lost probe, or the doubt."""
    story = [*flow_set_up(), *sentinel(met), *lines, *probe(1, at, answered=False), END]  # type: ignore[arg-type]
    subject = with_fault(fault)
    outcome = judged(replace(subject, probes=(replace(subject.probes[0], at=Seconds(at)),)), *story)
    return outcome.doubt if outcome.cause is None else outcome.cause.kind.name


@pytest.mark.parametrize(("at", "cause"), [(60.0, "unknown"), (75.0, "client-changed-address")])
def test_while_both_networks_carry(at: float, cause: str) -> None:
    """The old flow lives until the old network is left; the sentinel's, too."""
    assert cause_of(OVERLAP, *OVERLAPS, met="delivered", at=at) == cause


@pytest.mark.parametrize(("at", "cause"), [(75.0, "client-changed-address"), (100.0, "unknown")])
def test_back_again(at: float, cause: str) -> None:
    """The old flow lives again, if it lost nothing meanwhile."""
    assert cause_of(BACK, *COMES_BACK, at=at) == cause
    lost = of_flow(60.0, "lan", "server", seq=5)
    assert cause_of(BACK, *COMES_BACK, lost, at=at) == "client-changed-address"
    assert cause_of(BACK, *COMES_BACK, changed(lost, t=49.0), at=at) == cause


@pytest.mark.parametrize(
    ("resumed", "found"), [((), "client-changed-address"), ((55.0,), "the client took no note of what it was told")]
)
def test_who_stands_still_takes_no_note(resumed: tuple[float, ...], found: str) -> None:
    """Nobody is there to be told, until the client goes on."""
    asleep = [
        say(40.0, CLIENT, ClientProcess(state="suspended")),
        *(say(t, CLIENT, ClientProcess(state="resumed")) for t in resumed),
    ]
    assert found in cause_of(replace(MOVE, told=True), *moves(MOVE, has(50.0, AWAY)), *asleep)
