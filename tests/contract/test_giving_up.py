"""The scripted server's death detector, on loopback: how it finds who does not answer, and what it does then."""

from __future__ import annotations

from typing import Any

import pytest

from lab.sip.message import Request
from lab.sip.stream import KeepAlive
from tests.contract.sip_phone import TRANSPORTS, Call, Phone, Start, accepted


def detector(**parameters: Any) -> list[dict[str, Any]]:
    return [{"kind": "server-options", "interval": 1.0, **parameters}]


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_a_client_that_does_not_answer_is_given_up(start: Start, call: Call, transport: str) -> None:
    """After so many OPTIONS its binding and its subscription end, and it is not told. An answer ends the row."""
    server, ports = start(mitigations=detector(gives_up_after=2, retransmits=False))
    phone = call(transport, ports[transport])
    phone.ask("REGISTER", Expires="60")
    phone.subscribe()
    for answered in (True, False, False):
        asked = phone.receive()
        assert isinstance(asked, Request)
        assert asked.method == "OPTIONS"
        if answered:
            phone.answer(asked)
    given_up = server.event("client-given-up")
    assert (given_up["flow"], given_up["misses"]) == ("f1", 2)
    assert server.event("binding")["state"] == "removed"
    assert server.event("server-subscription", state="terminated")["expires"] == 0
    for kind in ("notify", "message"):
        server.command(kind, probe=kind, within=5.0)
        failed = server.event("probe", probe=kind, state="failed")
        assert failed["reason"].startswith("no-")
    phone.sock.settimeout(1.5)  # longer than the interval
    with pytest.raises(TimeoutError):
        phone.receive()


def test_who_registers_anew_is_known_again(start: Start, call: Call) -> None:
    """On the same flow, with a count of its own."""
    server, ports = start(mitigations=detector(gives_up_after=1))
    phone = call("udp", ports["udp"])
    phone.ask("REGISTER", Expires="60")
    server.event("client-given-up")
    phone.send(phone.request("REGISTER", Expires="60"))
    assert server.event("binding", state="active")["flow"] == "f1"
    server.command("message", probe="p1", within=5.0)
    assert server.event("probe")["state"] == "sent"


@pytest.mark.parametrize("again", [True, False])
def test_whether_options_is_sent_again(start: Start, call: Call, *, again: bool) -> None:
    """Over UDP, 0.5 s after the first (T1), or not before the next is due."""
    _, ports = start(mitigations=detector(retransmits=again))
    phone = call("udp", ports["udp"])
    phone.ask("REGISTER", Expires="60")
    first, second = phone.receive(), phone.receive()
    assert isinstance(first, Request)
    assert isinstance(second, Request)
    assert (first.first("Via") == second.first("Via")) is again


# By CRLF


def by_crlf(**parameters: Any) -> list[dict[str, Any]]:
    return [{"kind": "server-crlf", "interval": 1.0, **parameters}]


@pytest.mark.parametrize("transport", ["tcp", "tls"])
def test_pongs_are_signs_of_life(start: Start, call: Call, transport: str) -> None:
    """A single CRLF after each ping; without it the client is given up."""
    server, ports = start(mitigations=by_crlf(gives_up_after=1))
    phone = call(transport, ports[transport])
    phone.ask("REGISTER", Expires="60")
    for _ in range(2):
        assert phone.receive() is KeepAlive.PING
        phone.send(b"\r\n")
        answered = server.event("keep-alive", state="answered")
        assert (answered["kind"], answered["flow"]) == ("crlf", "f1")
    assert phone.receive() is KeepAlive.PING
    given_up = server.event("client-given-up")
    assert (given_up["flow"], given_up["misses"], given_up["how"]) == ("f1", 1, "removed")
    assert server.event("binding")["state"] == "removed"


def test_a_ping_is_no_pong(start: Start, call: Call) -> None:
    """It is answered, and says nothing of what the server has sent."""
    server, ports = start(mitigations=by_crlf(gives_up_after=1))
    phone = call("tcp", ports["tcp"])
    phone.ask("REGISTER", Expires="60")
    assert phone.receive() is KeepAlive.PING
    phone.send(b"\r\n\r\n")
    assert server.event("crlf-ping")["answered"]
    assert server.event("client-given-up")["flow"] == "f1"


# What giving up does


def silent(phone: Phone, calls: int) -> None:
    """Read so many OPTIONS and answer none."""
    for _ in range(calls):
        asked = phone.receive()
        assert isinstance(asked, Request)
        assert asked.method == "OPTIONS"


