"""The scripted server's calls to one phone, on loopback: from INVITE to BYE, and what may come between."""

from __future__ import annotations

from typing import Any

import pytest

from lab.sip.message import Request
from tests.contract.sip_phone import TRANSPORTS, Call, Phone, Server, Start, accepted


def invited(start: Start, call: Call, transport: str = "tcp", **timing: float) -> tuple[Server, Phone, Request]:
    """A phone that has subscribed and is being called."""
    server, ports = start()
    phone = call(transport, ports[transport])
    phone.subscribe()
    server.command("invite", probe="p1", **{"within": 5.0, "hold": 60.0} | timing)
    invite = phone.receive()
    assert isinstance(invite, Request)
    assert invite.method == "INVITE"
    return server, phone, invite


def within(phone: Phone, ack: Request, method: str, **more: Any) -> Request:
    """A request of the phone within the call."""
    dialog = {"From": ack.first("To") or "", "To": ack.first("From") or "", "Call-ID": ack.first("Call-ID") or ""}
    request = phone.request(method, **more)
    return Request(
        method=method,
        uri="sip:server",
        headers=tuple((name, dialog.get(name, value)) for name, value in request.headers),
    )


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_a_call(start: Start, call: Call, transport: str) -> None:
    """Offer of silence, ACK with the INVITE's number, BYE with the next; answered is what the BYE is."""
    server, phone, invite = invited(start, call, transport, hold=0.2)
    assert b"a=inactive" in invite.body
    ack = accepted(phone, invite)
    bye = phone.receive()
    assert isinstance(bye, Request)
    assert [ack.first("CSeq"), bye.first("CSeq")] == ["1 ACK", "2 BYE"]
    assert bye.uri == phone.uri
    server.event("probe", state="ending")
    phone.answer(bye)
    assert server.event("probe", state="answered")["code"] == 200


def test_a_call_that_is_refused(start: Start, call: Call) -> None:
    """The ACK belongs to the INVITE's own transaction (RFC 3261 §17.1.1.3)."""
    server, phone, invite = invited(start, call)
    phone.answer(invite, 486)
    ack = phone.receive()
    assert isinstance(ack, Request)
    assert (ack.method, ack.first("Via"), ack.first("CSeq")) == ("ACK", invite.first("Via"), "1 ACK")
    assert server.event("probe", state="failed")["code"] == 486


@pytest.mark.parametrize("rings", [True, False])
def test_a_call_whose_connection_ends(start: Start, call: Call, *, rings: bool) -> None:
    """One that rings is answered over another connection (RFC 3261 §18.2.2); one that has not been heard of is lost."""
    server, ports = start()
    phone = call("tcp", ports["tcp"])
    phone.subscribe()
    server.command("invite", probe="p1", within=5.0, hold=0.2)
    invite = phone.receive()
    assert isinstance(invite, Request)
    if rings:
        phone.answer(invite, 180)
        server.event("probe", state="ringing")
    phone.sock.close()
    server.event("flow", id="f1", state="closed")
    if not rings:
        assert server.event("probe", state="failed")["reason"] == "flow-gone"
        return
    again = call("tcp", ports["tcp"])
    accepted(again, invite)
    talking = server.event("probe", state="talking")
    assert (talking["flow"], talking["peer"]) == ("f2", again.peer)
    bye = again.receive()
    assert isinstance(bye, Request)
    assert bye.method == "BYE"


def test_a_call_that_rings_while_the_server_is_killed(start: Start, call: Call) -> None:
    """Is lost with the server, which does not know it any more."""
    server, phone, invite = invited(start, call)
    phone.answer(invite, 180)
    server.event("probe", state="ringing")
    server.command("go-down", keeps_state=True)
    assert server.event("probe")["state"] == "failed"


def test_a_call_that_the_client_ends(start: Start, call: Call) -> None:
    """Is no success, even though every request was answered."""
    server, phone, invite = invited(start, call)
    phone.send(within(phone, accepted(phone, invite), "BYE"))
    assert phone.response().code == 200
    assert server.event("probe", state="failed")["reason"] == "the client hung up"


def test_a_call_accepted_too_late(start: Start, call: Call) -> None:
    """Has failed; it is acknowledged and ended all the same, so that nobody is left talking."""
    server, phone, invite = invited(start, call, within=0.1)
    server.event("probe", state="failed", reason="timeout")
    accepted(phone, invite)
    bye = phone.receive()
    assert isinstance(bye, Request)
    assert bye.method == "BYE"
    phone.answer(bye)
    assert [event["state"] for event in server.seen("probe")] == ["sent", "failed"]


def test_a_lost_ack_is_sent_again(start: Start, call: Call) -> None:
    """For each 200 that comes again (RFC 3261 §13.2.2.4)."""
    _, phone, invite = invited(start, call)
    first, second = accepted(phone, invite), accepted(phone, invite)
    assert first.first("CSeq") == second.first("CSeq")
    assert first.first("Via") != second.first("Via")


@pytest.mark.parametrize(
    ("method", "asked", "granted", "required"),
    [
        ("UPDATE", "90;refresher=uac", "90;refresher=uac", "timer"),
        ("UPDATE", "90", "90;refresher=uac", "timer"),
        ("INVITE", "1800;refresher=uas", "1800;refresher=uas", None),
    ],
)
def test_session_timers(start: Start, call: Call, method: str, asked: str, granted: str, required: str | None) -> None:
    """The client's refresh is granted as it asks (RFC 4028 §9)."""
    _, phone, invite = invited(start, call)
    assert invite.first("Supported") == "timer"
    more = {"Session-Expires": asked, "Supported": "timer", "Require": "timer"}
    phone.send(within(phone, accepted(phone, invite), method, **more))
    answer = phone.response()
    assert (answer.code, answer.first("Session-Expires"), answer.first("Require")) == (200, granted, required)
    assert (b"a=inactive" in answer.body) is (method == "INVITE")


def test_a_refresh_moves_the_call_to_its_flow(start: Start, call: Call) -> None:
    """A client whose connection broke goes on with the call on another, and is hung up on there."""
    server, phone, invite = invited(start, call, hold=0.5)
    ack = accepted(phone, invite)
    other = call("tcp", phone.sock.getpeername()[1])
    other.send(within(other, ack, "UPDATE"))
    assert other.response().code == 200
    bye = other.receive()
    assert isinstance(bye, Request)
    assert bye.method == "BYE"
    assert server.event("probe", state="ending")["flow"] == "f2"


def test_no_calls_from_the_client(start: Start, call: Call) -> None:
    """Outside a call of the server's, calls are not for this server."""
    _, ports = start()
    phone = call("tcp", ports["tcp"])
    assert phone.ask("INVITE").code == 405
