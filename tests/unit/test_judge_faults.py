"""The judge on records with faults: as first causes, in what the sentinel must meet, and as claims to be proved."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from lab.judge.sentinel import Kept, expected
from lab.model.fault import (
    BlackHole,
    ClientMove,
    DnsChange,
    DnsFailure,
    End,
    EvictFlow,
    ExpiredCertificate,
    Fault,
    Flag,
    ForgedSegment,
    LinkDown,
    MtuBlackHole,
    NoAnswer,
    OldAddress,
    Reboot,
    RevokedClientCertificate,
    ServerClose,
    ServerFreeze,
    ServerMute,
    ServerRestart,
    ServerSlow,
)
from lab.model.middlebox import ForgottenFlow, Middlebox
from lab.model.outcome import Outcome
from lab.model.scenario import Cell, ClientCertificate, Server, Transport
from lab.model.verdict import Cause, Verdict
from lab.model.when import Event, When
from lab.units import Seconds
from tests.unit.test_judge import (
    END,
    INSIDE,
    OUTSIDE,
    REMOTE,
    Line,
    cell,
    flow_set_up,
    forgot,
    idle_timer,
    judged,
    probe,
)
from tests.unit.test_judge import sentinel as sentinel_met

AT = When(offset=50.0)
RST = {"link": "lan", "src": REMOTE, "dst": INSIDE, "flags": "R", "seq": 7}


def with_fault(fault: Fault) -> Cell:
    return replace(cell(), faults=(fault,), server=Server(by_name=True, client_certificate=ClientCertificate.REQUIRED))


def begins(fault: Fault, *, t: float = 50.0, until: float | None = None, **proof: Any) -> list[Line]:
    """The runner's lines for a fault; over at once unless ``until`` says when."""
    name = type(fault).__name__
    end = t if until is None else until
    return [
        {"t": t, "who": "runner", "ev": "fault", "n": 0, "fault": name, **proof},
        {"t": end, "who": "runner", "ev": "fault-over", "n": 0, "fault": name},
    ]


def subscribed(t: float) -> Line:
    return {"t": t, "who": "server", "ev": "subscription", "id": "s2", "state": "active", "flow": "f1", "expires": 600}


def closed_by_server(t: float = 50.01) -> Line:
    return {"t": t, "who": "server", "ev": "flow", "id": "f1", "state": "closed", "reason": "by server"}


def said(mode: str) -> Line:
    return {"t": 50.01, "who": "server", "ev": "obeyed", "do": "answer", "mode": mode}


def on_the_wire(**fields: Any) -> Line:
    return {
        "t": 50.001,
        "who": "link",
        "ev": "packet",
        "from": "home-nat",
        "proto": "tcp",
        "bytes": 40,
        "payload": 0,
        **RST,
        **fields,
    }


def refused(t: float = 70.0, reason: str = "SSL certificate verification error (PJSIP_TLS_ECERTVERIF)") -> Line:
    about = {"id": "tp2", "local": "10.0.0.2:40002", "remote": REMOTE, "reason": reason}
    return {"t": t, "who": "client", "ev": "transport", "state": "disconnected", **about}


def asked(answer: str, *, t: float = 70.0, peer: str = "198.51.100.2:7", type: str = "A") -> Line:  # noqa: A002
    about = {"name": "sip.example.com", "type": type, "answer": answer, "peer": peer}
    return {"t": t, "who": "server", "ev": "query", **about}


def alert(peer: str, t: float = 70.0) -> Line:
    about = {"id": "f2", "transport": "tls", "peer": peer, "reason": "SSLV3_ALERT_CERTIFICATE_EXPIRED"}
    return {"t": t, "who": "server", "ev": "flow", "state": "failed", **about}


def turned_away(peer: str = "203.0.113.1:7", t: float = 70.0, why: str = "certificate revoked") -> Line:
    return {**alert(peer, t), "reason": f"CERTIFICATE_VERIFY_FAILED: {why}"}


