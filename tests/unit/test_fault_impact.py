"""A fault is a cause only if the record shows what it did to the flow of the lost probe; each story is a pair."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from lab.faults.base import Fault
from lab.faults.black_hole import BlackHole, Direction
from lab.faults.client_move import ClientMove
from lab.faults.dns_change import DnsChange, OldAddress
from lab.faults.evict_flow import EvictFlow
from lab.faults.forged_segment import End, ForgedSegment
from lab.faults.link_down import LinkDown
from lab.faults.mtu_black_hole import MtuBlackHole
from lab.faults.reboot import Reboot
from lab.faults.server_close import ServerClose
from lab.faults.server_freeze import ServerFreeze
from lab.faults.server_mute import ServerMute
from lab.faults.server_restart import ServerRestart
from lab.faults.server_slow import ServerSlow
from lab.model.endpoint import Endpoint
from lab.model.outcome import Cause
from lab.model.when import When
from lab.record.events import ClientSubscription, FaultEnded, Held, Ignored, OptionsAnswer, Packet, Unanswered
from lab.units import Seconds
from tests.records import (
    ACCEPTED,
    CLIENT,
    CONNECTED,
    END,
    MAPPED,
    MOVED,
    RST,
    SENTINEL,
    SERVER,
    SUBSCRIPTION,
    Line,
    answers_from_now,
    as_long,
    attempt,
    begins,
    changed,
    closed_by_server,
    flow_set_up,
    forgot,
    frozen_probe,
    idle_timer,
    judged,
    of_flow,
    on_the_wire,
    say,
    sentinel,
    with_fault,
)

AT = When(offset=50.0)
TEN = Seconds(10)
IDLE_S = 93.0
"""When, in each story, the client's idle timer closes the connection: what a harmless fault leaves as the cause."""

DOWN = LinkDown(at=AT, link="lan", lasts=TEN)
HOLE = BlackHole(at=AT, node="home-nat", lasts=TEN)
NARROW = MtuBlackHole(at=AT, link="core", mtu=400, lasts=TEN)
REBOOT, EVICT = Reboot(at=AT, node="home-nat"), EvictFlow(at=AT, node="home-nat")
FORGED = ForgedSegment(at=AT, node="home-nat")
CLOSE, RESTART, MOVE = ServerClose(at=AT), ServerRestart(at=AT, keeps_state=True), ClientMove(at=AT)
FREEZE, MUTE = ServerFreeze(at=AT, lasts=TEN), ServerMute(at=AT, lasts=TEN)
SLOW = ServerSlow(at=AT, by=Seconds(40), lasts=TEN)
NEW = "203.0.113.20"
GONE = DnsChange(at=AT, address=NEW, old=OldAddress.SILENT)


def drops(fault: LinkDown | MtuBlackHole, *, until: float = 60, rules: int = 2) -> list[Line]:
    kind = LinkDown.Proof if isinstance(fault, LinkDown) else MtuBlackHole.Proof
    return begins(fault, kind(link=fault.link, rules=rules, lasts=until - 50), until=until)


def hole(fault: BlackHole, *, flow: str = "f1", rules: int = 4) -> list[Line]:
    proof = BlackHole.Proof(node="home-nat", flow=flow, direction=fault.direction.value, rules=rules, wanted=rules)
    return begins(fault, proof, until=60)


def freezes(*, until: float = 60) -> list[Line]:
    return begins(FREEZE, ServerFreeze.Proof(stopped=True), until=until)


ENDS_AGAIN = [of_flow(70, "core", "client"), of_flow(70.1, "lan", "server")]
"""The flow is whole again: each end hears of the other."""
GIVEN_UP = say(87, CLIENT, OptionsAnswer(code=408, n=1))
EXPIRED = changed(SUBSCRIPTION, t=80, state="expired", expires=0)
RESET = changed(CONNECTED, t=50.1, state="disconnected", reason="Connection reset by peer")
ANEW = changed(MAPPED, t=51.0, id=2)

Lines = Sequence[Line]


