"""The ladder of a cell's page: which messages were lost, which are sent again, and what the transport did."""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

import pytest

from lab.model.endpoint import Endpoint
from lab.model.impairment import Impairment
from lab.model.middlebox import SipAlg
from lab.model.scenario import Cell
from lab.record.events import MessageText, ServerSipMessage, SipMessage
from lab.timeline.ladder import messages
from lab.timeline.shapes import Message
from lab.units import Seconds
from tests.records import (
    BOX,
    CLIENT,
    CONNECTED,
    END,
    MAPPED,
    OUTSIDE,
    SERVER,
    Line,
    cell,
    changed,
    evidence,
    of_flow,
    on_the_wire,
    say,
    server_flow,
)

Way = Literal["sent", "received"]


def sip(
    first: str, *, cseq: str = "1 SUBSCRIBE", branch: str = "z9hG4bKa", host: str = "10.0.0.2:40001"
) -> MessageText:
    return MessageText(
        f"{first}\r\nv: SIP/2.0/TLS {host};rport;branch={branch};alias\r\nCall-ID: c1\r\nCSeq:  {cseq}\r\n\r\n"
    )


SUBSCRIBE, OK = sip("SUBSCRIBE sip:bob@x SIP/2.0"), sip("SIP/2.0 200 OK")
NOTIFY = sip("NOTIFY sip:alice@x SIP/2.0", cseq="2 NOTIFY", branch="z9hG4bKb", host="203.0.113.10:5061")


def client(t: float, way: Way, text: MessageText) -> Line:
    return say(t, CLIENT, SipMessage(way=way, text=text))


def server(t: float, way: Way, text: MessageText, flow: str = "f1") -> Line:
    return say(t, SERVER, ServerSipMessage(way=way, flow=flow, text=text))


SET_UP = [
    changed(MAPPED, t=-0.5),
    server_flow(-0.4, "accepted"),
    client(-0.3, "sent", SUBSCRIBE),
    server(-0.29, "received", SUBSCRIBE),
    server(-0.28, "sent", OK),
    client(-0.27, "received", OK),
]


def ladder(*entries: Line, subject: Cell | None = None) -> tuple[Message, ...]:
    return messages(evidence(subject or cell(), *entries))


def test_a_message_and_its_answer() -> None:
    """With both times, the server's name for the flow, and the fields that identify it."""
    request, answer = ladder(*SET_UP, END)
    assert (request.from_, request.to, request.at_s, request.arrived_s) == (CLIENT, SERVER, -0.3, -0.29)
    assert (request.first, request.cseq, request.call_id) == ("SUBSCRIBE sip:bob@x SIP/2.0", "1 SUBSCRIBE", "c1")
    assert request.text == SUBSCRIBE.replace("\r\n", "\n")
    assert (answer.from_, answer.first, answer.flow, answer.lost) == (SERVER, "SIP/2.0 200 OK", "f1", False)
    assert request.evidence == (3, 4)


def test_a_message_that_is_lost_and_sent_again() -> None:
    """Three are sent, the last one arrives: two are lost, and two repeat the first."""
    sent = [server(t, "sent", NOTIFY) for t in (10.0, 10.5, 11.5)]
    *_, first, second, third = ladder(*SET_UP, *sent, client(11.6, "received", NOTIFY), END)
    assert [one.lost for one in (first, second, third)] == [True, True, False]
    assert [one.repeats for one in (first, second, third)] == [None, 2, 2]
    assert (first.arrived_s, third.arrived_s) == (None, 11.6)