def sent(link: str, *, t: float = 100.1) -> Line:
    """A packet with data of the server's, as one of the client's links saw it."""
    target = INSIDE if link == "lan" else OUTSIDE
    about = {"proto": "tcp", "src": REMOTE, "dst": target, "bytes": 752, "payload": 700, "flags": "PA", "seq": 9}
    return {
        "t": t,
        "who": "link",
        "ev": "packet",
        "link": link,
        "from": "home-nat" if link == "lan" else "server",
        **about,
    }


def asks(t: float) -> Line:
    """A packet with data of the client's on its last link."""
    return {**sent("core", t=t), "from": "home-nat", "src": OUTSIDE, "dst": REMOTE}


def given_up(what: str) -> list[Line]:
    """A request that the server leaves lying, and a client that does not wait for it."""
    about = {"who": "server", "ev": what, "what": "OPTIONS", "flow": "f1"}
    return [{"t": 50.2, **about}, {"t": 50.4, "who": "client", "ev": "unanswered", "id": "tp1", "patience": 0.2}]


NODE: dict[str, Any] = {"node": "home-nat"}
FLOW: dict[str, Any] = {**NODE, "flow": "f1"}

REBOOT = Reboot(at=AT, node="home-nat")
READDRESS = Reboot(at=AT, node="home-nat", address="203.0.113.2")
EVICT = EvictFlow(at=AT, node="home-nat")
HOLE = BlackHole(at=AT, node="home-nat")
FORGED = ForgedSegment(at=AT, node="home-nat", to=End.CLIENT)
DOWN = LinkDown(at=AT, link="lan", lasts=Seconds(55))
NARROW = MtuBlackHole(at=AT, link="lan", mtu=400)
FREEZE = ServerFreeze(at=AT, lasts=Seconds(55))
SLOW = ServerSlow(at=AT, by=Seconds(10))
MUTE = ServerMute(at=AT)

MOVE = ClientMove(at=AT)
EXPIRED = ExpiredCertificate(at=AT)
NO_NAME = DnsFailure(at=AT, how=NoAnswer.SERVFAIL)
NEW = "203.0.113.20"
GONE = DnsChange(at=AT, address=NEW, old=OldAddress.SILENT)
BESIDE = DnsChange(at=AT, address=NEW)
TOLD: dict[str, Any] = {"was": "203.0.113.10", "met": NEW, "until": 110}
REVOKED = RevokedClientCertificate(at=AT)
MOVED: dict[str, Any] = {"rules": 2, "left": [], "address": "10.64.0.2/24", "source": "10.64.0.2"}

