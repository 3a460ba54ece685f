"""Records in which all is proved and all probes are answered, and which still cannot be: none of them may pass."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import msgspec
import pytest

from lab.faults.black_hole import BlackHole
from lab.faults.client_move import ClientMove
from lab.faults.link_down import LinkDown
from lab.faults.server_freeze import ServerFreeze
from lab.faults.server_restart import ServerRestart
from lab.model.endpoint import Endpoint
from lab.model.impairment import Impairment
from lab.model.middlebox import Middlebox, RefreshDirection, RefreshingSegments, SipAlg
from lab.model.outcome import Outcome
from lab.model.scenario import Cell, Expectation, NotifyRoute, Probe, ProbeKind, Server, Transport
from lab.model.verdict import Verdict
from lab.model.when import When
from lab.record.events import Packet, Request, SentinelState
from lab.units import Percent, Seconds
from tests.records import (
    BOX as HOME_NAT,
)
from tests.records import (
    END,
    INSIDE,
    MOVED,
    OUTSIDE,
    SERVER,
    Line,
    attempt,
    begins,
    call,
    cell,
    changed,
    exchanged,
    flow_set_up,
    idle_timer,
    judged,
    of_flow,
    probe,
    say,
    sentinel,
    with_fault,
)

AT = When(offset=50.0)
FREEZE, LONG = ServerFreeze(at=AT, lasts=Seconds(10)), Seconds(70)


def freezes(fault: ServerFreeze = FREEZE, *, t: float = 50.0, until: float) -> list[Line]:
    return begins(fault, ServerFreeze.Proof(stopped=True), t=t, until=until)


def outcome(subject: Cell, *lines: Line, met: SentinelState = "delivered") -> Outcome:
    return judged(subject, *flow_set_up(), *sentinel(met), *lines, END)


# Probes: whose, when, how soon


def test_one_probe_does_not_count_for_another() -> None:
    """Two fates of one probe are not the fates of two."""
    subject = cell(probes=(45.0, 100.0))
    twice = outcome(subject, *probe(1, 45, answered=True), *probe(1, 100, answered=True))
    assert (twice.verdict, twice.doubt) == (
        Verdict.INCONCLUSIVE,
        "2 probes were due, the fate of 2 is known: p1, p1",
    )
    strange = outcome(subject, *probe(1, 45, answered=True), *probe(3, 100, answered=True))
    assert strange.verdict is Verdict.INCONCLUSIVE
    assert outcome(subject, *probe(1, 45, answered=True), *probe(2, 100, answered=True)).verdict is Verdict.PASS


@pytest.mark.parametrize(
    ("at", "verdict"), [(100.0, "pass"), (101.9, "pass"), (102.1, "inconclusive"), (99.8, "inconclusive")]
)
def test_a_probe_at_another_time(at: float, verdict: str) -> None:
    """It shows something of that time, not of what the scenario asks about."""
    found = outcome(cell(), *probe(1, at, answered=True))
    assert found.verdict.value == verdict
    assert not found.doubt or found.doubt == f"probe p1 was sent at {at:.1f} s, not at 100 s"


def test_a_probe_that_had_to_connect_first() -> None:
    """One that goes to the contact may be sent as late as its patience allows."""
    by_contact = replace(cell(), server=Server(notify_route=NotifyRoute.CONTACT))
    assert outcome(by_contact, *probe(1, 104, answered=True)).verdict is Verdict.PASS
    assert outcome(cell(), *probe(1, 104, answered=True)).verdict is Verdict.INCONCLUSIVE


@pytest.mark.parametrize(("after", "verdict"), [(5.0, "pass"), (6.9, "pass"), (7.1, "inconclusive")])
def test_an_answer_that_came_too_late(after: float, verdict: str) -> None:
    """What the server takes for an answer in time must have come in time."""
    *sent, answered = probe(1, 100, answered=True)
    found = outcome(cell(), *sent, changed(answered, t=100 + after))
    assert found.verdict.value == verdict
    assert not found.doubt or found.doubt == f"probe p1 counts as answered after {after} s, not within 5 s"


def test_an_answer_that_a_frozen_server_reads_later() -> None:
    """It was not back in time: a server says so itself, and one that does not is not believed."""
    subject = replace(cell(), faults=(replace(FREEZE, at=When(offset=100.0)),))
    *sent, answered = probe(1, 100, answered=True)
    found = outcome(subject, *sent, *freezes(t=100.05, until=109), changed(answered, t=109.1))
    assert (found.verdict, found.doubt) == (
        Verdict.INCONCLUSIVE,
        "probe p1 counts as answered after 9.1 s, not within 5 s",
    )


def test_a_probe_that_nobody_kept_back() -> None:
    """A server that was not there in time, and no freeze: the machine was busy, and the probe shows nothing."""
    subject = replace(cell(), faults=(replace(FREEZE, at=When(offset=95.0)),))
    late = attempt(100.0, "failed", flow=None, peer=None, reason="server-frozen")
    assert outcome(subject, *freezes(t=95.0, until=105), late).verdict is Verdict.FAIL
    found = outcome(cell(), late)
    assert (found.verdict, found.doubt) == (
        Verdict.INCONCLUSIVE,
        "probe p1 was not sent in time, and nothing froze the server",
    )


@pytest.mark.parametrize(("ended", "verdict"), [(80.0, "pass"), (79.5, "inconclusive")])
def test_a_call_that_was_not_held(ended: float, verdict: str) -> None:
    """One that is ended at once says nothing of a silent one."""
    held = Probe(at=Seconds(20), kind_=ProbeKind.INVITE, hold=Seconds(60))
    lines = call(("sent", 20.0), ("talking", 20.0), ("ending", ended), ("answered", ended + 0.1))
    found = outcome(replace(cell(), probes=(held,)), *lines, *exchanged(ended))
    assert found.verdict.value == verdict


@pytest.mark.parametrize(("way", "said"), [("client", "nothing came back"), ("home-nat", "nothing reached the client")])
def test_an_answer_that_the_wire_does_not_know(way: str, said: str) -> None:
    """Whether a probe was answered is the server's word, and the client's link must bear it out, both ways."""
    lines = probe(1, 100, answered=True)

    def by(line: Line) -> bool:
        return isinstance(line.event, Packet) and line.event.from_ == way

    unseen = [line for line in lines if not by(line)]
    found = outcome(cell(), *unseen)
    assert (found.verdict, found.doubt) == (
        Verdict.INCONCLUSIVE,
        f"probe p1 counts as answered at 100.1 s, and {said}",
    )
    bare = [changed(line, payload=0) if by(line) else line for line in lines]  # an acknowledgement
    assert outcome(cell(), *bare).verdict is Verdict.INCONCLUSIVE
    early = [changed(line, t=99.0) if by(line) else line for line in lines]
    assert outcome(cell(), *early).verdict is Verdict.INCONCLUSIVE


# Faults: when, and against what the probes say


@pytest.mark.parametrize(("t", "verdict"), [(50.0, "pass"), (51.9, "pass"), (52.1, "inconclusive")])
def test_a_fault_at_another_time(t: float, verdict: str) -> None:
    """It is another fault."""
    found = outcome(with_fault(FREEZE), *freezes(t=t, until=60), *probe(1, 100, answered=True))
    assert found.verdict.value == verdict
    assert not found.doubt or found.doubt == "fault 1 (ServerFreeze) came at 52.1 s, not at 50 s"


@pytest.mark.parametrize(
    ("until", "verdict"), [(60.0, "pass"), (61.9, "pass"), (62.1, "inconclusive"), (57.9, "inconclusive")]
)
def test_a_fault_of_another_length(until: float, verdict: str) -> None:
    """So is one that was over too soon or too late, but for the end of the run, which ends all."""
    answered = probe(1, 100, answered=True)
    found = outcome(with_fault(FREEZE), *freezes(until=until), *answered)
    assert found.verdict.value == verdict
    assert not found.doubt or found.doubt == f"fault 1 (ServerFreeze) was over after {until - 50:.1f} s, not 10 s"
    long = replace(FREEZE, lasts=Seconds(600))
    early = Probe(at=Seconds(40))
    subject = replace(with_fault(long), probes=(early,))
    whole = freezes(long, until=110)
    assert outcome(subject, *whole, *probe(1, 40, answered=True)).verdict is Verdict.PASS


DOWN, HOLE = LinkDown(at=AT, link="lan", lasts=LONG), BlackHole(at=AT, node="home-nat")
HOLED = BlackHole.Proof(node="home-nat", flow="f1", direction="both", rules=4, wanted=4)
IMPOSSIBLE: list[tuple[Any, msgspec.Struct]] = [
    (DOWN, LinkDown.Proof(link="lan", rules=2, lasts=70.0)),
    (replace(DOWN, link="core"), LinkDown.Proof(link="core", rules=2, lasts=70.0)),
    (HOLE, HOLED),
    (ServerRestart(at=AT, down=LONG), ServerRestart.Proof(listening=(), keeps_state=False)),
    (ServerFreeze(at=AT, lasts=LONG), ServerFreeze.Proof(stopped=True)),
]


@pytest.mark.parametrize(("fault", "proof"), IMPOSSIBLE, ids=lambda each: getattr(each, "link", type(each).__name__))
def test_a_probe_that_was_answered_in_the_midst_of_it(fault: Any, proof: msgspec.Struct) -> None:
    """Whatever the fault's own proof says, it was not there; once it is over, there is nothing wrong with it."""
    met: SentinelState = "silent" if isinstance(fault, LinkDown) else "delivered"
    answered = probe(1, 100, answered=True)
    found = outcome(with_fault(fault), *begins(fault, proof, until=110), *answered, met=met)
    assert found.verdict is Verdict.INCONCLUSIVE
    assert found.doubt == f"probe p1 was answered at 100.1 s, in the midst of {type(fault).__name__}"
    before = begins(fault, proof, until=99)
    length = {"down": Seconds(49)} if isinstance(fault, ServerRestart) else {"lasts": Seconds(49)}
    assert outcome(with_fault(replace(fault, **length)), *before, *answered, met=met).verdict is Verdict.PASS