@pytest.mark.parametrize("transport", ["udp", "tcp"])
@pytest.mark.parametrize("back_by", ["answer", "REGISTER"])
def test_a_client_that_is_marked(start: Start, call: Call, transport: str, back_by: str) -> None:
    """Nothing is sent to it, its contacts stay, and OPTIONS go on; it is back when it answers or registers."""
    server, ports = start(mitigations=detector(gives_up_after=1, marks_only=True, retransmits=False))
    phone = call(transport, ports[transport])
    phone.ask("REGISTER", Expires="60")
    phone.subscribe()
    silent(phone, 1)
    assert server.event("client-given-up")["how"] == "marked"
    for kind in ("notify", "message"):
        server.command(kind, probe=kind, within=5.0)
        failed = server.event("probe", probe=kind)
        assert (failed["state"], failed["reason"], failed["flow"]) == ("failed", "given-up", "f1")
    if back_by == "answer":
        asked = phone.receive()
        assert isinstance(asked, Request)
        assert asked.method == "OPTIONS"
        phone.answer(asked)
    else:
        phone.send(phone.request("REGISTER", Expires="60"))
    assert server.event("client-back")["flow"] == "f1"
    if back_by == "REGISTER":  # and still answers no OPTIONS
        assert server.event("client-given-up")["how"] == "marked"
        return
    assert not [one for one in server.seen("binding") if one["state"] == "removed"]
    server.command("notify", probe="p1", within=5.0)
    assert server.event("probe", probe="p1")["state"] == "sent"


def test_a_marked_client_that_subscribes_gets_its_notify(start: Start, call: Call) -> None:
    """It is back by its request, before the answer to it."""
    server, ports = start(mitigations=detector(gives_up_after=1, marks_only=True, retransmits=False))
    phone = call("tcp", ports["tcp"])
    phone.ask("REGISTER", Expires="60")
    silent(phone, 1)
    server.event("client-given-up")
    phone.send(phone.request("SUBSCRIBE"))
    methods = [message.method for message in (phone.receive() for _ in range(4)) if isinstance(message, Request)]
    assert "NOTIFY" in methods


def test_a_marked_client_is_given_up_once(start: Start, call: Call) -> None:
    server, ports = start(mitigations=detector(gives_up_after=1, marks_only=True, retransmits=False))
    phone = call("udp", ports["udp"])
    phone.ask("REGISTER", Expires="60")
    silent(phone, 4)
    server.command("message", probe="p1", within=5.0)
    assert server.event("probe", probe="p1")["reason"] == "given-up"
    assert len(server.seen("client-given-up")) == 1


@pytest.mark.parametrize("transport", ["tcp", "tls"])
@pytest.mark.parametrize("closes", [True, False])
def test_its_connection_is_closed(start: Start, call: Call, transport: str, *, closes: bool) -> None:
    """So that the client learns of it."""
    server, ports = start(mitigations=detector(gives_up_after=1, closes_connection=closes))
    phone = call(transport, ports[transport])
    phone.ask("REGISTER", Expires="60")
    silent(phone, 1)
    server.event("client-given-up")
    assert server.event("binding")["state"] == "removed"
    if closes:
        assert phone.gone()
        ended = server.event("flow", id="f1")
        assert (ended["state"], ended["reason"]) == ("closed", "given-up")
    else:
        assert phone.ask("OPTIONS").code == 200


@pytest.mark.parametrize("ends", [True, False])
def test_its_calls_are_ended(start: Start, call: Call, *, ends: bool) -> None:
    """The call fails at once, and BYE is sent; else it goes on, as nobody has asked the media."""
    server, ports = start(mitigations=detector(gives_up_after=1, retransmits=False, ends_calls=ends))
    phone = call("udp", ports["udp"])
    phone.ask("REGISTER", Expires="60")
    server.command("invite", probe="p1", within=5.0, hold=10.0 if ends else 2.5)
    invite = phone.receive()
    assert isinstance(invite, Request)
    accepted(phone, invite)
    server.event("probe", state="talking")
    silent(phone, 1)
    if not ends:
        server.event("client-given-up")
        server.event("probe", state="ending")
        return
    failed = server.event("probe", state="failed")
    assert (failed["reason"], failed["flow"]) == ("given-up", "f1")
    bye = phone.receive()
    assert isinstance(bye, Request)
    assert bye.method == "BYE"
    phone.answer(bye)
