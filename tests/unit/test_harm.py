"""A fault is a cause only if the record shows what it did to the flow of the lost probe; each story is a pair."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from lab.model.fault import (
    BlackHole,
    ClientMove,
    Direction,
    End,
    EvictFlow,
    Fault,
    ForgedSegment,
    LinkDown,
    MtuBlackHole,
    Reboot,
    ServerClose,
    ServerFreeze,
    ServerMute,
    ServerRestart,
    ServerSlow,
)
from lab.model.outcome import CauseFound
from lab.model.verdict import Cause
from lab.model.when import When
from lab.units import Seconds
from tests.unit.test_judge import END, INSIDE, OUTSIDE, REMOTE, Line, flow_set_up, forgot, idle_timer, judged, sentinel
from tests.unit.test_judge_faults import (
    GONE,
    MOVED,
    RST,
    as_long,
    begins,
    closed_by_server,
    on_the_wire,
    said,
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


def packet(t: float, link: str, sender: str, **fields: Any) -> Line:
    """A packet of the flow with data, as a capture saw it."""
    here = INSIDE if link == "lan" else OUTSIDE
    ends = {"src": here, "dst": REMOTE} if sender == "client" else {"src": REMOTE, "dst": here}
    names = {("lan", "client"): "client", ("core", "server"): "server"}
    about = {"proto": "tcp", "flags": "PA", "bytes": 752, "payload": 700, "seq": 1, **ends, **fields}
    return {"t": t, "who": "link", "ev": "packet", "link": link, "from": names.get((link, sender), "home-nat"), **about}


def client(t: float, ev: str, **fields: Any) -> Line:
    return {"t": t, "who": "client", "ev": ev, **fields}


def server(t: float, ev: str, **fields: Any) -> Line:
    return {"t": t, "who": "server", "ev": ev, "flow": "f1", **fields}


ENDS_AGAIN = [packet(70, "core", "client"), packet(70.1, "lan", "server")]
"""The flow is whole again: each end hears of the other."""
GIVEN_UP = client(87, "options-answer", code=408, n=1)
EXPIRED = server(80, "subscription", id="s1", state="expired", expires=0)
RESET = {**idle_timer(50.1), "state": "disconnected", "reason": "Connection reset by peer"}
ANEW = {**flow_set_up()[0], "t": 51.0, "id": 2}

Lines = Sequence[Line]


def cause(fault: Fault, *lines: Line, reason: str = "timeout", proto: str = "tcp", flow: str = "f1") -> CauseFound:
    """What the probe at 100 s was lost for; its idle timer closes the flow at 93 s whatever else happens."""
    fate = {"who": "server", "ev": "probe", "probe": "p1", "kind": "notify", "flow": flow}
    sent = [] if reason == "no-subscription" else [{"t": 100.0, **fate, "state": "sent"}]
    lost = {"t": 105.0 if sent else 100.0, **fate, "state": "failed", "reason": reason}
    told = [{**line, "proto": proto} if line["ev"] == "packet" else line for line in lines]
    down = isinstance(fault, LinkDown) and any(line["ev"] == "fault-over" and line["t"] > 65 for line in lines)
    silent = down or isinstance(fault, Reboot | ClientMove)
    wire = [*flow_set_up(), *sentinel("silent" if silent else "delivered")]
    outcome = judged(with_fault(as_long(fault, lines)), *wire, *told, idle_timer(IDLE_S), *sent, lost, END)
    assert outcome.doubt == ""
    assert outcome.cause is not None
    return outcome.cause


LOSSES: list[tuple[Fault, Lines, Line]] = [
    (DOWN, begins(DOWN, until=60, rules=2), packet(55, "lan", "client")),
    (DOWN, begins(DOWN, until=60, rules=2), packet(55, "lan", "server")),
    (HOLE, begins(HOLE, until=60, flow="f1", rules=4), packet(55, "lan", "client")),
    (HOLE, begins(HOLE, until=60, flow="f1", rules=4), packet(55, "core", "server")),
    (NARROW, begins(NARROW, until=60, rules=2), packet(55, "core", "client")),
]
NAMES = ["down-out", "down-in", "hole-out", "hole-in", "mtu"]


@pytest.mark.parametrize(("fault", "lines", "lost"), LOSSES, ids=NAMES)
def test_a_packet_that_was_lost(fault: Fault, lines: Lines, lost: Line) -> None:
    """With it the fault is the cause, by its own time, and the packet is shown; without it, it did nothing."""
    found = cause(fault, *lines, lost)
    assert found.kind.value == {"LinkDown": "link-down", "BlackHole": "flow-black-holed"}.get(
        type(fault).__name__, "mtu-black-hole"
    )
    assert found.at_s == 50.0
    assert len(found.evidence) == 2
    assert cause(fault, *lines).kind is Cause.CLIENT_IDLE_TIMER


@pytest.mark.parametrize(("fault", "lines", "lost"), LOSSES, ids=NAMES)
@pytest.mark.parametrize(
    "other",
    [{"t": 49.0}, {"t": 61.0}, {"flags": "FA"}, {"flags": "R"}, {"src": "10.0.0.2:5555", "dst": "203.0.113.10:5099"}],
    ids=["before", "after", "fin", "rst", "another-flow"],
)
def test_a_packet_that_was_not(fault: Fault, lines: Lines, lost: Line, other: Line) -> None:
    """Not what was sent before it or after, not the end of the connection, not what another flow lost."""
    assert cause(fault, *lines, {**lost, **other}).kind is Cause.CLIENT_IDLE_TIMER


@pytest.mark.parametrize(("fault", "lines", "lost"), LOSSES, ids=NAMES)
def test_a_loss_that_was_made_good(fault: Fault, lines: Lines, lost: Line) -> None:
    """A packet that TCP sent again in time cost nothing; one way alone does not show that. Over UDP it does."""
    assert cause(fault, *lines, lost, *ENDS_AGAIN).kind is Cause.CLIENT_IDLE_TIMER
    for half in ENDS_AGAIN:
        assert cause(fault, *lines, lost, half).at_s == 50.0
        assert cause(fault, *lines, lost, half, proto="udp").kind is Cause.CLIENT_IDLE_TIMER


def test_losses_know_their_place() -> None:
    """Another link's packets, smaller ones, those of the other direction or of another flow pass."""
    lost = packet(55, "lan", "client")
    for fault, lines in (
        (replace(DOWN, link="core"), begins(DOWN, until=60, rules=2)),
        (replace(NARROW, link="lan", mtu=1000), begins(NARROW, until=60, rules=2)),
        (replace(HOLE, direction=Direction.IN), begins(HOLE, until=60, flow="f1", rules=2)),
        (HOLE, begins(HOLE, until=60, flow="f0", rules=4)),
    ):
        assert cause(fault, *lines, lost).kind is Cause.CLIENT_IDLE_TIMER
    leaves = packet(55, "core", "client")  # it has passed the node
    assert cause(HOLE, *begins(HOLE, until=60, flow="f1", rules=4), leaves).kind is Cause.CLIENT_IDLE_TIMER