def cause(
    fault: Fault, *lines: Line, reason: str = "timeout", proto: str = "tcp", flow: str = "f1", frozen: bool = False
) -> Cause:
    """What the probe at 100 s was lost for; its idle timer closes the flow at 93 s whatever else happens."""
    sent = [] if frozen or reason == "no-subscription" else [attempt(100.0, "sent", flow=flow)]
    lost = frozen_probe(100.0) if frozen else attempt(105.0 if sent else 100.0, "failed", flow=flow, reason=reason)
    told = [changed(line, proto=proto) if isinstance(line.event, Packet) else line for line in lines]
    down = isinstance(fault, LinkDown) and any(isinstance(each.event, FaultEnded) and each.t > 65 for each in lines)
    silent = down or isinstance(fault, Reboot | ClientMove)
    wire = [*flow_set_up(), *sentinel("silent" if silent else "delivered")]
    outcome = judged(with_fault(as_long(fault, lines)), *wire, *told, idle_timer(IDLE_S), *sent, lost, END)
    assert outcome.doubt == ""
    assert outcome.cause is not None
    return outcome.cause


LOSSES: list[tuple[Fault, Lines, Line]] = [
    (DOWN, drops(DOWN), of_flow(55, "lan", "client")),
    (DOWN, drops(DOWN), of_flow(55, "lan", "server")),
    (HOLE, hole(HOLE), of_flow(55, "lan", "client")),
    (HOLE, hole(HOLE), of_flow(55, "core", "server")),
    (NARROW, drops(NARROW), of_flow(55, "core", "client")),
]
NAMES = ["down-out", "down-in", "hole-out", "hole-in", "mtu"]


@pytest.mark.parametrize(("fault", "lines", "lost"), LOSSES, ids=NAMES)
def test_a_packet_that_was_lost(fault: Fault, lines: Lines, lost: Line) -> None:
    """With it the fault is the cause, by its own time, and the packet is shown; without it, it did nothing."""
    found = cause(fault, *lines, lost)
    assert found.kind.name == {"LinkDown": "link-down", "BlackHole": "flow-black-holed"}.get(
        type(fault).__name__, "mtu-black-hole"
    )
    assert found.at_s == 50.0
    assert len(found.evidence) == 2
    assert cause(fault, *lines).kind.name == "client-idle-timer"


@pytest.mark.parametrize(("fault", "lines", "lost"), LOSSES, ids=NAMES)
@pytest.mark.parametrize(
    "other",
    [{"t": 49.0}, {"t": 61.0}, {"flags": "FA"}, {"flags": "R"}, {"src": Endpoint("10.0.0.2", 5555), "dst": SENTINEL}],
    ids=["before", "after", "fin", "rst", "another-flow"],
)
def test_a_packet_that_was_not(fault: Fault, lines: Lines, lost: Line, other: dict[str, Any]) -> None:
    """Not what was sent before it or after, not the end of the connection, not what another flow lost."""
    assert cause(fault, *lines, changed(lost, **other)).kind.name == "client-idle-timer"


@pytest.mark.parametrize(("fault", "lines", "lost"), LOSSES, ids=NAMES)
def test_a_loss_that_was_made_good(fault: Fault, lines: Lines, lost: Line) -> None:
    """A packet that TCP sent again in time cost nothing; one way alone does not show that. Over UDP it does."""
    assert cause(fault, *lines, lost, *ENDS_AGAIN).kind.name == "client-idle-timer"
    for half in ENDS_AGAIN:
        assert cause(fault, *lines, lost, half).at_s == 50.0
        assert cause(fault, *lines, lost, half, proto="udp").kind.name == "client-idle-timer"


def test_losses_know_their_place() -> None:
    """Another link's packets, smaller ones, those of the other direction or of another flow pass."""
    lost = of_flow(55, "lan", "client")
    elsewhere, wider = replace(DOWN, link="core"), replace(NARROW, link="lan", mtu=1000)
    inwards = replace(HOLE, direction=Direction.IN)
    stories: list[tuple[Fault, Lines]] = [
        (elsewhere, drops(elsewhere)),
        (wider, drops(wider)),
        (inwards, hole(inwards, rules=2)),
        (HOLE, hole(HOLE, flow="f0")),
    ]
    for fault, lines in stories:
        assert cause(fault, *lines, lost).kind.name == "client-idle-timer"
    leaves = of_flow(55, "core", "client")  # it has passed the node
    assert cause(HOLE, *hole(HOLE), leaves).kind.name == "client-idle-timer"


