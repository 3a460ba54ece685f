"""How the scripted server answers a phone's requests, on loopback: with which status, once for each, and where to."""

from __future__ import annotations

import pytest

from tests.contract.sip_phone import HOST, Call, Start


@pytest.mark.parametrize(
    ("method", "more", "code", "header"),
    [
        ("OPTIONS", {}, 200, ("Allow", "OPTIONS, REGISTER, SUBSCRIBE")),
        ("OPTIONS", {"Require": "100rel"}, 420, ("Unsupported", "100rel")),
        ("SUBSCRIBE", {"Event": "dialog"}, 489, ("Allow-Events", "presence")),
        ("MESSAGE", {}, 405, ("Allow", "OPTIONS, REGISTER, SUBSCRIBE")),
        ("BYE", {"To": "<sip:bob@example.com>;tag=nobody"}, 481, ("Allow", None)),
        ("UPDATE", {"To": "<sip:bob@example.com>;tag=nobody"}, 481, ("Allow", None)),
        ("INVITE", {"To": "<sip:bob@example.com>;tag=nobody"}, 481, ("Allow", None)),
        ("INVITE", {}, 405, ("Allow", "OPTIONS, REGISTER, SUBSCRIBE")),
        ("JUMP", {}, 501, ("Allow", "OPTIONS, REGISTER, SUBSCRIBE")),
        ("OPTIONS", {"To": "?"}, 400, ("To", "?")),
    ],
)
def test_answers(
    start: Start, call: Call, method: str, more: dict[str, str], code: int, header: tuple[str, str | None]
) -> None:
    """Each with its status and what the phone needs to know."""
    server, ports = start()
    phone = call("tcp", ports["tcp"])
    response = phone.ask(method, **more)
    assert (response.code, response.first(header[0])) == (code, header[1])
    assert server.event("response-sent")["method"] == method


def test_what_is_held_is_lost_when_the_server_falls_mute(start: Start, call: Call) -> None:
    """A mute server sends nothing; what comes after that is answered again."""
    server, ports = start()
    phone = call("udp", ports["udp"])
    server.command("answer", mode="late", by=0.4)
    phone.send(phone.request("OPTIONS"))
    server.event("held", what="OPTIONS")
    server.command("answer", mode="mute", by=None)
    server.event("ignored", what="OPTIONS")
    server.command("answer", mode="at-once", by=None)
    server.event("obeyed", mode="at-once")
    assert phone.ask("OPTIONS").first("CSeq") == "2 OPTIONS"
    server.event("response-sent")
    assert len(server.seen("response-sent")) == 1


def test_ack_is_never_answered(start: Start, call: Call) -> None:
    """Nor is a malformed one."""
    _, ports = start()
    phone = call("udp", ports["udp"])
    phone.send(phone.request("ACK"))
    phone.send(phone.request("ACK", CSeq="?"))
    assert phone.ask("OPTIONS").first("CSeq") == "3 OPTIONS"


def test_a_retransmitted_request_gets_the_same_response(start: Start, call: Call) -> None:
    """Over UDP, to the byte, without being acted upon again; another branch is another request."""
    server, ports = start()
    phone = call("udp", ports["udp"])
    request = phone.request("SUBSCRIBE")
    phone.send(request)
    first = phone.response()
    phone.answer(phone.notify())
    phone.send(request)
    assert phone.response() == first
    assert phone.ask("OPTIONS").code == 200
    phone.send(request)
    assert phone.response() == first
    phone.send(phone.request("SUBSCRIBE", cseq=1, branch="z9hG4bKother"))
    assert phone.response().first("To") != first.first("To")
    server.event("server-subscription", id="s2")
    assert [event["method"] for event in server.seen("request")] == ["SUBSCRIBE", "OPTIONS", "SUBSCRIBE"]


def test_udp_responses_go_where_rfc_3581_says(start: Start, call: Call) -> None:
    """With rport to the source port; without, to the port in Via."""
    _, ports = start()
    asks, listens = call("udp", ports["udp"]), call("udp", ports["udp"])
    via = f"SIP/2.0/UDP 10.0.0.2:{listens.address[1]};branch=z9hG4bK"
    response = asks.ask("OPTIONS", Via=f"{via}1;rport")
    assert response.first("Via") == f"{via}1;rport={asks.address[1]};received={HOST}"
    asks.send(asks.request("OPTIONS", Via=f"{via}2"))
    assert listens.response().first("Via") == f"{via}2;received={HOST}"
