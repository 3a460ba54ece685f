"""Faults of every kind, the lines in which a record proves them, and what the judge makes of such a record."""

from __future__ import annotations

from typing import Any

import msgspec

from lab.faults.base import Fault
from lab.faults.black_hole import BlackHole
from lab.faults.client_move import ClientMove
from lab.faults.dns_change import DnsChange, OldAddress
from lab.faults.dns_failure import DnsFailure, NoAnswer
from lab.faults.evict_flow import EvictFlow
from lab.faults.expired_certificate import ExpiredCertificate
from lab.faults.forged_segment import End, ForgedSegment, SentSegment
from lab.faults.link_down import LinkDown
from lab.faults.mtu_black_hole import MtuBlackHole
from lab.faults.reboot import Reboot
from lab.faults.revoked_client_certificate import RevokedClientCertificate
from lab.faults.server_close import ServerClose
from lab.faults.server_freeze import ServerFreeze
from lab.faults.server_mute import ServerMute
from lab.faults.server_restart import ServerRestart
from lab.faults.server_slow import ServerSlow
from lab.model.endpoint import Endpoint
from lab.model.outcome import Outcome
from lab.model.when import When
from lab.record.events import Held, Ignored, Query, ResponseSent, SentinelState, Unanswered
from lab.units import Seconds
from tests.records import (
    CLIENT,
    CONNECTED,
    END,
    MOVED,
    SERVER,
    SUBSCRIPTION,
    Line,
    as_long,
    begins,
    changed,
    flow_set_up,
    judged,
    of_flow,
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


def outcome_with(fault: Fault, *lines: Line, met: SentinelState, answered: bool = False) -> Outcome:
    story = [*flow_set_up(), *sentinel(met), *probe(1, 100, answered=answered), *lines, END]
    return judged(with_fault(as_long(fault, lines)), *story)