def test_a_loss_that_still_goes_on_takes_the_probe() -> None:
    """It stood in the way from its beginning, so it is older than what happened while nobody sent anything."""
    lines = drops(DOWN, until=110)
    assert cause(DOWN, *lines, of_flow(100.1, "lan", "server")).at_s == 50.0
    assert cause(DOWN, *lines, of_flow(99, "lan", "server")).kind.name == "client-idle-timer"  # 99 s is later than 93 s


def test_an_address_that_fell_silent() -> None:
    """It takes the packets to and from that address, on the server's own link."""
    lines = begins(GONE, DnsChange.Proof(was="203.0.113.10", met=NEW, old="silent", rules=2), until=110)
    assert cause(GONE, *lines, of_flow(100.1, "core", "server")).at_s == 50.0
    for other in (of_flow(100.1, "core", "server", src=Endpoint(NEW, 5061)), of_flow(100.1, "lan", "server")):
        assert cause(GONE, *lines, other).kind.name == "client-idle-timer"


def test_a_loss_is_as_old_as_its_first_packet() -> None:
    """What broke the flow before the first packet was lost is the cause."""
    lines = drops(DOWN, until=99)
    assert cause(DOWN, *lines, of_flow(92, "lan", "client")).kind.name == "link-down"
    assert cause(DOWN, *lines, of_flow(94, "lan", "client")).kind.name == "client-idle-timer"


@pytest.mark.parametrize("trace", [say(75, CLIENT, ClientSubscription(state="terminated", code=408)), EXPIRED])
def test_a_loss_that_cost_the_subscription(trace: Line) -> None:
    """Where the subscription is missing, a request must have failed; that the flow lives on mends nothing."""
    lines = [*drops(DOWN), of_flow(55, "lan", "client"), *ENDS_AGAIN]
    assert cause(DOWN, *lines, trace, reason="no-subscription").kind.name == "link-down"
    assert cause(DOWN, *lines, reason="no-subscription").kind.name == "client-idle-timer"


TO_CLIENT = replace(FORGED, to=End.CLIENT)
IGNORED = say(55, SERVER, Ignored(what="OPTIONS", flow="f1"))
HELD = say(55, SERVER, Held(what="OPTIONS", flow="f1"))
ASKED = of_flow(55, "core", "client")
MUTED = [*begins(MUTE, ServerMute.Proof(answers="mute", by=None), until=60), answers_from_now("mute")]
SLOWED = [*begins(SLOW, ServerSlow.Proof(answers="late", by=40.0), until=60), answers_from_now("late", 40.0)]
FROZEN = freezes()
REBOOTED = begins(REBOOT, Reboot.Proof(node="home-nat", lost=3, left=0, address=()))
EVICTED = begins(EVICT, EvictFlow.Proof(node="home-nat", flow="f1", gone=True, others=2))
SENT = begins(TO_CLIENT, ForgedSegment.Proof(node="home-nat", flow="f1", segments=(RST,), wanted=1))
PING = changed(IGNORED, what="crlf-ping")

ACTS: list[tuple[str, Fault, Lines, Lines, Lines]] = [
    ("reboot", REBOOT, REBOOTED, [forgot(50.1)], [forgot(50.1), ANEW]),
    ("reboot-later", REBOOT, REBOOTED, [forgot(50.1)], [forgot(94)]),
    ("evicted", EVICT, EVICTED, [forgot(50.1)], [forgot(50.1), ANEW]),
    ("forged", TO_CLIENT, [*SENT, on_the_wire()], [RESET], [changed(RESET, t=94.0)]),
    ("mute", MUTE, MUTED, [IGNORED, GIVEN_UP], [IGNORED]),
    ("mute-unasked", MUTE, MUTED, [IGNORED, GIVEN_UP], [GIVEN_UP]),
    ("mute-another-request", MUTE, MUTED, [IGNORED, GIVEN_UP], [PING, GIVEN_UP]),
    ("mute-much-earlier", MUTE, MUTED, [IGNORED, GIVEN_UP], [IGNORED, changed(GIVEN_UP, t=94.0)]),
    ("mute-refresh", MUTE, MUTED, [changed(IGNORED, what="SUBSCRIBE"), EXPIRED], [IGNORED, EXPIRED]),
    ("mute-watchdog", MUTE, MUTED, [PING, say(65, CLIENT, Unanswered(id="tp1"))], [IGNORED]),
    ("slow", SLOW, SLOWED, [HELD, GIVEN_UP], [HELD]),
    ("freeze", FREEZE, FROZEN, [ASKED, GIVEN_UP], [ASKED]),
    ("freeze-unasked", FREEZE, FROZEN, [ASKED, GIVEN_UP], [changed(ASKED, payload=0), GIVEN_UP]),
]


