"""A fault that keeps the client from a new flow, in the place of one that had ended, is a suspect."""

from __future__ import annotations

import pytest

from lab.faults._links import LinkRules
from lab.faults.base import Fault
from lab.faults.dns_failure import DnsFailure, NoAnswer
from lab.faults.expired_certificate import ExpiredCertificate
from lab.faults.link_down import LinkDown
from lab.judge import causes
from lab.model.endpoint import Endpoint
from lab.record.events import Packet, Query
from lab.units import Seconds
from tests.lost_probes import AT, ITS_PEER, SECOND, second_flow
from tests.records import (
    CLIENT,
    CONNECTED,
    END,
    INSIDE,
    MAPPED,
    REMOTE,
    SERVER,
    SUBSCRIPTION,
    Line,
    attempt,
    begins,
    changed,
    evidence,
    flow_set_up,
    idle_timer,
    packet,
    say,
    server_flow,
    with_fault,
)

DOWN = LinkDown(at=AT, lasts=Seconds(20), link="lan")
IS_DOWN = begins(DOWN, LinkRules(link="lan", rules=2, lasts=20.0), until=70.0)
NO_NAME = DnsFailure(at=AT, how=NoAnswer.SILENT, lasts=Seconds(20))
NO_NAMES = begins(NO_NAME, DnsFailure.Proof(met="silent"), until=70.0)
ENDED = [idle_timer(33.0), server_flow(33.01, "closed", "closed by the client")]
LOST = [attempt(100.0, "failed", reason="flow-gone")]
DNS = Endpoint("203.0.113.10", 53)


def syn(t: float, *, link: str = "lan") -> Line:
    """The first packet of the client's next connection."""
    source = SECOND if link == "lan" else ITS_PEER
    return packet(t, link, CLIENT, source, REMOTE, size=60, payload=0, flags="S")


def asked_for_a_name(t: float) -> Line:
    """A question to the name server, on the client's link."""
    query = Packet(link="lan", from_=CLIENT, proto="udp", src=SECOND, dst=DNS, bytes=60, payload=32)
    return say(t, CLIENT, query)


def answered_with(t: float, answer: str) -> Line:
    """What the name server did with a question of the client's."""
    query = Query(name="pbx.example", type="A", answer=answer, peer=Endpoint("203.0.113.1", 40002))
    return say(t, SERVER, query)


def suspects(fault: Fault, *lines: Line) -> list[tuple[str, float | None]]:
    """The causes of the lost probe that are possible, the best guess first."""
    shown = evidence(with_fault(fault), *flow_set_up(), *lines, *LOST, END)
    found = causes.find(shown, shown.probes[0])
    return [(each.cause.kind.name, each.cause.at_s) for each in found]


IDLE = ("client-idle-timer", 33.0)


@pytest.mark.parametrize("first", [syn(55.0), asked_for_a_name(55.0)], ids=["of-the-connection", "of-the-question"])
def test_a_link_that_ate_the_first_packet(first: Line) -> None:
    """Without it there would have been a new connection, so it goes before what ended the old one; both are tried."""
    assert suspects(DOWN, *ENDED, *IS_DOWN, first) == [("link-down", 50.0), IDLE]


def test_whose_words_say_so() -> None:
    """The reader learns when the client asked."""
    shown = evidence(with_fault(DOWN), *flow_set_up(), *ENDED, *IS_DOWN, syn(55.0), *LOST, END)
    cause = causes.find(shown, shown.probes[0])[0].cause
    assert cause.text == "link lan went down at 50.0 s, and the client asked for a new connection in vain at 55.0 s"
    assert len(cause.evidence) == 2


@pytest.mark.parametrize(
    ("what", "lines"),
    [
        ("the old connection lives", [*IS_DOWN, syn(55.0)]),
        ("it came when the link was up again", [*ENDED, *IS_DOWN, syn(75.0)]),
        ("it went another way", [*ENDED, *IS_DOWN, syn(55.0, link="core")]),
        ("it was to somebody else", [*ENDED, *IS_DOWN, changed(syn(55.0), dst=Endpoint("203.0.113.10", 5099))]),
    ],
)
def test_no_new_connection_was_lost(what: str, lines: list[Line]) -> None:
    """Then the link is no suspect."""
    assert ("link-down", 50.0) not in suspects(DOWN, *lines), what


def test_a_late_packet_of_the_old_connection() -> None:
    """It asks for nothing new, so what ended that connection stays the best guess."""
    assert suspects(DOWN, *ENDED, *IS_DOWN, changed(syn(55.0), src=INSIDE))[0] == IDLE


def test_an_attempt_that_was_made_good() -> None:
    """The client was granted its subscription on a later connection, and lost that one as well."""
    again = [*second_flow(75.0), changed(SUBSCRIPTION, t=75.1, id="s2", flow="f2")]
    over = changed(CONNECTED, t=90.0, id="tp2", local=SECOND, state="destroyed", reason="idle-timer")
    lines = [*ENDED, *IS_DOWN, syn(55.0), *again, over, changed(LOST[0], flow="f2", peer=ITS_PEER)]
    shown = evidence(with_fault(DOWN), *flow_set_up(), *lines, END)
    found = causes.find(shown, shown.probes[0])
    assert [(each.cause.kind.name, each.cause.at_s) for each in found] == [("client-idle-timer", 90.0)]


def test_a_name_and_a_certificate() -> None:
    """What a client is refused when it wants a new connection goes before what ended the old one, too."""
    asked = suspects(NO_NAME, *ENDED, *NO_NAMES, answered_with(55.0, "silent"))
    assert asked == [("name-not-resolved", 50.0), IDLE]
    expired = ExpiredCertificate(at=AT, lasts=Seconds(20))
    refused = changed(
        CONNECTED, t=55.0, id="tp2", local=SECOND, state="disconnected", reason="the certificate has expired"
    )
    proof = begins(expired, ExpiredCertificate.Proof(met="expired"), until=70.0)
    assert suspects(expired, *ENDED, *proof, refused) == [("server-certificate-expired", 50.0), IDLE]


def test_a_mapping_that_was_lost_before() -> None:
    """The client had noticed, and asked for a new connection: what lost the mapping is the second guess."""
    forgot = changed(MAPPED, t=30.0, state="destroyed", tcp_state="ESTABLISHED")
    ended = [forgot, changed(CONNECTED, t=40.0, state="disconnected", reason="timeout")]
    kinds = [kind for kind, _ in suspects(DOWN, *ended, *IS_DOWN, syn(55.0))]
    assert kinds == ["link-down", "middlebox-forgot-flow"]


def test_udp_has_no_connection_to_end() -> None:
    """A UDP client goes on from the same endpoint."""
    lines = [*flow_set_up(), *IS_DOWN, changed(syn(55.0), proto="udp", flags="", seq=None), *LOST, END]
    udp = [changed(line, transport="udp") if line.event.__class__.__name__ == "ServerFlow" else line for line in lines]
    shown = evidence(with_fault(DOWN), *udp)
    assert [each.cause.kind.name for each in causes.find(shown, shown.probes[0])] == ["unknown"]
