"""What a server answers before it looks at the method (RFC 3261 §8.2): checks and responses."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lab.sip.fields import NameAddr
from lab.sip.message import MalformedMessage, Request, Response, parse
from lab.sip.registrar import Registrar
from lab.sip.subscription import Notifier
from lab.sip.transaction import client_key, server_key
from lab.sip.uas import RequestRefused, check, respond
from tests.unit.sip_requests import PEER, request, without


@pytest.mark.parametrize(
    ("message", "code", "headers"),
    [
        (request("INVITE"), 405, (("Allow", "OPTIONS, REGISTER, SUBSCRIBE"),)),
        (request("options"), 501, (("Allow", "OPTIONS, REGISTER, SUBSCRIBE"),)),
        (request("NEWMETHOD"), 501, (("Allow", "OPTIONS, REGISTER, SUBSCRIBE"),)),
        (request("OPTIONS", uri="tel:+1"), 416, ()),
        (request("OPTIONS", uri="nobody-knows:this"), 416, ()),
        (request("OPTIONS", Require="outbound, 100rel"), 420, (("Unsupported", "outbound, 100rel"),)),
        (Request(method="OPTIONS", uri="sip:x", version="SIP/7.0"), 505, ()),
        (request("BYE"), 481, ()),
        (request("CANCEL"), 481, ()),
    ],
)  # fmt: skip
def test_refused(message: Request, code: int, headers: tuple[tuple[str, str], ...]) -> None:
    """Each reason to refuse has its status and headers."""
    with pytest.raises(RequestRefused) as caught:
        check(message)
    assert (caught.value.code, caught.value.headers) == (code, headers)


@pytest.mark.parametrize(
    "message",
    [
        *(without(request("OPTIONS"), name) for name in ("From", "To", "Call-ID", "CSeq")),
        request("OPTIONS", CSeq="1 INVITE"),
        request("OPTIONS", CSeq="4294967296 OPTIONS"),
        request("BYE", CSeq="1 INVITE"),
        request("OPTIONS", Max_Forwards="300"),
        request("OPTIONS", Max_Forwards="x"),
        request("OPTIONS", Max_Forwards="-1"),
        request("OPTIONS", to="bob"),
        request("OPTIONS", From='"<sip:alice@example.com>;tag=a'),
        request("OPTIONS", Via="SIP/2.0/UDP 10.0.0.2;branch=z9hG4bK1, SIP/9.0/UDP x"),
        request("OPTIONS", uri="<sip:example.com>"),
        request("OPTIONS", uri="sip:a b@example.com"),
        request("OPTIONS", uri="example.com"),
        Request(method="OPTIONS", uri="sip:x", headers=(*request("OPTIONS").headers, ("CSeq", "2 OPTIONS"))),
    ],
)
def test_a_request_without_sense_is_malformed(message: Request) -> None:
    """Mandatory fields are there once, can be read and agree with each other."""
    with pytest.raises(MalformedMessage):
        check(message)


def test_extensions_that_are_supported_may_be_required() -> None:
    """Only the others are named in the refusal."""
    check(request("OPTIONS", Require="Outbound"), extensions=frozenset(("outbound",)))
    with pytest.raises(RequestRefused) as caught:
        check(request("OPTIONS", Require="outbound, 100rel"), extensions=frozenset(("outbound",)))
    assert caught.value.headers == (("Unsupported", "100rel"),)


def test_a_plain_request_passes() -> None:
    """What is refused above is refused for the reason given, not by chance."""
    check(request("OPTIONS"))
    check(request("OPTIONS", Max_Forwards="255"))
    check(request("OPTIONS", Max_Forwards="0"))
    check(without(request("OPTIONS", Supported="outbound, path", Proxy_Require="x"), "Contact"))


def test_a_response_answers_its_request() -> None:
    """Vias in order with the first one stamped, From, Call-ID and CSeq as they came, To with a tag (§8.2.6.2)."""
    message = request("OPTIONS", Via="SIP/2.0/UDP 10.0.0.2:5060;branch=z9hG4bK1;rport, SIP/2.0/TCP b")
    response = respond(message, 200, ("Allow", "x"), peer=PEER, tag="t1")
    assert response.headers == (
        ("Via", "SIP/2.0/UDP 10.0.0.2:5060;branch=z9hG4bK1;rport=40000;received=198.51.100.2"),
        ("Via", "SIP/2.0/TCP b"),
        ("From", "<sip:alice@example.com>;tag=a"),
        ("To", "<sip:bob@example.com>;tag=t1"),
        ("Call-ID", "c1"),
        ("CSeq", "1 OPTIONS"),
        ("Allow", "x"),
    )
    again = respond(request("OPTIONS", to="<sip:bob@example.com>;tag=old"), 481, peer=PEER, tag="t1")
    assert again.first("To") == "<sip:bob@example.com>;tag=old"


def test_a_malformed_request_is_answered_with_its_own_words() -> None:
    """Fields that cannot be read go back as they came."""
    response = respond(request("OPTIONS", to="??", Via="SIP/2.0/UDP"), 400, peer=PEER, tag="t1")
    assert (response.first("Via"), response.first("To")) == ("SIP/2.0/UDP", "??")


@given(st.binary(max_size=400) | st.sampled_from([request("SUBSCRIBE", Event="presence").encode()]), st.data())
def test_no_request_raises_anything_else(raw: bytes, data: st.DataObject) -> None:
    """Whatever arrives is answered, refused or malformed."""
    damaged = bytearray(raw)
    for _ in range(data.draw(st.integers(0, 4)) if damaged else 0):
        damaged[data.draw(st.integers(0, len(damaged) - 1))] = data.draw(st.integers(32, 126))
    notifier, registrar = Notifier(600.0), Registrar(300.0)
    with contextlib.suppress(MalformedMessage, RequestRefused):
        message = parse(bytes(damaged))
        if isinstance(message, Response):
            client_key(message)
            return
        parse(respond(message, 400, peer=PEER, tag="t1").encode())
        server_key(message)
        check(message)
        notifier.subscribe(message, now=0.0, flow="f1", tag="t1")
        registrar.register(message, now=0.0, flow="f1")


def test_to_tag_is_added_once() -> None:
    """An address keeps its other parameters."""
    assert str(NameAddr.parse("<sip:b@h>;x=1").with_tag("t")) == "<sip:b@h>;x=1;tag=t"