def test_a_hole_in_another_flow() -> None:
    """It may let the probe's pass."""
    lines = begins(HOLE, msgspec.structs.replace(HOLED, flow="f0"), until=109)
    assert outcome(with_fault(HOLE), *lines, *probe(1, 100, answered=True)).verdict is Verdict.PASS


def test_a_fault_before_which_a_probe_was_lost_that_may_be_lost() -> None:
    """Where one of two probes may fail, the first one's failure does not excuse a fault that then never was."""
    fault = LinkDown(at=AT, link="lan", lasts=Seconds(2))
    half = Expectation(delivered=Percent(50))
    subject = replace(cell(probes=(40.0, 100.0)), faults=(fault,), expect=half)
    lost = [*probe(1, 40, answered=False), idle_timer(33)]
    without = begins(fault, LinkDown.Proof(link="lan", rules=0, lasts=2.0), until=52)
    assert outcome(subject, *lost, *without, *probe(2, 100, answered=True)).verdict is Verdict.INCONCLUSIVE
    proved = begins(fault, LinkDown.Proof(link="lan", rules=2, lasts=2.0), until=52)
    assert outcome(subject, *lost, *proved, *probe(2, 100, answered=True)).verdict is Verdict.PASS
    assert (
        outcome(subject, *lost, *without, *probe(2, 100, answered=False)).verdict is Verdict.FAIL
    )  # a cause, and older