def test_a_loss_that_still_goes_on_takes_the_probe() -> None:
    """It stood in the way from its beginning, so it is older than what happened while nobody sent anything."""
    lines = begins(DOWN, until=110, rules=2)
    assert cause(DOWN, *lines, packet(100.1, "lan", "server")).at_s == 50.0
    assert cause(DOWN, *lines, packet(99, "lan", "server")).kind is Cause.CLIENT_IDLE_TIMER  # 99 s is later than 93 s


def test_an_address_that_fell_silent() -> None:
    """It takes the packets to and from that address, on the server's own link."""
    lines = begins(GONE, until=110, rules=2, was="203.0.113.10", met="203.0.113.20")
    assert cause(GONE, *lines, packet(100.1, "core", "server")).at_s == 50.0
    for other in (packet(100.1, "core", "server", src="203.0.113.20:5061"), packet(100.1, "lan", "server")):
        assert cause(GONE, *lines, other).kind is Cause.CLIENT_IDLE_TIMER


def test_a_loss_is_as_old_as_its_first_packet() -> None:
    """What broke the flow before the first packet was lost is the cause."""
    lines = begins(DOWN, until=99, rules=2)
    assert cause(DOWN, *lines, packet(92, "lan", "client")).kind is Cause.LINK_DOWN
    assert cause(DOWN, *lines, packet(94, "lan", "client")).kind is Cause.CLIENT_IDLE_TIMER


@pytest.mark.parametrize("trace", [client(75, "subscription", state="terminated", code=408), EXPIRED])
def test_a_loss_that_cost_the_subscription(trace: Line) -> None:
    """Where the subscription is missing, a request must have failed; that the flow lives on mends nothing."""
    lines = [*begins(DOWN, until=60, rules=2), packet(55, "lan", "client"), *ENDS_AGAIN]
    assert cause(DOWN, *lines, trace, reason="no-subscription").kind is Cause.LINK_DOWN
    assert cause(DOWN, *lines, reason="no-subscription").kind is Cause.CLIENT_IDLE_TIMER