PROVED: list[tuple[Fault, list[Line], Cause]] = [
    (REBOOT, begins(REBOOT, lost=3, left=0, address=[]), Cause.MIDDLEBOX_LOST_TABLE),
    (READDRESS, begins(READDRESS, lost=3, left=0, address=["203.0.113.2/24"]), Cause.MIDDLEBOX_NEW_ADDRESS),
    (EVICT, begins(EVICT, **FLOW, gone=True, others=2), Cause.MIDDLEBOX_EVICTED),
    (HOLE, [*begins(HOLE, until=110, **FLOW, rules=4), sent("core")], Cause.FLOW_BLACK_HOLED),
    (FORGED, [*begins(FORGED, **FLOW, segments=[RST]), on_the_wire()], Cause.FORGED_RST),
    (
        replace(FORGED, flag=Flag.FIN),
        [*begins(FORGED, **FLOW, segments=[{**RST, "flags": "FA"}]), on_the_wire(flags="FA")],
        Cause.FORGED_FIN,
    ),
    (DOWN, [*begins(DOWN, until=105, rules=2), sent("lan")], Cause.LINK_DOWN),
    (NARROW, [*begins(NARROW, until=110, rules=2), sent("lan")], Cause.MTU_BLACK_HOLE),
    (ServerClose(at=AT), [*begins(ServerClose(at=AT), flow="f1"), closed_by_server()], Cause.SERVER_CLOSED),
    (ServerRestart(at=AT), begins(ServerRestart(at=AT), until=51, listening=[]), Cause.SERVER_RESTARTED),
    (FREEZE, [*begins(FREEZE, until=105, stopped=True), asks(50.2), given_up("ignored")[1]], Cause.SERVER_FROZE),
    (MOVE, begins(MOVE, **MOVED), Cause.CLIENT_MOVED),
    (MUTE, [*begins(MUTE, until=110, answers="mute"), said("mute"), *given_up("ignored")], Cause.SERVER_MUTE),
    (EXPIRED, [*begins(EXPIRED, until=110, met="expired"), refused()], Cause.CERTIFICATE_EXPIRED),
    (EXPIRED, [*begins(EXPIRED, until=110, met="expired"), alert("203.0.113.1:7")], Cause.CERTIFICATE_EXPIRED),
    (NO_NAME, [*begins(NO_NAME, until=110, met="servfail"), asked("servfail")], Cause.NAME_NOT_RESOLVED),
    (GONE, [*begins(GONE, **TOLD, rules=2), sent("core")], Cause.SERVER_MOVED),
    (REVOKED, [*begins(REVOKED, until=110, met="revoked"), turned_away()], Cause.CLIENT_CERTIFICATE_REVOKED),
    (SLOW, [*begins(SLOW, until=110, answers="late"), said("late"), *given_up("held")], Cause.SERVER_SLOW),
]

MET = {Cause.MIDDLEBOX_LOST_TABLE: "silent", Cause.MIDDLEBOX_NEW_ADDRESS: "silent", Cause.LINK_DOWN: "silent",
       Cause.CLIENT_MOVED: "silent"}  # fmt: skip
"""What the sentinel meets after a fault, if not `delivered`: the middlebox forgets silently."""


def as_long(fault: Fault, lines: Sequence[Line]) -> Fault:
    """The fault, to last as long as the lines tell; those without a duration as they are."""
    times = {line["ev"]: line["t"] for line in lines if line["ev"] in ("fault", "fault-over")}
    if getattr(fault, "lasts", None) is None or len(times) < 2:
        return fault
    return replace(fault, lasts=Seconds(times["fault-over"] - times["fault"]))  # type: ignore[arg-type]  # not every fault lasts


def outcome_with(fault: Fault, *lines: Line, met: str, answered: bool = False) -> Outcome:
    story = [*flow_set_up(), *sentinel_met(met), *probe(1, 100, answered=answered), *lines, END]
    return judged(with_fault(as_long(fault, lines)), *story)


@pytest.mark.parametrize(("fault", "lines", "cause"), PROVED, ids=[cause.value for _, _, cause in PROVED])
def test_a_fault_is_the_first_cause(fault: Fault, lines: list[Line], cause: Cause) -> None:
    """A fault before the loss is its cause; what follows from it (a closed transport, a lost mapping) is not."""
    followed = [{**idle_timer(51), "reason": "Connection reset by peer"}, forgot(50.5)]
    outcome = outcome_with(fault, *lines, *followed, met=MET.get(cause, "delivered"))
    assert outcome.doubt == ""
    assert outcome.cause is not None
    assert (outcome.cause.kind, outcome.cause.at_s) == (cause, 50.0)
    assert " at 50.0 s" in outcome.cause.text


def test_every_fault_has_its_story() -> None:
    """A fault added to the lab needs one above."""
    import typing

    assert {type(fault) for fault, _, _ in PROVED} == set(typing.get_args(Fault))


