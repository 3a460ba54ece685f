"""What the sentinel must have met, and when its record casts doubt."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from lab.faults.reboot import Reboot
from lab.judge.sentinel import MappingState, expected, forgets, middleboxes_on_path, outcome_of, why_inconclusive
from lab.model.endpoint import Endpoint
from lab.model.impairment import Impairment
from lab.model.middlebox import ForgottenFlow, Middlebox, PortAssignment
from lab.model.scenario import Cell, Client, Expectation, Server, Strategy, Transport
from lab.model.topology import Role, Topology
from lab.model.when import When
from lab.record.events import Mapping, SentinelState
from lab.units import Seconds
from tests.records import SENTINEL, Line, begins, evidence, packet, say, sentinel

SILENT, REPICKUP, NEW_PORT, TO_SENDER, TO_INSIDE, TO_BOTH, FIN, ICMP = (
    Middlebox(name=f.value, forgotten=f) for f in ForgottenFlow
)
YES, EXPIRED, LOST, MOVED = MappingState


def after(box: Middlebox, seconds: float) -> Middlebox:
    return replace(box, established_idle_timeout=Seconds(seconds))


@pytest.mark.parametrize(
    ("path", "met"),
    [
        ([], ("delivered", "delivered")),
        ([(SILENT, YES)], ("delivered", "delivered")),
        ([(SILENT, EXPIRED)], ("silent", "silent")),
        ([(REPICKUP, EXPIRED)], ("delivered", "silent")),
        ([(TO_SENDER, EXPIRED)], ("reset", "reset")),
        ([(TO_INSIDE, EXPIRED)], ("reset", "silent")),
        ([(NEW_PORT, EXPIRED)], ("reset", "silent")),
        ([(TO_BOTH, EXPIRED)], ("reset", "reset")),
        ([(TO_BOTH, LOST)], ("silent", "silent")),
        ([(FIN, EXPIRED)], ("closed", "silent")),
        ([(FIN, LOST)], ("silent", "silent")),
        ([(ICMP, EXPIRED)], ("unreachable", "silent")),
        # two: the client's home, then the carrier's. Each side meets first what is nearest to it
        ([(SILENT, EXPIRED), (TO_SENDER, EXPIRED)], ("silent", "reset")),
        ([(TO_SENDER, YES), (TO_INSIDE, EXPIRED)], ("reset", "silent")),
        ([(REPICKUP, EXPIRED), (TO_SENDER, EXPIRED)], ("reset", "reset")),
        ([(REPICKUP, EXPIRED), (SILENT, YES)], ("delivered", "silent")),
        ([(TO_SENDER, EXPIRED), (SILENT, YES)], ("reset", "reset")),
        ([(NEW_PORT, EXPIRED), (SILENT, YES)], ("silent", "silent")),
        ([(NEW_PORT, EXPIRED), (REPICKUP, YES)], ("reset", "silent")),
        # what is said at expiry passes only who still has the flow
        ([(after(SILENT, 90), EXPIRED), (after(TO_BOTH, 60), EXPIRED)], ("reset", "reset")),
        ([(after(SILENT, 30), EXPIRED), (after(TO_BOTH, 60), EXPIRED)], ("silent", "reset")),
        ([(after(TO_BOTH, 60), EXPIRED), (after(TO_SENDER, 30), EXPIRED)], ("reset", "reset")),
        ([(after(FIN, 60), EXPIRED), (SILENT, YES)], ("closed", "silent")),
    ],
)
def test_expected(path: list[tuple[Middlebox, MappingState]], met: tuple[str, str]) -> None:
    """Each side meets the nearest middlebox that has forgotten the flow and does not pick it up again."""
    assert met == expected(path)


@pytest.mark.parametrize("kept", [LOST, MOVED])
def test_a_port_is_lost_with_the_table(kept: MappingState) -> None:
    """Who does not preserve ports picks a flow up on another one after a reboot; after an expiry it still knows it."""
    box = replace(REPICKUP, port_assignment=PortAssignment.NO_PRESERVATION)
    assert expected([(box, kept)]) == ("reset", "silent")
    assert expected([(box, EXPIRED)]) == ("delivered", "silent")


def test_forgets_at_its_lifetime() -> None:
    """A flow is as old as it is, however short it has been idle."""
    box = replace(SILENT, lifetime=Seconds(100))
    assert [forgets(box, idle=1.0, age=age) for age in (99.9, 100.0)] == [False, True]
    assert forgets(box, idle=100.0)


def test_forgets_at_its_timeout() -> None:
    """A flow is forgotten at the timeout, not before; without one, never."""
    box = replace(SILENT, established_idle_timeout=Seconds(60))
    assert [forgets(box, idle=idle) for idle in (59.9, 60.0, 61.0)] == [False, True, True]
    assert not forgets(SILENT, idle=1e9)


def test_path(one_home: Topology) -> None:
    """The middlebox between client and server is found from the topology."""
    assert middleboxes_on_path(one_home) == ("home-nat",)


def _cell(one_home: Topology, box: Middlebox) -> Cell:
    return Cell(
        scenario="s",
        name="c",
        axes=(),
        seed=1,
        topology=one_home,
        middleboxes=(("home-nat", box),),
        transport=Transport.TCP,
        server=Server(),
        client=Client(),
        strategy=Strategy(name="none"),
        faults=FAULTS,
        probes=(),
        expect=Expectation(),
        ends=Seconds(100),
        claim=None,
    )


def _lines(inside: SentinelState, outside: SentinelState, *more: Line, idle: float = 62.0) -> list[Line]:
    """A record in which both flows fell quiet at t = 0 and were challenged after ``idle`` seconds."""
    return [*sentinel(inside, outside, at=idle, idle=idle), *more]


def _destroyed(t: float) -> Line:
    """The end of the mapping of the flow that is challenged from inside."""
    inside, outside = Endpoint("10.0.0.2", 50001), Endpoint("198.51.100.2", 50001)
    mapping = Mapping(
        state="destroyed",
        proto="tcp",
        inside=inside,
        outside=outside,
        remote=SENTINEL,
        id=1,
        tcp_state="ESTABLISHED",
        seen=0.0,
    )
    return say(t, "home-nat", mapping)


def _reboots(number: int) -> Line:
    """The beginning of one of the faults."""
    proof = Reboot.Proof(node=FAULTS[number].node, lost=3, left=0, address=())
    return begins(FAULTS[number], proof, t=20.0, number=number)[0]


BOX = replace(TO_INSIDE, established_idle_timeout=Seconds(60))
FAULTS = (Reboot(at=When(offset=20.0), node="home-nat"), Reboot(at=When(offset=20.0), node="other"))


@pytest.mark.parametrize(
    ("box", "lines"),
    [
        (BOX, _lines("reset", "silent")),
        (BOX, _lines("reset", "silent", _destroyed(60.0))),
        (BOX, _lines("delivered", "delivered", idle=30.0)),
        (BOX, _lines("reset", "silent", _reboots(0), _destroyed(20.0), idle=30.0)),
        (TO_INSIDE, _lines("delivered", "delivered")),
    ],
)
def test_no_doubt(one_home: Topology, box: Middlebox, lines: list[Line]) -> None:
    """The record shows what the scenario says, with its faults taken into account."""
    assert why_inconclusive(evidence(_cell(one_home, box), *lines)) == ""


@pytest.mark.parametrize(
    ("box", "lines", "why"),
    [
        (BOX, _lines("silent", "silent"), "from inside after 62.0 s of silence.*`reset`, showed `silent`"),
        (BOX, _lines("reset", "delivered"), "from outside .*`silent`, showed `delivered`"),
        (BOX, _lines("reset", "silent", idle=30.0), "`delivered`, showed `reset`"),
        (BOX, _lines("reset", "silent", _destroyed(40.0)), "after 40.0 s, not 60 s"),
        (TO_INSIDE, _lines("delivered", "delivered", _destroyed(40.0)), "not never"),
        (BOX, [], "not challenged"),
        (BOX, _lines("failed", "silent"), "showed `failed`"),
        (BOX, _lines("reset", "silent", _reboots(1), idle=30.0), "`delivered`"),
    ],
)
def test_doubt(one_home: Topology, box: Middlebox, lines: list[Line], why: str) -> None:
    """Whatever differs from what the scenario says is told."""
    assert re.search(why, why_inconclusive(evidence(_cell(one_home, box), *lines)))


def test_outcome_of(one_home: Topology) -> None:
    """What came of each challenge, for those who tell causes."""
    seen = evidence(_cell(one_home, BOX), *_lines("reset", "silent"))
    assert (outcome_of(seen, "from-inside"), outcome_of(seen, "from-outside")) == ("reset", "silent")
    assert outcome_of(evidence(_cell(one_home, BOX)), "from-inside") == ""


@pytest.mark.parametrize(
    ("idle", "met"),
    [
        (59.0, [("delivered", "delivered")]),
        (62.0, [("delivered", "delivered"), ("reset", "silent")]),
        (67.0, [("reset", "silent")]),
    ],
)
def test_a_long_path_is_given_its_time(
    one_home: Topology, idle: float, met: list[tuple[SentinelState, SentinelState]]
) -> None:
    """Where a round trip takes 6 s, a flow may be as much younger at the middlebox than its ends know."""
    ways = (("home-nat", "internet"), ("internet", "home-nat"))
    long = tuple(Impairment(from_=near, to=far, one_way_delay=Seconds(3)) for near, far in ways)
    cell = replace(_cell(one_home, BOX), impairments=long)
    outcomes: list[tuple[SentinelState, SentinelState]] = [("delivered", "delivered"), ("reset", "silent")]
    for inside, outside in outcomes:
        certain = why_inconclusive(evidence(cell, *_lines(inside, outside, idle=idle))) == ""
        assert certain is ((inside, outside) in met)


def test_what_a_middlebox_saw_last_counts(one_home: Topology) -> None:
    """A retransmission starts the timer anew, whoever was told of it; a RST is a middlebox's own word."""

    def seen(flags: str) -> list[Line]:
        ends = [Endpoint("10.0.0.2", port) for port in (50001, 50002)]
        return [packet(10.0, "lan", "home-nat", SENTINEL, end, flags=flags) for end in ends]

    cell = _cell(one_home, BOX)
    assert why_inconclusive(evidence(cell, *_lines("delivered", "delivered", *seen("PA")))) == ""
    assert why_inconclusive(evidence(cell, *_lines("reset", "silent", *seen("PA")))) != ""
    assert why_inconclusive(evidence(cell, *_lines("reset", "silent", *seen("R")))) == ""


def test_equal_timers(one_home: Topology) -> None:
    """Of two middleboxes with the same timer either may forget first, and keep the other's word from passing."""
    cgn = replace(
        one_home,
        nodes=tuple(
            replace(node, role=Role.MIDDLEBOX, inside="access", outside="core") if node.name == "internet" else node
            for node in one_home.nodes
        ),
    )
    boxes = (("home-nat", after(SILENT, 60)), ("internet", after(TO_BOTH, 60)))
    cell = replace(_cell(one_home, BOX), topology=cgn, middleboxes=boxes)
    assert why_inconclusive(evidence(cell, *_lines("reset", "reset"))) == ""
    assert why_inconclusive(evidence(cell, *_lines("silent", "reset"))) == ""
    assert why_inconclusive(evidence(cell, *_lines("delivered", "reset"))) != ""