TO_CLIENT = replace(FORGED, to=End.CLIENT)
IGNORED = server(55, "ignored", what="OPTIONS")
HELD = server(55, "held", what="OPTIONS")
ASKED = packet(55, "core", "client")
MUTED = [*begins(MUTE, until=60, answers="mute"), said("mute")]
SLOWED = [*begins(SLOW, until=60, answers="late"), said("late")]
FROZEN = begins(FREEZE, until=60, stopped=True)

ACTS: list[tuple[str, Fault, Lines, Lines, Lines]] = [
    ("reboot", REBOOT, begins(REBOOT, lost=3, left=0, address=[]), [forgot(50.1)], [forgot(50.1), ANEW]),
    ("reboot-later", REBOOT, begins(REBOOT, lost=3, left=0, address=[]), [forgot(50.1)], [forgot(94)]),
    ("evicted", EVICT, begins(EVICT, flow="f1", gone=True), [forgot(50.1)], [forgot(50.1), ANEW]),
    (
        "forged",
        TO_CLIENT,
        [*begins(TO_CLIENT, flow="f1", segments=[RST]), on_the_wire()],
        [RESET],
        [{**RESET, "t": 94.0}],
    ),
    ("mute", MUTE, MUTED, [IGNORED, GIVEN_UP], [IGNORED]),
    ("mute-unasked", MUTE, MUTED, [IGNORED, GIVEN_UP], [GIVEN_UP]),
    ("mute-another-request", MUTE, MUTED, [IGNORED, GIVEN_UP], [{**IGNORED, "what": "crlf-ping"}, GIVEN_UP]),
    ("mute-much-earlier", MUTE, MUTED, [IGNORED, GIVEN_UP], [IGNORED, {**GIVEN_UP, "t": 94.0}]),
    ("mute-refresh", MUTE, MUTED, [{**IGNORED, "what": "SUBSCRIBE"}, EXPIRED], [IGNORED, EXPIRED]),
    ("mute-watchdog", MUTE, MUTED, [{**IGNORED, "what": "crlf-ping"}, client(65, "unanswered", id="tp1")], [IGNORED]),
    ("slow", SLOW, SLOWED, [HELD, GIVEN_UP], [HELD]),
    ("freeze", FREEZE, FROZEN, [ASKED, GIVEN_UP], [ASKED]),
    ("freeze-unasked", FREEZE, FROZEN, [ASKED, GIVEN_UP], [{**ASKED, "payload": 0}, GIVEN_UP]),
]


@pytest.mark.parametrize(
    ("fault", "lines", "trace", "other"), [each[1:] for each in ACTS], ids=[each[0] for each in ACTS]
)
def test_what_an_act_leaves(fault: Fault, lines: Lines, trace: Lines, other: Lines) -> None:
    """With the trace it is the cause; without, or with something else in its place, it did nothing to this flow."""
    assert cause(fault, *lines, *trace).at_s == 50.0
    assert cause(fault, *lines, *other).kind is Cause.CLIENT_IDLE_TIMER
    assert cause(fault, *lines).kind is Cause.CLIENT_IDLE_TIMER


ENDED: list[tuple[Fault, Lines]] = [
    (CLOSE, [*begins(CLOSE, flow="f1"), closed_by_server()]),
    (RESTART, begins(RESTART, until=51, listening=[])),
    (MOVE, begins(MOVE, **MOVED)),
]


@pytest.mark.parametrize(("fault", "lines"), ENDED, ids=["close", "restart", "move"])
def test_what_ends_every_flow_ends_those_there_are(fault: Fault, lines: Lines) -> None:
    """A flow that was made afterwards, from the same endpoint, was not harmed; the subscription had moved to it."""
    assert cause(fault, *lines).at_s == 50.0
    later = [
        {**flow_set_up()[2], "t": 51.5, "id": "f2"},
        {**flow_set_up()[3], "t": 49.5, "flow": "f2"},  # no sign of life after the fault: only the flow is new
    ]
    assert cause(fault, *lines, *later, flow="f2").kind is Cause.CLIENT_IDLE_TIMER


def test_a_probe_of_a_frozen_server() -> None:
    """It was not sent for that reason, whatever else went on."""
    assert cause(FREEZE, *begins(FREEZE, until=110, stopped=True), reason="server-frozen").at_s == 50.0