def test_a_request_that_the_server_never_saw() -> None:
    """It has the flow of the address in its Via; an answer that it never saw, that of its request."""
    lost = sip("OPTIONS sip:x SIP/2.0", cseq="3 OPTIONS", branch="z9hG4bKc")
    elsewhere = sip("OPTIONS sip:x SIP/2.0", cseq="4 OPTIONS", branch="z9hG4bKd", host="10.0.0.2:49999")
    answer = sip("SIP/2.0 200 OK", cseq="2 NOTIFY", branch="z9hG4bKb", host="203.0.113.10:5061")
    told = ladder(
        *SET_UP,
        server(10.0, "sent", NOTIFY),
        client(10.1, "received", NOTIFY),
        client(10.2, "sent", answer),
        client(20.0, "sent", lost),
        client(25.0, "sent", MessageText(lost.replace("10.0.0.2:40001", str(OUTSIDE)).replace("3 OPT", "5 OPT"))),
        client(30.0, "sent", elsewhere),
        END,
    )
    assert [(one.cseq, one.flow, one.lost) for one in told[2:]] == [
        ("2 NOTIFY", "f1", False),
        ("2 NOTIFY", "f1", True),
        ("3 OPTIONS", "f1", True),
        ("5 OPTIONS", "f1", True),
        ("4 OPTIONS", None, True),
    ]


def test_an_end_that_tells_of_no_messages() -> None:
    """Nobody knows whether they arrived there; what it sent is known by its arrival."""
    entries = [entry for entry in SET_UP if entry.who != CLIENT]
    request, answer = ladder(*entries, END)
    assert (request.lost, request.at_s, request.arrived_s) == (False, -0.29, -0.29)
    assert (answer.lost, answer.arrived_s) == (None, None)


def test_a_message_on_its_way_when_the_record_ends() -> None:
    *_, last = ladder(*SET_UP, server(109.99, "sent", NOTIFY), END)
    assert last.lost is None


def test_a_long_way() -> None:
    """With a second of delay, what arrives is not what was sent half a second ago."""
    slow = Impairment(from_=SERVER, to=BOX, one_way_delay=Seconds(1))
    sent = [server(t, "sent", NOTIFY) for t in (10.0, 10.5)]
    *_, first, second = ladder(
        *SET_UP, *sent, client(11.0, "received", NOTIFY), END, subject=replace(cell(), impairments=(slow,))
    )
    assert (first.arrived_s, second.arrived_s) == (11.0, None)


def test_what_a_sip_alg_changed_is_shown() -> None:
    changed_on_the_way = sip("SUBSCRIBE sip:bob@x SIP/2.0", host="203.0.113.1:40001")
    (request,) = ladder(client(1.0, "sent", SUBSCRIBE), server(1.0, "received", changed_on_the_way), END)
    assert "203.0.113.1" in request.arrived_text
    assert "203.0.113.1" not in request.text


def test_a_message_of_which_one_end_has_kept_the_beginning_has_not_changed() -> None:
    beginning = say(1.0, CLIENT, SipMessage(way="sent", text=MessageText(SUBSCRIBE[:120]), cut=True))
    (request,) = ladder(beginning, server(1.0, "received", SUBSCRIBE), END)
    assert (request.lost, request.arrived_text) == (False, "")


def test_hostile_text() -> None:
    """No control character gets through, and no key is missing where there is no header at all."""
    (one,) = ladder(client(1.0, "sent", MessageText("\x1b[31m\u202e\r\nCall-ID: \x00\r\n\r\n<script>")), END)
    assert (one.first, one.cseq) == ("\\x1b[31m\\u202e", "")
    assert one.call_id == "\\x00"
    assert "\x1b" not in one.text


# Below SIP


def both(t: float, end: Literal["client", "server"], **fields: object) -> list[Line]:
    """A segment that passes both links."""
    return [of_flow(t, link, end, **fields) for link in ("lan", "core")]


CONNECTION = [MAPPED, server_flow(-0.4, "accepted"), server_flow(-0.2, "secured"), changed(CONNECTED, t=-0.2)]


def stream(*segments: Line) -> list[tuple[str, str, str, bool | None]]:
    """What the ladder shows of a TLS connection."""
    return [(one.kind, one.from_, one.first, one.lost) for one in ladder(*CONNECTION, *segments, END)]


