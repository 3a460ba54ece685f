"""The judge on records with faults: as first causes, in what the sentinel must meet, and as claims to be proved."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import msgspec
import pytest

from lab.faults.base import Fault
from lab.faults.black_hole import BlackHole
from lab.faults.client_move import ClientMove
from lab.faults.dns_change import DnsChange, OldAddress
from lab.faults.dns_failure import DnsFailure, NoAnswer
from lab.faults.evict_flow import EvictFlow
from lab.faults.expired_certificate import ExpiredCertificate
from lab.faults.forged_segment import End, Flag, ForgedSegment, SentSegment
from lab.faults.link_down import LinkDown
from lab.faults.mtu_black_hole import MtuBlackHole
from lab.faults.reboot import Reboot
from lab.faults.revoked_client_certificate import RevokedClientCertificate
from lab.faults.server_close import ServerClose
from lab.faults.server_freeze import ServerFreeze
from lab.faults.server_mute import ServerMute
from lab.faults.server_restart import ServerRestart
from lab.faults.server_slow import ServerSlow
from lab.judge.sentinel import MappingState, expected
from lab.loader.one_key_mappings import faults
from lab.loader.unsupported import examined
from lab.model.endpoint import Endpoint
from lab.model.middlebox import ForgottenFlow, Middlebox
from lab.model.outcome import Outcome
from lab.model.scenario import Cell, Server, Transport
from lab.model.verdict import Verdict
from lab.model.when import Event, When
from lab.record.events import Held, Ignored, Query, ResponseSent, SentinelState, Unanswered
from lab.units import Seconds
from tests.fault_cases import brought
from tests.records import (
    CLIENT,
    CONNECTED,
    END,
    MOVED,
    RST,
    SERVER,
    SUBSCRIPTION,
    Line,
    answers_from_now,
    as_long,
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
    probe,
    say,
    sentinel,
    server_flow,
    with_fault,
)

AT = When(offset=50.0)


def subscribed(t: float) -> Line:
    return changed(SUBSCRIPTION, t=t, id="s2")


def refused(t: float = 70.0, reason: str = "SSL certificate verification error (PJSIP_TLS_ECERTVERIF)") -> Line:
    tried = changed(CONNECTED, t=t, id="tp2", local=Endpoint("10.0.0.2", 40002))
    return changed(tried, state="disconnected", reason=reason)


def asked(answer: str, *, t: float = 70.0, peer: str = "198.51.100.2:7", type: str = "A") -> Line:  # noqa: A002
    return say(t, SERVER, Query(name="sip.example.com", type=type, answer=answer, peer=Endpoint.parse(peer)))


def alert(peer: str, t: float = 70.0) -> Line:
    reason = "SSLV3_ALERT_CERTIFICATE_EXPIRED"
    return server_flow(t, "failed", reason, id="f2", peer=Endpoint.parse(peer))


def turned_away(peer: str = "203.0.113.1:7", t: float = 70.0, why: str = "certificate revoked") -> Line:
    return changed(alert(peer, t), reason=f"CERTIFICATE_VERIFY_FAILED: {why}")


def sent(link: str, *, t: float = 100.1) -> Line:
    """A packet with data of the server's, as one of the client's links saw it."""
    return of_flow(t, link, "server")


def asks(t: float) -> Line:
    """A packet with data of the client's on its last link."""
    return of_flow(t, "core", "client")


def given_up(kind: type[Ignored | Held]) -> list[Line]:
    """A request that the server leaves lying, and a client that does not wait for it."""
    left = say(50.2, SERVER, kind(what="OPTIONS", flow="f1"))
    return [left, say(50.4, CLIENT, Unanswered(id="tp1", patience=0.2))]


def response(t: float) -> Line:
    return say(t, SERVER, ResponseSent(method="OPTIONS", code=200, flow="f1"))


REBOOT = Reboot(at=AT, node="home-nat")
READDRESS = Reboot(at=AT, node="home-nat", address="203.0.113.2")
EVICT = EvictFlow(at=AT, node="home-nat")
HOLE = BlackHole(at=AT, node="home-nat")
FORGED = ForgedSegment(at=AT, node="home-nat", to=End.CLIENT)
DOWN = LinkDown(at=AT, link="lan", lasts=Seconds(55))
NARROW = MtuBlackHole(at=AT, link="lan", mtu=400)
CLOSE = ServerClose(at=AT)
RESTART = ServerRestart(at=AT)
FREEZE = ServerFreeze(at=AT, lasts=Seconds(55))
SLOW = ServerSlow(at=AT, by=Seconds(10))
MUTE = ServerMute(at=AT)