UNPROVED: list[tuple[Fault, list[Line], str]] = [
    (REBOOT, [], "never happened"),
    (REBOOT, begins(REBOOT, lost=3, left=0, address=[])[:1], "did not end"),
    (REBOOT, begins(REBOOT, lost=3, left=1, address=[]), "1 of 3 mappings are still there"),
    (REBOOT, begins(REBOOT, lost=0, left=0, address=[]), "empty before"),
    (READDRESS, begins(READDRESS, lost=3, left=0, address=["203.0.113.1/24"]), "its address is 203.0.113.1/24"),
    (EVICT, begins(EVICT, **NODE, flow=None, gone=False), "the client had no flow"),
    (EVICT, begins(EVICT, **FLOW, gone=False), "still there"),
    (HOLE, begins(HOLE, until=110, **FLOW, rules=0), "0 rules in place"),
    (FORGED, begins(FORGED, **FLOW, segments=[RST]), "0 segments on the wire instead of 1"),
    (FORGED, begins(FORGED, **FLOW, segments=[]), "0 segments on the wire"),
    (FORGED, [*begins(FORGED, **FLOW, segments=[RST]), on_the_wire(seq=8)], "0 segments on the wire"),
    (FORGED, [*begins(FORGED, **FLOW, segments=[RST]), on_the_wire(t=49.0)], "0 segments on the wire"),
    (DOWN, begins(DOWN, until=105, rules=1), "1 rules in place instead of 2"),
    (NARROW, begins(NARROW, until=110, rules=0), "0 rules in place"),
    (ServerClose(at=AT), begins(ServerClose(at=AT), flow="f1"), "the server's flow did not end"),
    (ServerClose(at=AT), begins(ServerClose(at=AT), flow=None), "the client had no flow"),
    (ServerRestart(at=AT), begins(ServerRestart(at=AT), until=51, listening=[5061]), "still listening on [5061]"),
    (FREEZE, begins(FREEZE, until=105, stopped=False), "not stopped"),
    (MOVE, begins(MOVE, **{**MOVED, "source": "10.0.0.2"}), "its packets leave from 10.0.0.2"),
    (MOVE, begins(MOVE, **{**MOVED, "left": ["10.0.0.2/24"]}), "its packets leave from"),
    (MOVE, begins(MOVE, **{**MOVED, "rules": 0}), "0 rules in place"),
    (MUTE, begins(MUTE, until=110, answers="at-once"), "did not obey"),
    (NO_NAME, begins(NO_NAME, until=110, met="203.0.113.10"), "who asks for the name is told 203.0.113.10"),
    (GONE, begins(GONE, **{**TOLD, "met": "203.0.113.10"}, rules=2), "who asks for the name is told 203.0.113.10"),
    (GONE, begins(GONE, **TOLD, rules=1), "1 rules in place instead of 2"),
    (BESIDE, begins(BESIDE, **{**TOLD, "was": NEW}, rules=0), "the name meant that address already"),
    (EXPIRED, begins(EXPIRED, until=110, met="valid"), "meets a certificate that is valid"),
    (REVOKED, begins(REVOKED, until=110, met="accepted"), "shown by another, is accepted"),
    (REVOKED, begins(REVOKED, until=110, met="Connection refused"), "shown by another, is Connection refused"),
    (
        MUTE,
        [
            *begins(MUTE, until=110, answers="mute"),
            {"t": 60.0, "who": "server", "ev": "response-sent", "method": "OPTIONS", "code": 200, "flow": "f1"},
        ],
        "it answered",
    ),
    (
        SLOW,
        [
            *begins(SLOW, until=110, answers="late"),
            {"t": 60.0, "who": "server", "ev": "held", "what": "OPTIONS", "flow": "f1"},
            {"t": 61.0, "who": "server", "ev": "response-sent", "method": "OPTIONS", "code": 200, "flow": "f1"},
        ],
        "an answer after 1.00 s instead of 10 s",
    ),
]