def test_the_life_of_a_connection() -> None:
    """Handshakes of TCP and TLS, pings by their size within TLS, SIP by others, farewells."""
    assert stream(
        *both(-0.5, "client", flags="S", seq=0, payload=0),
        *both(-0.45, "server", flags="SA", seq=0, payload=0),
        *both(-0.44, "client", flags="A", seq=1, payload=0),
        *both(-0.4, "client", seq=1, payload=200),
        *both(-0.3, "server", seq=1, payload=700),
        *both(5.0, "client", seq=201, payload=600),
        *both(30.0, "client", seq=801, payload=26),
        *both(30.0, "server", seq=701, payload=24),
        *both(33.0, "client", seq=827, payload=24),
        *both(33.01, "client", flags="FA", seq=851, payload=0),
    ) == [
        ("tcp", CLIENT, "SYN", False),
        ("tcp", SERVER, "SYN, ACK", False),
        ("tls", CLIENT, "TLS handshake, 200 bytes", False),
        ("tls", SERVER, "TLS handshake, 700 bytes", False),
        ("keep-alive", CLIENT, "CRLF ping", False),
        ("keep-alive", SERVER, "CRLF pong", False),
        ("tls", CLIENT, "TLS close_notify", False),
        ("tcp", CLIENT, "FIN", False),
    ]


def test_segments_that_are_lost() -> None:
    """Only the first link saw them; the later ones are retransmissions, and say so."""
    lost = [of_flow(t, "lan", "client", seq=1, payload=600) for t in (50.0, 50.2, 50.6)]
    probes = [of_flow(t, "lan", "client", flags="A", seq=600, payload=0) for t in (80.0, 90.0)]
    message = client(49.999, "sent", SUBSCRIBE)
    *_, second, third, _, _ = ladder(*CONNECTION, message, server(-1, "received", OK), *lost, *probes, END)
    assert [each.repeats for each in (second, third)] == [1, 1]
    assert stream(*lost, *probes) == [
        ("tcp", CLIENT, "TCP retransmission, 600 bytes", True),
        ("tcp", CLIENT, "TCP retransmission, 600 bytes", True),
        ("keep-alive", CLIENT, "TCP keep-alive", True),
        ("keep-alive", CLIENT, "TCP keep-alive", True),
    ]


def test_a_ping_right_after_a_message_repeats_nothing() -> None:
    ping = both(50.0, "client", seq=1, payload=26)
    *_, last = ladder(*CONNECTION, client(49.99, "sent", SUBSCRIBE), server(50.0, "received", SUBSCRIBE), *ping, END)
    assert (last.first, last.repeats) == ("CRLF ping", None)


def test_sequence_numbers_begin_anew_at_zero() -> None:
    """A segment after the largest number is not one from before it."""
    around = [*both(1.0, "client", seq=2**32 - 100, payload=200), *both(2.0, "client", seq=100, payload=300)]
    assert stream(*around) == []


def test_a_forged_segment_comes_from_who_made_it() -> None:
    assert stream(*both(1.0, "client", seq=1, payload=300), on_the_wire(50.0)) == [("tcp", BOX, "RST", False)]


def test_nobody_knows_what_passed_a_sip_alg() -> None:
    """It changes lengths and sequence numbers, so that a segment cannot be told at the other end."""
    ((node, box),) = cell().middleboxes
    subject = replace(cell(), middleboxes=((node, replace(box, sip_alg=(SipAlg.TCP,))),))
    (syn,) = ladder(*both(1.0, "client", flags="S", seq=0, payload=0), subject=subject)
    assert (syn.first, syn.lost) == ("SYN", None)


@pytest.mark.parametrize(("size", "shown"), [(2, 1), (4, 1), (5, 0)])
def test_keep_alives_over_udp(size: int, shown: int) -> None:
    pings = both(10.0, "client", proto="udp", flags="", seq=None, payload=size)
    told = ladder(*pings, END)
    assert [(one.kind, one.first, one.lost) for one in told] == [("keep-alive", "CRLF keep-alive", False)] * shown


def test_the_labs_own_flows_and_questions_for_names_are_no_steps() -> None:
    for port in (5099, 53):
        remote = Endpoint("203.0.113.10", port)
        own = [changed(each, dst=remote) for each in both(1.0, "client", flags="S", seq=0, payload=0)]
        assert ladder(*own, END) == ()