@pytest.mark.parametrize(
    ("fault", "lines", "trace", "other"), [each[1:] for each in ACTS], ids=[each[0] for each in ACTS]
)
def test_what_an_act_leaves(fault: Fault, lines: Lines, trace: Lines, other: Lines) -> None:
    """With the trace it is the cause; without, or with something else in its place, it did nothing to this flow."""
    assert cause(fault, *lines, *trace).at_s == 50.0
    expired = "subscription-expired" if EXPIRED in other else "client-idle-timer"  # by itself, at 80 s
    assert cause(fault, *lines, *other).kind.name == expired
    assert cause(fault, *lines).kind.name == "client-idle-timer"


ENDED: list[tuple[Fault, Lines]] = [
    (CLOSE, [*begins(CLOSE, ServerClose.Proof(flow="f1")), closed_by_server()]),
    (RESTART, begins(RESTART, ServerRestart.Proof(listening=(), keeps_state=True), until=51)),
    (MOVE, begins(MOVE, MOVED)),
]


@pytest.mark.parametrize(("fault", "lines"), ENDED, ids=["close", "restart", "move"])
def test_what_ends_every_flow_ends_those_there_are(fault: Fault, lines: Lines) -> None:
    """A flow that was made afterwards, from the same endpoint, was not harmed; the subscription had moved to it."""
    assert cause(fault, *lines).at_s == 50.0
    later = [
        changed(ACCEPTED, t=51.5, id="f2"),
        changed(SUBSCRIPTION, t=49.5, flow="f2"),  # no sign of life after the fault: only the flow is new
    ]
    assert cause(fault, *lines, *later, flow="f2").kind.name == "client-idle-timer"


def test_a_probe_of_a_frozen_server() -> None:
    """It was not sent for that reason, whatever else went on."""
    assert cause(FREEZE, *freezes(until=110), frozen=True).at_s == 50.0


def test_an_answer_that_a_frozen_server_read_too_late() -> None:
    """The client's packet waited at the server until the probe's time was over; one that came before did not."""
    frozen = begins(FREEZE, ServerFreeze.Proof(stopped=True), t=101, until=115)
    lost = attempt(115.0, "failed", reason="timeout")
    lines = [*flow_set_up(), *sentinel("delivered"), *frozen, attempt(100.0, "sent"), lost, changed(END, t=120)]
    subject = replace(with_fault(as_long(replace(FREEZE, at=When(offset=101.0)), frozen)), ends=Seconds(120))

    def kind(*more: Line) -> str:
        outcome = judged(subject, *lines, *more)
        assert outcome.cause is not None
        return outcome.cause.kind.name

    assert kind(of_flow(102, "core", "client")) == "server-froze"
    assert kind(of_flow(99, "core", "client")) == "unknown"


def test_a_freeze_that_was_over() -> None:
    """It did not keep a probe from being sent; the one that came after it did."""
    first, second = (replace(FREEZE, at=When(offset=at)) for at in (90.0, 100.0))
    proof = ServerFreeze.Proof(stopped=True)
    frozen = [*begins(first, proof, t=90, until=100), *begins(second, proof, t=100, until=110, number=1)]
    subject = replace(with_fault(first), faults=(first, second))
    outcome = judged(subject, *flow_set_up(), *sentinel("delivered"), *frozen, frozen_probe(100.001), END)
    assert outcome.cause is not None
    assert outcome.cause.at_s == 100.0
