"""Kamailio and plain phones, in a network namespace of its own: what it answers, refuses and ends."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from lab.network import netns
from lab.servers.kamailio import actor, child
from lab.sip.message import Request, Response
from tests.contract.pjsip_testbed import ADDRESS, Actor, ActorTestbed
from tests.contract.sip_phone import Phone

pytestmark = [
    pytest.mark.kernel,
    pytest.mark.skipif(child.program() is None, reason=f"needs `apt-get install {' '.join(child.PACKAGES)}`"),
]

PORTS = {"udp": 5060, "tcp": 5060, "tls": 5061}
STARTS_WITHIN_S = 60.0
"""Less than a second on an idle machine."""

Serve = Callable[..., Actor]
Dial = Callable[[], Phone]


@pytest.fixture
def serve(testbed_apart: ActorTestbed) -> Serve:
    """Start Kamailio; it is ready when this returns."""

    def start(**settings: Any) -> Actor:
        usual = {"subscription_expires": 600.0, "registration_expires": 300.0, "notify_route": "flow", "seed": 1}
        server = testbed_apart._actor(actor.main)
        server.tell(
            "start",
            folder=str(testbed_apart.folder),
            address=ADDRESS,
            ports=PORTS,
            answers_crlf=True,
            certificate=str(testbed_apart.certificate.certificate),
            key=str(testbed_apart.certificate.key),
            **(usual | settings),
        )
        server.expect("server-ready", within=STARTS_WITHIN_S)
        return server

    return start


@pytest.fixture
def dial(testbed_apart: ActorTestbed) -> Iterator[Dial]:
    """Make phones over UDP."""
    with contextlib.ExitStack() as stack:

        def run() -> Phone:
            assert testbed_apart.namespace is not None
            with netns.entered(testbed_apart.namespace):
                phone = Phone("udp", PORTS["udp"], Path(), server=ADDRESS)
            stack.callback(phone.sock.close)
            return phone

        yield run


def register(phone: Phone, **more: str) -> Response:
    return phone.ask("REGISTER", To="<sip:alice@example.com>", Expires="60", **more)


def bind(server: Actor, phone: Phone) -> None:
    """Register, and wait until the lab knows of it."""
    assert register(phone).code == 200
    server.expect("binding", state="active")


def asked(phone: Phone, method: str) -> Request:
    """The next request, which must be this one; those that came again are passed over."""
    while True:
        item = phone.receive()
        if isinstance(item, Request) and item.method == method:
            return item


def accept(phone: Phone, invite: Request, tag: str) -> None:
    copied = tuple((name, value) for name in ("Via", "From", "Call-ID", "CSeq") for value in invite.all(name))
    own = (("To", f"{invite.first('To')};tag={tag}"), ("Contact", f"<{phone.uri}>"))
    phone.send(Response(code=200, reason="OK", headers=(*copied, *own)))


def cseq(request: Request, method: str) -> str:
    return f"{(request.first('CSeq') or '').split()[0]} {method}"


def tagged(request: Request) -> str:
    return (request.first("To") or "").partition(";tag=")[2]


def test_two_accept_the_same_call(serve: Serve, dial: Dial) -> None:
    """Each is acknowledged; the first has the call, the other gets a BYE of its own (RFC 3261 §13.2.2.4)."""
    server = serve()
    phones = [dial(), dial()]
    for phone in phones:
        bind(server, phone)
    server.tell("invite", probe="p1", within=10.0, hold=1.0)
    invites = [asked(phone, "INVITE") for phone in phones]
    for phone, invite, tag in zip(phones, invites, "ab", strict=True):
        accept(phone, invite, tag)
    for phone, tag in zip(phones, "ab", strict=True):
        ack = asked(phone, "ACK")
        assert (tagged(ack), ack.first("CSeq")) == (tag, cseq(invites[0], "ACK"))
    winner = server.expect("probe", state="talking")["peer"]
    first, other = sorted(phones, key=lambda phone: phone.peer != winner)
    bye = asked(other, "BYE")
    assert (tagged(bye), bye.first("From")) == ("ab"[phones.index(other)], invites[0].first("From"))
    other.answer(bye)
    last = asked(first, "BYE")
    assert tagged(last) == "ab"[phones.index(first)]
    first.answer(last)
    assert server.expect("probe", state="answered")["peer"] == winner


def test_who_still_rings_is_cancelled(serve: Serve, dial: Dial) -> None:
    """CANCEL has the branch of that phone's INVITE (RFC 3261 §9.1); its 487 ends the branch."""
    server = serve()
    phones = [dial(), dial()]
    for phone in phones:
        bind(server, phone)
    server.tell("invite", probe="p1", within=10.0, hold=0.2)
    ringing, accepting = phones
    first, second = (asked(phone, "INVITE") for phone in phones)
    ringing.answer(first, 180)
    server.expect("probe", state="ringing")
    accept(accepting, second, "b")
    cancel = asked(ringing, "CANCEL")
    same = ("Via", "From", "To", "Call-ID")
    assert [cancel.first(name) for name in same] == [first.first(name) for name in same]
    assert cancel.first("CSeq") == cseq(first, "CANCEL")
    ringing.answer(cancel)
    ringing.answer(first, 487)
    assert asked(ringing, "ACK").first("CSeq") == cseq(first, "ACK")
    assert server.expect("probe-branch", state="answered", code=487)["state"] == "answered"
    accepting.answer(asked(accepting, "BYE"))
    server.expect("probe", state="answered")