@pytest.mark.parametrize(("fault", "lines", "told"), UNPROVED, ids=[told for _, _, told in UNPROVED])
@pytest.mark.parametrize("answered", [True, False])
def test_a_fault_without_proof_makes_inconclusive(fault: Fault, lines: list[Line], told: str, answered: bool) -> None:
    """Whatever the probes say: they do not speak of what the scenario asks about."""
    outcome = outcome_with(fault, *lines, met="delivered", answered=answered)
    assert outcome.verdict is Verdict.INCONCLUSIVE
    assert told in outcome.doubt


@pytest.mark.parametrize(
    "other", [[], [refused(45)], [refused(107)], [refused(reason="Connection refused")], [alert("203.0.113.10:7")]]
)
def test_a_certificate_nobody_refused_is_not_the_cause(other: list[Line]) -> None:
    """It harms those who connect: not before it expired, not after the probe, not the lab that looks whether it has."""
    lines = [*begins(EXPIRED, until=110, met="expired"), *other, idle_timer(93)]
    outcome = outcome_with(EXPIRED, *sorted(lines, key=lambda line: line["t"]), met="delivered")
    assert outcome.cause is not None
    assert (outcome.cause.kind, outcome.cause.at_s) == (Cause.CLIENT_IDLE_TIMER, 93.0)


@pytest.mark.parametrize(
    "other",
    [
        [],
        [asked("servfail", t=45)],
        [asked("servfail", t=107)],
        [asked("203.0.113.10")],
        [asked("no-data", type="AAAA")],
        [asked("servfail", type="SRV")],
        [asked("servfail", peer="203.0.113.10:7")],
    ],
)
def test_a_name_nobody_asked_for_in_vain_is_not_the_cause(other: list[Line]) -> None:
    """It harms those who ask: not before, not after the probe, not who gets an answer, not the lab that looks."""
    lines = [*begins(NO_NAME, until=110, met="servfail"), *other, idle_timer(93)]
    outcome = outcome_with(NO_NAME, *sorted(lines, key=lambda line: line["t"]), met="delivered")
    assert outcome.cause is not None
    assert (outcome.cause.kind, outcome.cause.at_s) == (Cause.CLIENT_IDLE_TIMER, 93.0)


@pytest.mark.parametrize(
    "other",
    [
        [],
        [turned_away(t=45.0)],
        [turned_away(t=107.0)],
        [turned_away("203.0.113.10:7")],
        [turned_away(why="certificate has expired")],
        [refused()],
    ],
)
def test_a_revocation_nobody_was_refused_for_is_not_the_cause(other: list[Line]) -> None:
    """Nor is a refusal before it or after the probe, the lab's own look, another reason, or the client's refusal."""
    lines = [*begins(REVOKED, until=110, met="revoked"), *other, idle_timer(93)]
    outcome = outcome_with(REVOKED, *sorted(lines, key=lambda line: line["t"]), met="delivered")
    assert outcome.cause is not None
    assert (outcome.cause.kind, outcome.cause.at_s) == (Cause.CLIENT_IDLE_TIMER, 93.0)


def test_a_revocation_for_which_kamailio_refused_the_client_is_the_cause() -> None:
    """It logs no reason; the proof of the fault has shown that this very certificate is on its list."""
    refusal = {**turned_away(), "reason": "certificate verify failed"}
    outcome = outcome_with(
        REVOKED, *begins(REVOKED, until=110, met="revoked"), refusal, idle_timer(93), met="delivered"
    )
    assert outcome.cause is not None
    assert (outcome.cause.kind, outcome.cause.at_s) == (Cause.CLIENT_CERTIFICATE_REVOKED, 50.0)


def test_a_server_that_still_serves_at_its_old_address_is_not_the_cause() -> None:
    """Whoever stays is served, and whoever comes again finds it."""
    outcome = outcome_with(BESIDE, *begins(BESIDE, **TOLD, rules=0), idle_timer(93), met="delivered")
    assert outcome.cause is not None
    assert (outcome.cause.kind, outcome.cause.at_s) == (Cause.CLIENT_IDLE_TIMER, 93.0)