MOVE = ClientMove(at=AT)
EXPIRED = ExpiredCertificate(at=AT)
NO_NAME = DnsFailure(at=AT, how=NoAnswer.SERVFAIL)
NEW = "203.0.113.20"
GONE = DnsChange(at=AT, address=NEW, old=OldAddress.SILENT)
BESIDE = DnsChange(at=AT, address=NEW)
REVOKED = RevokedClientCertificate(at=AT)


def reboots(fault: Reboot, *, lost: int = 3, left: int = 0, address: tuple[str, ...] = ()) -> list[Line]:
    return begins(fault, Reboot.Proof(node="home-nat", lost=lost, left=left, address=address))


def evicts(*, flow: str | None = "f1", gone: bool = True, found: bool = True) -> list[Line]:
    return begins(EVICT, EvictFlow.Proof(node="home-nat", flow=flow, gone=gone, others=2, found=found))


def drops(*, rules: int) -> list[Line]:
    return begins(HOLE, BlackHole.Proof(node="home-nat", flow="f1", direction="both", rules=rules, wanted=4), until=110)


def forges(*segments: SentSegment, fault: ForgedSegment = FORGED) -> list[Line]:
    return begins(fault, ForgedSegment.Proof(node="home-nat", flow="f1", segments=segments, wanted=1))


def goes_down(*, rules: int = 2, until: float = 105) -> list[Line]:
    return begins(DOWN, LinkDown.Proof(link="lan", rules=rules, lasts=55.0), until=until)


def narrows(*, rules: int = 2) -> list[Line]:
    return begins(NARROW, MtuBlackHole.Proof(link="lan", rules=rules, lasts=None), until=110)


def closes(flow: str | None) -> list[Line]:
    return begins(CLOSE, ServerClose.Proof(flow=flow))


def restarts(*listening: int) -> list[Line]:
    return begins(RESTART, ServerRestart.Proof(listening=listening, keeps_state=False), until=51)


def freezes(*, stopped: bool = True) -> list[Line]:
    return begins(FREEZE, ServerFreeze.Proof(stopped=stopped), until=105)


def moves(**proof: Any) -> list[Line]:
    return begins(MOVE, msgspec.structs.replace(MOVED, **proof))


def falls_mute(answers: str = "mute") -> list[Line]:
    return begins(MUTE, ServerMute.Proof(answers=answers, by=None), until=110)


def slows_down() -> list[Line]:
    return begins(SLOW, ServerSlow.Proof(answers="late", by=10.0), until=110)


def expires(met: str = "expired") -> list[Line]:
    return begins(EXPIRED, ExpiredCertificate.Proof(met=met), until=110)


def names_fail(met: str = "servfail") -> list[Line]:
    return begins(NO_NAME, DnsFailure.Proof(met=met), until=110)


def name_moves(fault: DnsChange, *, rules: int, was: str = "203.0.113.10", met: str = NEW) -> list[Line]:
    return begins(fault, DnsChange.Proof(was=was, met=met, old=fault.old.value, rules=rules), until=110)


def revokes(met: str = "revoked") -> list[Line]:
    return begins(REVOKED, RevokedClientCertificate.Proof(met=met), until=110)


FIN = msgspec.structs.replace(RST, flags="FA")
FORGED_FIN = replace(FORGED, flag=Flag.FIN)