# The middlebox, on the flow itself

BOX = Middlebox(name="box", established_idle_timeout=Seconds(60), transitory_timeout=Seconds(60))
UDP_BOX = Middlebox(name="box", udp_mapping_timer=Seconds(60), udp_one_way_timer=Seconds(30))


def behind(box: Middlebox, *, transport: Transport = Transport.TLS, **changes: Any) -> Cell:
    return replace(cell(), middleboxes=(("home-nat", box),), transport=transport, **changes)


def passing(*times: float, proto: str = "tcp", payload: int = 700) -> list[Line]:
    """What the middlebox sends on: outwards at each time but the last, when it lets something in."""
    about = {"from_": HOME_NAT, "proto": proto, "payload": payload}
    *outwards, inwards = times
    return [
        *(of_flow(t, "core", "client", **about) for t in outwards),
        of_flow(inwards, "lan", "server", **about),
    ]


@pytest.mark.parametrize(
    ("transport", "box", "proto"),
    [(Transport.TLS, BOX, "tcp"), (Transport.TCP, BOX, "tcp"), (Transport.UDP, UDP_BOX, "udp")],
)
def test_a_mapping_that_outlives_its_timer(transport: Transport, box: Middlebox, proto: str) -> None:
    """The sentinel's flows are TCP, and others; what the middlebox does to the probe's own is looked at, too."""
    subject, answered = behind(box, transport=transport), probe(1, 100, answered=True)
    met: SentinelState = "silent" if proto == "tcp" else "delivered"
    found = outcome(subject, *passing(30, 100, proto=proto), *answered, met=met)
    assert found.verdict is Verdict.INCONCLUSIVE
    assert found.doubt == "middlebox home-nat let a packet in after 70.0 s of silence, its timer is 60 s"
    for times in ((30, 60, 100), (45, 100), (38.1, 100)):
        assert outcome(subject, *passing(*times, proto=proto), *answered, met=met).verdict is Verdict.PASS