def test_a_server_found_at_its_new_address_has_not_moved_for_what_comes_later() -> None:
    """The old address is silent to the end, but not the cause of what is lost after the client came to the new one."""
    lines = [*begins(GONE, **TOLD, rules=2)[:1], subscribed(80.0), idle_timer(93), *begins(GONE, **TOLD, rules=2)[1:]]
    outcome = outcome_with(GONE, *lines, met="delivered")
    assert outcome.cause is not None
    assert (outcome.cause.kind, outcome.cause.at_s) == (Cause.CLIENT_IDLE_TIMER, 93.0)


@pytest.mark.parametrize(
    "reason",
    ["CERTIFICATE_VERIFY_FAILED: certificate revoked", "SSLV3_ALERT_CERTIFICATE_REVOKED", "certificate verify failed"],
)
def test_a_revoked_certificate_is_not_the_servers(reason: str) -> None:
    """With both faults in one run, a refusal for the revocation does not show that the expiry harmed anybody."""
    lines = [*begins(EXPIRED, until=110, met="expired"), {**turned_away(), "reason": reason}, idle_timer(93)]
    outcome = outcome_with(EXPIRED, *lines, met="delivered")
    assert outcome.cause is not None
    assert outcome.cause.kind is Cause.CLIENT_IDLE_TIMER


@pytest.mark.parametrize(
    ("cell_", "why"),
    [
        (replace(with_fault(NO_NAME), server=Server()), "the client knows the server's address, and asks nobody"),
        (replace(with_fault(EXPIRED), transport=Transport.TCP), "only TLS has certificates"),
        (replace(with_fault(REVOKED), server=Server()), "the server asks for no certificate"),
    ],
    ids=["name", "certificate", "revocation"],
)
def test_a_fault_that_can_never_happen_is_unsupported(cell_: Cell, why: str) -> None:
    """Whatever the record says: it can do nothing there, and the cell is not run."""
    outcome = judged(cell_, *flow_set_up(), *sentinel_met("delivered"), *probe(1, 100, answered=True), END)
    assert outcome.verdict is Verdict.UNSUPPORTED
    assert outcome.doubt == f"fault 1 ({type(cell_.faults[0]).__name__}) can never happen here: {why}"


def test_an_event_that_never_came_is_named() -> None:
    """A fault that waited for something in vain did not happen."""
    fault = ServerMute(at=When(offset=5.0, event=Event.RECONNECTED))
    outcome = outcome_with(fault, met="delivered", answered=True)
    assert outcome.doubt == "fault 1 (ServerMute) never happened: nothing reconnected in time"


def test_a_mended_fault_is_not_the_cause() -> None:
    """The server heard of the client again after the fault: the loss that follows has another cause."""
    lines = begins(ServerRestart(at=AT), until=51, listening=[])
    anew = {
        "t": 60.0,
        "who": "server",
        "ev": "subscription",
        "id": "s1",
        "state": "active",
        "flow": "f1",
        "expires": 600,
    }
    outcome = outcome_with(ServerRestart(at=AT), *lines, anew, idle_timer(93), met="delivered")
    assert outcome.cause is not None
    assert (outcome.cause.kind, outcome.cause.at_s) == (Cause.CLIENT_IDLE_TIMER, 93.0)


def test_a_fault_in_force_is_not_mended() -> None:
    """One probe in between may get through a black hole for large packets; the fault is still the cause of the loss."""
    anew = {
        "t": 60.0,
        "who": "server",
        "ev": "subscription",
        "id": "s1",
        "state": "refreshed",
        "flow": "f1",
        "expires": 600,
    }
    outcome = outcome_with(NARROW, *begins(NARROW, until=110, rules=2), anew, sent("lan"), met="delivered")
    assert outcome.cause is not None
    assert outcome.cause.kind is Cause.MTU_BLACK_HOLE