PROVED: list[tuple[Fault, list[Line], str]] = [
    (REBOOT, reboots(REBOOT), "middlebox-lost-table"),
    (READDRESS, reboots(READDRESS, address=("203.0.113.2/24",)), "middlebox-new-address"),
    (EVICT, evicts(gone=True), "middlebox-evicted-flow"),
    (HOLE, [*drops(rules=4), sent("core")], "flow-black-holed"),
    (FORGED, [*forges(RST), on_the_wire()], "forged-rst"),
    (FORGED_FIN, [*forges(FIN, fault=FORGED_FIN), on_the_wire(flags="FA")], "forged-fin"),
    (DOWN, [*goes_down(), sent("lan")], "link-down"),
    (NARROW, [*narrows(), sent("lan")], "mtu-black-hole"),
    (CLOSE, [*closes("f1"), closed_by_server()], "server-closed-flow"),
    (RESTART, restarts(), "server-restarted"),
    (FREEZE, [*freezes(), asks(50.2), given_up(Ignored)[1]], "server-froze"),
    (MOVE, moves(), "client-changed-address"),
    (MUTE, [*falls_mute(), answers_from_now("mute"), *given_up(Ignored)], "server-mute"),
    (EXPIRED, [*expires(), refused()], "server-certificate-expired"),
    (EXPIRED, [*expires(), alert("203.0.113.1:7")], "server-certificate-expired"),
    (NO_NAME, [*names_fail(), asked("servfail")], "name-not-resolved"),
    (GONE, [*name_moves(GONE, rules=2), sent("core")], "server-moved"),
    (REVOKED, [*revokes(), turned_away()], "client-certificate-revoked"),
    (SLOW, [*slows_down(), answers_from_now("late", 10.0), *given_up(Held)], "server-slow"),
    *(case for cases in brought() for case in cases.proved),
]

MET: dict[str, SentinelState] = {
    "middlebox-lost-table": "silent",
    "middlebox-new-address": "silent",
    "link-down": "silent",
    "client-changed-address": "silent",
    **{cause: met for cases in brought() for cause, met in cases.meets.items()},
}
"""What the sentinel meets after a fault, if not `delivered`: the middlebox forgets silently."""


def outcome_with(fault: Fault, *lines: Line, met: SentinelState, answered: bool = False) -> Outcome:
    story = [*flow_set_up(), *sentinel(met), *probe(1, 100, answered=answered), *lines, END]
    return judged(with_fault(as_long(fault, lines)), *story)


@pytest.mark.parametrize(("fault", "lines", "cause"), PROVED, ids=[cause for _, _, cause in PROVED])
def test_a_fault_is_the_first_cause(fault: Fault, lines: list[Line], cause: str) -> None:
    """A fault before the loss is its cause; what follows from it (a closed transport, a lost mapping) is not."""
    followed = [changed(idle_timer(51), reason="Connection reset by peer"), forgot(50.5)]
    outcome = outcome_with(fault, *lines, *followed, met=MET.get(cause, "delivered"))
    assert outcome.doubt == ""
    assert outcome.cause is not None
    assert (outcome.cause.kind.name, outcome.cause.at_s) == (cause, 50.0)
    assert " at 50.0 s" in outcome.cause.text


def test_every_fault_has_its_story() -> None:
    """A fault added to the lab needs one above."""
    assert {type(fault) for fault, _, _ in PROVED} == set(faults().values())


