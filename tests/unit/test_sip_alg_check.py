"""SIP that is rewritten on its way: where a request says it comes from, what the log shows, what the judge demands."""

from __future__ import annotations

from dataclasses import replace

import pytest

from lab.clients.pjsip import log_reader
from lab.judge import sip_alg_check
from lab.model.middlebox import Middlebox, SipAlg
from lab.model.scenario import Cell, Transport
from lab.record import events
from lab.record.events import MessageText, RequestSent, SipMessage
from lab.sip.claimed_source import ClaimedSource, claimed_source
from lab.sip.message import Request, parse
from tests.records import CLIENT, OUTSIDE, SERVER, Line, evidence, say
from tests.records import cell as any_cell

HEAD = (
    "SUBSCRIBE sip:bob@203.0.113.10 SIP/2.0\r\n"
    "Via: SIP/2.0/TCP 10.0.0.2:59337;rport;branch=z9hG4bKPj2;alias\r\n"
    "Contact: <sip:alice@10.0.0.2:59337;transport=TCP;ob>\r\n"
    "Call-ID: Bzp6\r\nCSeq: 7977 SUBSCRIBE\r\nContent-Length:  0\r\n"
)
LOGGED = (
    "          pjsua_core.c  .....TX 636 bytes Request msg SUBSCRIBE/cseq=7977 (tdta0x1) to TCP 203.0.113.10:5060:\n"
    f"{HEAD}\r\n\n--end msg--\n"
)
PRIVATE, PUBLIC = "10.0.0.2:59337", "203.0.113.1:59337"


def request(head: str = HEAD) -> Request:
    message = parse(f"{head}\r\n".encode())
    assert isinstance(message, Request)
    return message


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("Via: SIP/2.0/TCP 10.0.0.2:59337;", ClaimedSource(via=PRIVATE, contact=PRIVATE)),
        ("Via: SIP/2.0/TCP 10.0.0.2;", ClaimedSource(via="10.0.0.2", contact=PRIVATE)),
        ("Via: SIP 10.0.0.2:59337;", ClaimedSource(via=None, contact=PRIVATE)),
    ],
)
def test_sender(written: str, meant: ClaimedSource) -> None:
    """Host and port as written; nothing where it cannot be read."""
    assert claimed_source(request(HEAD.replace("Via: SIP/2.0/TCP 10.0.0.2:59337;", written))) == meant


@pytest.mark.parametrize("contact", ["", "Contact: *\r\n", "Contact: <tel:1>\r\n"])
def test_sender_without_a_contact(contact: str) -> None:
    """A request need not have one, nor one with a host."""
    head = "".join(line for line in HEAD.splitlines(keepends=True) if not line.startswith("Contact")) + contact
    assert claimed_source(request(head)).contact is None


def test_the_log_shows_what_leaves() -> None:
    """Of the log's entries those that show a request being sent, with its name and its addresses."""
    sent = RequestSent(method="SUBSCRIBE", call_id="Bzp6", cseq=7977, via=PRIVATE, contact=PRIVATE)
    shown = log_reader.message(LOGGED)
    assert shown == SipMessage(way="sent", text=MessageText(f"{HEAD}\r\n"))
    assert log_reader.request_sent(shown) == sent


@pytest.mark.parametrize(
    ("shown", "instead"),
    [
        ("TX 636", "RX 636"),
        ("SUBSCRIBE sip:bob@203.0.113.10 SIP/2.0", "SIP/2.0 200 OK"),
        ("CSeq: 7977 ", "CSeq: "),
        ("\r\nContent-Length:  0\r\n\r\n\n--end msg--\n", ""),
    ],
)
def test_the_log_shows_other_things(shown: str, instead: str) -> None:
    """What came in, responses, and what was cut off are no requests sent."""
    assert shown in LOGGED
    message = log_reader.message(LOGGED.replace(shown, instead))
    assert message is not None
    assert message.cut == (not instead)
    assert log_reader.request_sent(message) is None


def test_the_log_shows_no_message() -> None:
    """Most entries are others."""
    assert log_reader.message("pjsua_core.c  .PJSUA state changed: CREATED --> INIT\n") is None


def cell(transport: Transport, *algs: SipAlg) -> Cell:
    return replace(any_cell(), transport=transport, middleboxes=(("home-nat", Middlebox(name="box", sip_alg=algs)),))


def sent(via: str, contact: str | None = None, cseq: int = 1) -> Line:
    event = RequestSent(method="REGISTER", call_id="c1", cseq=cseq, via=via, contact=contact or via)
    return say(-1.0, CLIENT, event)


def came(via: str, contact: str | None = None, cseq: int = 1) -> Line:
    event = events.Request(
        method="REGISTER", flow="f1", peer=OUTSIDE, call_id="c1", cseq=cseq, via=via, contact=contact or via
    )
    return say(-1.0, SERVER, event)


def doubt(subject: Cell, *lines: Line) -> str:
    return sip_alg_check.why_inconclusive(evidence(subject, *lines))


@pytest.mark.parametrize("transport", [Transport.UDP, Transport.TCP])
def test_an_alg_that_rewrote_something(transport: Transport) -> None:
    """One request of several is enough: a long one passes as it was."""
    alg = SipAlg(transport.value)
    lines = [sent(PRIVATE), came(PUBLIC), sent(PRIVATE, cseq=2), came(PRIVATE, cseq=2)]
    assert doubt(cell(transport, alg), *lines) == ""


@pytest.mark.parametrize("lines", [[sent(PRIVATE), came(PRIVATE)], [sent(PUBLIC), came(PUBLIC)]])
def test_an_alg_without_effect(lines: list[Line]) -> None:
    """A public Contact proves nothing by itself: pjsip writes one too, once it has learnt its address."""
    why = "middlebox home-nat has a SIP ALG for udp, and no request came out changed"
    assert doubt(cell(Transport.UDP, SipAlg.UDP), *lines) == why


@pytest.mark.parametrize(
    ("transport", "alg"), [(Transport.UDP, SipAlg.TCP), (Transport.TCP, SipAlg.UDP), (Transport.TLS, SipAlg.TCP)]
)
def test_what_no_alg_reads(transport: Transport, alg: SipAlg) -> None:
    """An ALG for another transport need not show itself; what changed without one is not what the scenario says."""
    assert doubt(cell(transport, alg), sent(PRIVATE), came(PRIVATE)) == ""
    why = f"no middlebox has a SIP ALG for {transport.value}, and REGISTER came out changed"
    assert doubt(cell(transport, alg), sent(PRIVATE), came(PRIVATE, PUBLIC)) == why


def test_sent_again_with_another_address() -> None:
    """A request that was not answered may leave again as from elsewhere; each is itself."""
    lines = [sent(PRIVATE), sent(PUBLIC), came(PUBLIC)]
    assert doubt(cell(Transport.UDP), *lines) == ""


@pytest.mark.parametrize(("via", "rewritten"), [(PUBLIC, True), (PRIVATE, False)])
def test_a_client_that_does_not_say_what_it_sent(via: str, rewritten: bool) -> None:
    """Its first request, which it sent as from its own address, tells; later ones do not."""
    lines = [came(via), came(PUBLIC, cseq=2)]
    assert (doubt(cell(Transport.UDP, SipAlg.UDP), *lines) == "") is rewritten
    assert (doubt(cell(Transport.UDP), *lines) == "") is not rewritten
