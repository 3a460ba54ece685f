"""Each message of RFC 4475 gets what is right, as a datagram and on a stream."""

from __future__ import annotations

import pytest

from lab.sip.fields import NameAddr, parse_cseq, split
from lab.sip.message import MalformedMessage, Request, Response, parse
from lab.sip.stream import KeepAlive, StreamParser
from lab.sip.uas import RequestRefused, check, respond
from tests.torture import MESSAGES, VALID, Torture

PEER = ("192.0.2.1", 5060)
NEXT = b"OPTIONS sip:next@example.com SIP/2.0\r\nCall-ID: next\r\nl: 0\r\n\r\n"


def status(message: Request | Response | MalformedMessage) -> int:
    """The status that the server answers with; 0: it answers nothing."""
    if isinstance(message, MalformedMessage):
        if message.request is None or not message.request.first("Via"):
            return 0
        return respond(message.request, message.code, peer=PEER, tag="t").code
    if isinstance(message, Response):
        return 0
    try:
        check(message)
        if message.method == "REGISTER":
            for line in message.all("Contact"):
                for value in split(line, ","):
                    NameAddr.parse(value)
    except MalformedMessage as error:
        return error.code
    except RequestRefused as refusal:
        return respond(message, refusal.code, *refusal.headers, peer=PEER, tag="t").code
    return 200


def read(data: bytes) -> Request | Response | MalformedMessage:
    try:
        return parse(data)
    except MalformedMessage as error:
        return error


@pytest.mark.parametrize("name", MESSAGES)
def test_as_a_datagram(name: str) -> None:
    """Answered with a status that is right; what is valid is understood."""
    torture = MESSAGES[name]
    message = read(torture.data())
    assert status(message) in torture.right, message
    if name in VALID:
        assert not isinstance(message, MalformedMessage)


@pytest.mark.parametrize("size", [1, 10_000])
@pytest.mark.parametrize("name", MESSAGES)
def test_on_a_stream(name: str, size: int) -> None:
    """The same, however it is cut; and what follows is read, but where nobody can know where that begins."""
    torture = MESSAGES[name]
    parser = StreamParser()
    data = torture.data() + NEXT
    items = [item for at in range(0, len(data), size) for item in parser.feed(data[at : at + size])]
    messages = [item for item in items if not isinstance(item, KeepAlive)]
    if name == "clerr":  # whose body may still come
        assert messages == []
        return
    assert status(messages[0]) in torture.right, messages[0]
    assert parser.lost is not torture.ends
    if torture.ends:
        last = messages[-1]
        assert isinstance(last, Request)
        assert last.first("Call-ID") == "next"


def test_what_they_say() -> None:
    """Texts are kept as they were written: folded lines, reasons, quoted characters, bodies."""
    found = {name: read(torture.data()) for name, torture in VALID.items()}
    wsinv, intmeth, unreason, noreason, mpart, dbl = (
        found[name] for name in ("wsinv", "intmeth", "unreason", "noreason", "mpart01", "dblreq")
    )
    assert isinstance(wsinv, Request)
    assert NameAddr.parse(wsinv.first("From") or "").tag == "98asjd8"
    assert parse_cseq(wsinv.first("CSeq") or "") == (9, "INVITE")
    assert isinstance(intmeth, Request)
    assert '"BEL:\\\x07 NUL:\\\x00 DEL:\\\x7f"' in (intmeth.first("To") or "")
    assert isinstance(unreason, Response)
    assert (unreason.code, unreason.reason) == (200, "= 2**3 * 5**2 но сто девяносто девять - простое")
    assert isinstance(noreason, Response)
    assert (noreason.code, noreason.reason) == (100, "")
    assert isinstance(mpart, Request)
    assert mpart.body == VALID["mpart01"].body
    assert isinstance(dbl, Request)
    assert (dbl.method, dbl.body) == ("REGISTER", b"")


def test_numbers_that_are_too_large_are_none() -> None:
    scalar = read(MESSAGES["scalarlg"].data())
    assert isinstance(scalar, Response)
    with pytest.raises(MalformedMessage):
        parse_cseq(scalar.first("CSeq") or "")


@pytest.mark.parametrize("control", ["\r", "\n", "\x00", "\x1b"])
def test_control_characters_elsewhere_are_refused(control: str) -> None:
    """Only a quoted one may be there (RFC 3261 §25.1, quoted-pair), and never one that ends a line."""
    torture = Torture(section="", head=f"OPTIONS sip:a SIP/2.0\nVia: x\nSubject: a{control}b", right=())
    assert isinstance(read(torture.data()), MalformedMessage)
    quoted = Torture(section="", head=f'OPTIONS sip:a SIP/2.0\nVia: x\nSubject: "\\{control}"', right=())
    assert isinstance(read(quoted.data()), MalformedMessage) is (control in "\r\n")