def test_a_contact_too_many_is_told(serve: Serve, dial: Dial) -> None:
    """The registrar's own refusal is in the record, too."""
    server = serve(at_most=1)
    assert register(dial()).code == 200
    assert server.expect("response-sent", method="REGISTER")["code"] == 200
    assert register(dial()).code == 503
    assert server.expect("response-sent", method="REGISTER")["code"] == 503


def test_too_short_an_expiry_is_told(serve: Serve, dial: Dial) -> None:
    server = serve(least_expires=100.0)
    refused = register(dial())
    assert (refused.code, refused.first("Min-Expires")) == (423, "100")
    assert server.expect("response-sent", method="REGISTER")["code"] == 423


def test_it_refuses_for_a_while(serve: Serve, dial: Dial) -> None:
    """One method, with Retry-After if wanted; a restart does not end it."""
    server = serve()
    phone = dial()
    server.tell("refuse", method="REGISTER", code=503, retry_after=120)
    assert server.expect("obeyed", do="refuse")["mode"] == "REGISTER 503"
    refused = register(phone)
    assert (refused.code, refused.first("Retry-After")) == (503, "120")
    assert server.expect("response-sent", method="REGISTER")["code"] == 503
    assert phone.ask("OPTIONS").code == 200
    server.tell("refuse", method="OPTIONS", code=500, retry_after=None)
    server.expect("obeyed", mode="OPTIONS 500")
    refused = phone.ask("OPTIONS")
    assert (refused.code, refused.first("Retry-After")) == (500, None)
    assert register(phone).code == 200
    server.tell("go-down", keeps_state=False)
    server.tell("come-up")
    server.expect("server-ready", within=STARTS_WITHIN_S)
    assert phone.ask("OPTIONS").code == 500
    server.tell("refuse", method="", code=500, retry_after=None)
    server.expect("obeyed", do="refuse", mode="")
    assert phone.ask("OPTIONS").code == 200


def test_a_request_that_comes_again_gets_the_same_answer(serve: Serve, dial: Dial) -> None:
    """A REGISTER over UDP is saved once."""
    server = serve()
    phone = dial()
    again = phone.request("REGISTER", To="<sip:alice@example.com>", Expires="60")
    for _ in range(2):
        phone.send(again)
        assert phone.response().code == 200
    assert server.expect("binding")["state"] == "active"
    assert register(phone).code == 200
    assert server.expect("binding")["state"] == "refreshed"
    assert [one["state"] for one in server.events if one["ev"] == "binding"] == ["active", "refreshed"]


def test_bye_for_an_unknown_call(serve: Serve, dial: Dial) -> None:
    """RFC 3261 §15.1.2."""
    serve()
    phone = dial()
    for method in ("BYE", "UPDATE", "INVITE"):
        assert phone.ask(method, To="<sip:bob@example.com>;tag=x").code == 481
    assert phone.ask("INVITE").code == 405  # it begins one, which the lab's servers do not take


@pytest.mark.parametrize("by", ["client", "server"])
def test_a_call_that_is_over_is_unknown(serve: Serve, dial: Dial, by: str) -> None:
    """Within the call it is known."""
    server = serve()
    phone = dial()
    bind(server, phone)
    server.tell("invite", probe="p1", within=10.0, hold=10.0 if by == "client" else 0.1)
    invite = asked(phone, "INVITE")
    accept(phone, invite, "a")
    asked(phone, "ACK")
    copied = {"To": invite.first("From"), "From": f"{invite.first('To')};tag=a", "Call-ID": invite.first("Call-ID")}
    own: dict[str, Any] = copied
    if by == "client":
        phone.send(phone.request("UPDATE", **own))
        assert phone.response().code == 200
        phone.send(phone.request("BYE", **own))
        assert phone.response().code == 200
    else:
        phone.answer(asked(phone, "BYE"))
        server.expect("probe", state="answered")
    phone.send(phone.request("BYE", **own))
    assert phone.response().code == 481