def test_packets_of_one_instant_in_any_order() -> None:
    """A packet from inside makes the mapping anew; the record may have its answer, of the same instant, before it."""
    picked_up, let_in = passing(100, 100)
    lines = [*passing(29, 30), let_in, picked_up]
    answered = [_elsewhere(line) for line in probe(1, 100, answered=True)]
    assert outcome(behind(BOX), *lines, *answered, met="silent").verdict is Verdict.PASS
    alone = outcome(behind(BOX), *passing(29, 30), let_in, *answered, met="silent")
    assert alone.doubt == "middlebox home-nat let a packet in after 70.0 s of silence, its timer is 60 s"


def test_what_does_not_refresh() -> None:
    """By a middlebox that counts data alone, or what goes out alone, the rest does not start the timer anew."""
    answered = probe(1, 100, answered=True)
    acknowledged = [*passing(30, 60, payload=0), *passing(30, 100)]
    data = replace(BOX, refreshing_segments=RefreshingSegments.DATA)
    assert outcome(behind(BOX), *acknowledged, *answered, met="silent").verdict is Verdict.PASS
    assert outcome(behind(data), *acknowledged, *answered, met="silent").verdict is Verdict.INCONCLUSIVE
    inwards = [*passing(30, 60), *passing(30, 100)]
    outbound = replace(BOX, refresh_direction=RefreshDirection.OUTBOUND)
    assert outcome(behind(BOX), *inwards, *answered, met="silent").verdict is Verdict.PASS
    assert outcome(behind(outbound), *inwards, *answered, met="silent").verdict is Verdict.INCONCLUSIVE


def _elsewhere(line: Line) -> Line:
    """The same on another flow than the one that is looked at."""
    if not isinstance(line.event, Packet):
        return line
    src, dst = (Endpoint("10.0.0.2", 40009) if end == INSIDE else end for end in (line.event.src, line.event.dst))
    return changed(line, src=src, dst=dst)


def test_what_says_nothing_of_a_timer() -> None:
    """Ends of connections, other endpoints, boxes without a timer or with an ALG, and time under way on a slow link."""
    answered = [_elsewhere(line) for line in probe(1, 100, answered=True)]
    out, into = passing(30, 100)
    stranger = Endpoint("10.0.0.2", 5555)
    for other in (changed(into, flags="RA"), changed(into, flags="F"), changed(into, dst=stranger)):
        assert outcome(behind(BOX), out, other, *answered, met="silent").verdict is Verdict.PASS
    never = replace(BOX, established_idle_timeout=None)
    assert outcome(behind(never), out, into, *answered).verdict is Verdict.PASS
    alg = replace(UDP_BOX, sip_alg=(SipAlg.UDP,))
    udp = passing(30, 100, proto="udp")
    request = Request(
        method="SUBSCRIBE",
        flow="f1",
        peer=OUTSIDE,
        call_id="c1",
        cseq=1,
        via=str(OUTSIDE),
        contact=str(OUTSIDE),
    )
    rewritten = say(-0.1, SERVER, request)
    assert outcome(behind(alg, transport=Transport.UDP), *udp, rewritten, *answered).verdict is Verdict.PASS
    slow = (Impairment(from_="home-nat", to="client", one_way_delay=Seconds(9)),)
    assert outcome(behind(BOX, impairments=slow), out, into, *answered, met="silent").verdict is Verdict.PASS


def test_a_client_that_moved_is_no_contradiction() -> None:
    """The hole is on the way it has left."""
    subject = replace(cell(), faults=(ClientMove(at=AT), replace(HOLE, at=When(offset=40.0))))
    hole = begins(HOLE, HOLED, t=40, until=109, number=1)
    found = outcome(subject, *begins(ClientMove(at=AT), MOVED), *hole, *probe(1, 100, answered=True), met="silent")
    assert (found.verdict, found.doubt) == (Verdict.PASS, "")