def test_a_later_fault_is_not_the_cause() -> None:
    """A fault after the probe's deadline cannot have cost it."""
    late = replace(FREEZE, at=When(offset=107.0))
    outcome = outcome_with(late, *begins(late, t=107, until=110, stopped=True), idle_timer(), met="delivered")
    assert outcome.cause is not None
    assert outcome.cause.kind is Cause.CLIENT_IDLE_TIMER


def test_a_probe_of_a_frozen_server_fails() -> None:
    """The runner says so: the server cannot."""
    fate = {"t": 100.0, "who": "runner", "ev": "probe", "probe": "p1", "state": "failed", "reason": "server-frozen"}
    lines = [*begins(FREEZE, until=105, stopped=True), fate]
    outcome = judged(with_fault(FREEZE), *flow_set_up(), *sentinel_met("delivered"), *lines, END)
    assert outcome.verdict is Verdict.FAIL
    assert outcome.cause is not None
    assert outcome.cause.kind is Cause.SERVER_FROZE


@pytest.mark.parametrize(("until", "met", "conclusive"), [(99, "silent", True), (99, "delivered", False),
                                                          (63, "silent", True), (63, "delivered", True),
                                                          (63, "reset", False), (61, "silent", False)])  # fmt: skip
def test_a_link_that_is_down_while_the_sentinel_is_challenged(until: float, met: str, conclusive: bool) -> None:
    """Down throughout (62 to 65 s): silence. Down for a part: silence or delivery. Up again before: delivery."""
    outcome = outcome_with(DOWN, *begins(DOWN, until=until, rules=2), met=met, answered=True)
    assert (outcome.doubt == "") is conclusive


def test_a_client_that_moved_must_show() -> None:
    """Nobody is where the sentinel's flows end any more; if they still deliver, the client did not move."""
    outcome = outcome_with(MOVE, *begins(MOVE, **MOVED), met="delivered", answered=True)
    assert "should show `silent`, showed `delivered`" in outcome.doubt


def test_an_emptied_table_must_show() -> None:
    """After a reboot the sentinel's flows are forgotten; a middlebox that still delivers did not reboot."""
    outcome = outcome_with(REBOOT, *begins(REBOOT, lost=3, left=0, address=[]), met="delivered", answered=True)
    assert "should show `silent`, showed `delivered`" in outcome.doubt


SILENT, REPICKUP, RST_BOTH, RST_IN = (
    Middlebox(name=way.value, forgotten=way)
    for way in (
        ForgottenFlow.SILENT,
        ForgottenFlow.REPICKUP,
        ForgottenFlow.RST_TO_SENDER,
        ForgottenFlow.RST_TO_INSIDE,
    )
)


@pytest.mark.parametrize(
    ("path", "meets"),
    [
        ([(SILENT, Kept.MOVED)], ("silent", "silent")),
        ([(RST_BOTH, Kept.LOST)], ("reset", "reset")),
        ([(RST_BOTH, Kept.MOVED)], ("reset", "silent")),
        ([(RST_IN, Kept.MOVED)], ("reset", "silent")),
        ([(REPICKUP, Kept.LOST)], ("delivered", "silent")),
        ([(REPICKUP, Kept.MOVED)], ("reset", "silent")),
        ([(REPICKUP, Kept.MOVED), (SILENT, Kept.YES)], ("silent", "silent")),
        ([(REPICKUP, Kept.MOVED), (REPICKUP, Kept.YES)], ("reset", "silent")),
        ([(SILENT, Kept.YES), (REPICKUP, Kept.MOVED)], ("reset", "silent")),
    ],
)
def test_what_a_new_address_means_for_old_flows(path: list[tuple[Middlebox, Kept]], meets: tuple[str, str]) -> None:
    """From inside, a flow picked up again comes from an endpoint nobody beyond knows; from outside nobody is there."""
    assert expected(path) == meets