UNPROVED: list[tuple[Fault, list[Line], str]] = [
    (REBOOT, [], "never happened"),
    (REBOOT, reboots(REBOOT)[:1], "did not end"),
    (REBOOT, reboots(REBOOT, left=1), "1 of 3 mappings are still there"),
    (REBOOT, reboots(REBOOT, lost=0), "empty before"),
    (READDRESS, reboots(READDRESS, address=("203.0.113.1/24",)), "its address is 203.0.113.1/24"),
    (EVICT, evicts(flow=None, gone=False), "the client had no flow"),
    (EVICT, evicts(gone=False), "still there"),
    (EVICT, evicts(gone=False, found=False), "the flow had no mapping there"),
    (EVICT, [server_flow(49.0, "closed"), *evicts()], "the flow f1 had ended before"),
    (HOLE, drops(rules=0), "0 rules in place"),
    (FORGED, forges(RST), "0 segments on the wire instead of 1"),
    (FORGED, forges(), "0 segments on the wire"),
    (FORGED, [*forges(RST), on_the_wire(seq=8)], "0 segments on the wire"),
    (FORGED, [*forges(RST), on_the_wire(t=49.0)], "0 segments on the wire"),
    (DOWN, goes_down(rules=1), "1 rules in place instead of 2"),
    (NARROW, narrows(rules=0), "0 rules in place"),
    (CLOSE, closes("f1"), "the server's flow did not end"),
    (CLOSE, closes(None), "the client had no flow"),
    (RESTART, restarts(5061), "still listening on [5061]"),
    (FREEZE, freezes(stopped=False), "not stopped"),
    (MOVE, moves(source="10.0.0.2"), "its packets leave from 10.0.0.2"),
    (MOVE, moves(left=("10.0.0.2/24",)), "its packets leave from"),
    (MOVE, moves(rules=0), "0 rules in place"),
    (MUTE, falls_mute("at-once"), "did not obey"),
    (NO_NAME, names_fail("203.0.113.10"), "who asks for the name is told 203.0.113.10"),
    (GONE, name_moves(GONE, met="203.0.113.10", rules=2), "who asks for the name is told 203.0.113.10"),
    (GONE, name_moves(GONE, rules=1), "1 rules in place instead of 2"),
    (BESIDE, name_moves(BESIDE, was=NEW, rules=0), "the name meant that address already"),
    (EXPIRED, expires("valid"), "meets a certificate that is valid"),
    (REVOKED, revokes("accepted"), "shown by another, is accepted"),
    (REVOKED, revokes("Connection refused"), "shown by another, is Connection refused"),
    (MUTE, [*falls_mute(), response(60.0)], "it answered"),
    (
        SLOW,
        [*slows_down(), say(60.0, SERVER, Held(what="OPTIONS", flow="f1")), response(61.0)],
        "an answer after 1.00 s instead of 10 s",
    ),
    *(case for cases in brought() for case in cases.unproved),
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
    outcome = outcome_with(EXPIRED, *expires(), *other, idle_timer(93), met="delivered")
    assert outcome.cause is not None
    assert (outcome.cause.kind.name, outcome.cause.at_s) == ("client-idle-timer", 93.0)


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
    outcome = outcome_with(NO_NAME, *names_fail(), *other, idle_timer(93), met="delivered")
    assert outcome.cause is not None
    assert (outcome.cause.kind.name, outcome.cause.at_s) == ("client-idle-timer", 93.0)


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
    outcome = outcome_with(REVOKED, *revokes(), *other, idle_timer(93), met="delivered")
    assert outcome.cause is not None
    assert (outcome.cause.kind.name, outcome.cause.at_s) == ("client-idle-timer", 93.0)


def test_a_revocation_for_which_kamailio_refused_the_client_is_the_cause() -> None:
    """It logs no reason; the proof of the fault has shown that this very certificate is on its list."""
    refusal = changed(turned_away(), reason="certificate verify failed")
    outcome = outcome_with(REVOKED, *revokes(), refusal, idle_timer(93), met="delivered")
    assert outcome.cause is not None
    assert (outcome.cause.kind.name, outcome.cause.at_s) == ("client-certificate-revoked", 50.0)


def test_a_server_that_still_serves_at_its_old_address_is_not_the_cause() -> None:
    """Whoever stays is served, and whoever comes again finds it."""
    outcome = outcome_with(BESIDE, *name_moves(BESIDE, rules=0), idle_timer(93), met="delivered")
    assert outcome.cause is not None
    assert (outcome.cause.kind.name, outcome.cause.at_s) == ("client-idle-timer", 93.0)


def test_a_server_found_at_its_new_address_has_not_moved_for_what_comes_later() -> None:
    """The old address is silent to the end, but not the cause of what is lost after the client came to the new one."""
    lines = [*name_moves(GONE, rules=2), subscribed(80.0), idle_timer(93)]
    outcome = outcome_with(GONE, *lines, met="delivered")
    assert outcome.cause is not None
    assert (outcome.cause.kind.name, outcome.cause.at_s) == ("client-idle-timer", 93.0)


@pytest.mark.parametrize(
    "reason",
    ["CERTIFICATE_VERIFY_FAILED: certificate revoked", "SSLV3_ALERT_CERTIFICATE_REVOKED", "certificate verify failed"],
)
def test_a_revoked_certificate_is_not_the_servers(reason: str) -> None:
    """With both faults in one run, a refusal for the revocation does not show that the expiry harmed anybody."""
    lines = [*expires(), changed(turned_away(), reason=reason), idle_timer(93)]
    outcome = outcome_with(EXPIRED, *lines, met="delivered")
    assert outcome.cause is not None
    assert outcome.cause.kind.name == "client-idle-timer"


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
    outcome = judged(examined(cell_), *flow_set_up(), *sentinel("delivered"), *probe(1, 100, answered=True), END)
    assert outcome.verdict is Verdict.UNSUPPORTED
    assert outcome.doubt == f"fault 1 ({type(cell_.faults[0]).__name__}) can never happen here: {why}"


def test_an_event_that_never_came_is_named() -> None:
    """A fault that waited for something in vain did not happen."""
    fault = ServerMute(at=When(offset=5.0, event=Event.RECONNECTED))
    outcome = outcome_with(fault, met="delivered", answered=True)
    assert outcome.doubt == "fault 1 (ServerMute) never happened: nothing reconnected in time"


def test_a_mended_fault_is_not_the_cause() -> None:
    """The server heard of the client again after the fault: the loss that follows has another cause."""
    outcome = outcome_with(RESTART, *restarts(), changed(SUBSCRIPTION, t=60.0), idle_timer(93), met="delivered")
    assert outcome.cause is not None
    assert (outcome.cause.kind.name, outcome.cause.at_s) == ("client-idle-timer", 93.0)


def test_a_fault_in_force_is_not_mended() -> None:
    """One probe in between may get through a black hole for large packets; the fault is still the cause of the loss."""
    anew = changed(SUBSCRIPTION, t=60.0, state="refreshed")
    outcome = outcome_with(NARROW, *narrows(), anew, sent("lan"), met="delivered")
    assert outcome.cause is not None
    assert outcome.cause.kind.name == "mtu-black-hole"


def test_a_later_fault_is_not_the_cause() -> None:
    """A fault after the probe's deadline cannot have cost it."""
    late = replace(FREEZE, at=When(offset=107.0))
    begun = begins(late, ServerFreeze.Proof(stopped=True), t=107, until=110)
    outcome = outcome_with(late, *begun, idle_timer(), met="delivered")
    assert outcome.cause is not None
    assert outcome.cause.kind.name == "client-idle-timer"


def test_a_probe_of_a_frozen_server_fails() -> None:
    """The runner says so: the server cannot."""
    lines = [*freezes(), frozen_probe(100.0)]
    outcome = judged(with_fault(FREEZE), *flow_set_up(), *sentinel("delivered"), *lines, END)
    assert outcome.verdict is Verdict.FAIL
    assert outcome.cause is not None
    assert outcome.cause.kind.name == "server-froze"


@pytest.mark.parametrize(("until", "met", "conclusive"), [(99, "silent", True), (99, "delivered", False),
                                                          (63, "silent", True), (63, "delivered", True),
                                                          (63, "reset", False), (61, "silent", False)])  # fmt: skip
def test_a_link_that_is_down_while_the_sentinel_is_challenged(
    until: float, met: SentinelState, conclusive: bool
) -> None:
    """Down throughout (62 to 65 s): silence. Down for a part: silence or delivery. Up again before: delivery."""
    outcome = outcome_with(DOWN, *goes_down(until=until), met=met, answered=True)
    assert (outcome.doubt == "") is conclusive


def test_a_client_that_moved_must_show() -> None:
    """Nobody is where the sentinel's flows end any more; if they still deliver, the client did not move."""
    outcome = outcome_with(MOVE, *moves(), met="delivered", answered=True)
    assert "should show `silent`, showed `delivered`" in outcome.doubt


def test_an_emptied_table_must_show() -> None:
    """After a reboot the sentinel's flows are forgotten; a middlebox that still delivers did not reboot."""
    outcome = outcome_with(REBOOT, *reboots(REBOOT), met="delivered", answered=True)
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
        ([(SILENT, MappingState.MOVED)], ("silent", "silent")),
        ([(RST_BOTH, MappingState.LOST)], ("reset", "reset")),
        ([(RST_BOTH, MappingState.MOVED)], ("reset", "silent")),
        ([(RST_IN, MappingState.MOVED)], ("reset", "silent")),
        ([(REPICKUP, MappingState.LOST)], ("delivered", "silent")),
        ([(REPICKUP, MappingState.MOVED)], ("reset", "silent")),
        ([(REPICKUP, MappingState.MOVED), (SILENT, MappingState.YES)], ("silent", "silent")),
        ([(REPICKUP, MappingState.MOVED), (REPICKUP, MappingState.YES)], ("reset", "silent")),
        ([(SILENT, MappingState.YES), (REPICKUP, MappingState.MOVED)], ("reset", "silent")),
    ],
)
def test_what_a_new_address_means_for_old_flows(
    path: list[tuple[Middlebox, MappingState]], meets: tuple[str, str]
) -> None:
    """From inside, a flow picked up again comes from an endpoint nobody beyond knows; from outside nobody is there."""
    assert expected(path) == meets
