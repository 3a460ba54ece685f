"""The real server process, on loopback, with a plain socket client."""

from __future__ import annotations

import contextlib
import os
import socket
import ssl
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from lab.certificates import Certificates
from lab.servers.scripted.flows import Flow, StreamFlow
from lab.sip.fields import NameAddr
from lab.sip.message import Request, parse
from lab.sip.stream import Item
from tests.contract.sip_phone import (  # noqa: F401  (fixtures)
    DEADLINE,
    HOST,
    OTHER,
    TRANSPORTS,
    Call,
    Phone,
    Server,
    Start,
    accepted,
    call_fixture,
    certificates_fixture,
    start_fixture,
)

# Requests of the phone


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_the_life_of_a_subscription(start: Start, call: Call, transport: str) -> None:
    """SUBSCRIBE, refresh, unsubscribe: each gets its 200 and then at once a NOTIFY that says the state."""
    server, ports = start()
    phone = call(transport, ports[transport])
    response, notify = phone.subscribe()
    assert (response.code, response.first("Expires")) == (200, "600")
    assert response.first("Contact") == notify.first("Contact")
    assert (notify.uri, notify.first("Event")) == (phone.uri, "presence")
    assert notify.first("Subscription-State") == "active;expires=600"
    assert notify.first("Content-Type") == "application/pidf+xml"
    assert b"<basic>open</basic>" in notify.body
    flow = server.event("flow", state="accepted")
    assert (flow["id"], flow["transport"], flow["peer"]) == ("f1", transport, phone.peer)
    asked = server.event("request")
    assert (asked["method"], asked["flow"], asked["peer"], asked["cseq"]) == ("SUBSCRIBE", "f1", phone.peer, 1)
    assert server.event("response-sent")["code"] == 200
    began = server.event("server-subscription")
    assert (began["id"], began["state"], began["expires"], began["flow"]) == ("s1", "active", 600, "f1")
    assert began["contact"] == phone.uri

    response, notify = phone.subscribe(Expires="38")
    assert (response.first("Expires"), notify.first("CSeq")) == ("38", "2 NOTIFY")
    assert notify.first("Subscription-State") == "active;expires=38"
    assert server.event("server-subscription", id="s1")["state"] == "refreshed"

    response, notify = phone.subscribe(Expires="0")
    assert (response.code, notify.first("Subscription-State")) == (200, "terminated;reason=timeout")
    assert server.event("server-subscription", id="s1")["state"] == "terminated"
    assert phone.ask("SUBSCRIBE").code == 481


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_a_second_address(start: Start, call: Call, transport: str) -> None:
    """Who comes to it is answered from it, with a contact there, beside who stays at the first; state is common."""
    server, ports = start(further=[OTHER])
    ends = {address: call(transport, ports[transport], server=address) for address in (HOST, OTHER)}
    for address, phone in ends.items():
        response, notify = phone.subscribe()
        contact = NameAddr.parse(response.first("Contact") or "").uri
        assert contact.partition(";")[0] == f"sip:{address}:{ports[transport]}"
        assert notify.first("Contact") == response.first("Contact")
        assert f" {address}:{ports[transport]};" in (notify.first("Via") or "")
        flow = server.event("flow", state="accepted")
        assert (flow["peer"], flow["own"]) == (phone.peer, f"{address}:{ports[transport]}")
    server.command("notify", probe="p1", within=5.0)
    assert ends[OTHER].notify().first("CSeq") == "2 NOTIFY"


@pytest.mark.parametrize("transport", ["udp", "tcp"])
def test_a_server_that_has_moved(start: Start, call: Call, transport: str) -> None:
    """It connects from its new address from then on, and what it says of itself is that one."""
    server, ports = start(further=[OTHER], notify_route="contact")
    server.command("move", address=OTHER)
    kind = socket.SOCK_DGRAM if transport == "udp" else socket.SOCK_STREAM
    with socket.socket(socket.AF_INET, kind) as phone, contextlib.ExitStack() as opened:
        phone.bind((HOST, 0))
        phone.settimeout(DEADLINE)
        if transport == "tcp":
            phone.listen()
        parameter = "" if transport == "udp" else f";transport={transport}"
        contact = f"<sip:alice@{HOST}:{phone.getsockname()[1]}{parameter}>"
        call(transport, ports[transport]).ask("SUBSCRIBE", Contact=contact)
        if transport == "tcp":
            reached, (source, _) = phone.accept()
            opened.enter_context(reached)
            reached.settimeout(DEADLINE)
            notify = parse(reached.recv(65536))
        else:
            data, (source, _) = phone.recvfrom(65536)
            notify = parse(data)
    assert isinstance(notify, Request)
    assert source == OTHER
    assert f"sip:{OTHER}:{ports[transport]}" in (notify.first("Contact") or "")


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_a_subscription_expires(start: Start, call: Call, transport: str) -> None:
    """When its time is over the phone is told, and the server has no subscription left."""
    server, ports = start(subscription_expires=1.0)
    phone = call(transport, ports[transport])
    response, _ = phone.subscribe(Expires="3600")
    assert response.first("Expires") == "1"
    notify = phone.notify()
    phone.answer(notify)
    assert notify.first("Subscription-State") == "terminated;reason=timeout"
    began, ended = (
        server.event("server-subscription", state="active"),
        server.event("server-subscription", state="expired"),
    )
    assert ended["at"] - began["at"] == pytest.approx(1.0, abs=0.4)
    server.command("notify", probe="p1", within=1.0)
    assert server.event("probe")["reason"] == "no-subscription"


def test_a_refresh_postpones_the_expiry(start: Start, call: Call) -> None:
    """The first expiry time passes without an end; on a new flow, the subscription moves to it."""
    server, ports = start(subscription_expires=1.0)
    phone = call("udp", ports["udp"])
    phone.subscribe(Expires="1")
    began = server.event("server-subscription", state="active")
    phone.subscribe(Expires="1")
    refreshed = server.event("server-subscription", state="refreshed")
    phone.notify()
    ended = server.event("server-subscription", state="expired")
    assert refreshed["at"] > began["at"]
    assert ended["at"] - refreshed["at"] > 0.9


def test_register(start: Start, call: Call) -> None:
    """No questions asked; the 200 lists the bindings, and each ends in its time unless removed."""
    server, ports = start(registration_expires=100.0)
    phone = call("tls", ports["tls"])
    response = phone.ask("REGISTER", Expires="3600")
    assert (response.code, response.first("Contact")) == (200, f"<{phone.uri}>;expires=100")
    binding = server.event("binding")
    assert (binding["aor"], binding["contact"], binding["flow"]) == ("sip:bob@example.com", phone.uri, "f1")
    assert (binding["state"], binding["expires"]) == ("active", 100)
    assert phone.ask("REGISTER", Expires="1").first("Contact") == f"<{phone.uri}>;expires=1"
    assert phone.ask("REGISTER", Expires="2").code == 200
    refreshed = server.event("binding", expires=2)
    assert refreshed["state"] == "refreshed"
    expired = server.event("binding", state="expired")
    assert expired["at"] - refreshed["at"] == pytest.approx(2.0, abs=0.5)  # not after the first second
    phone.ask("REGISTER")
    assert phone.ask("REGISTER", Contact="*", Expires="0").all("Contact") == ()
    assert server.event("binding", state="removed")["contact"] == phone.uri


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


TORTURE = {
    "not-utf-8": ((b"\r\n\r\n", b"\r\nSubject: \xff\xfe\r\n\r\n"), 400),
    "space-after-the-first-line": ((b" SIP/2.0\r\n", b" SIP/2.0  \r\n"), 400),
    "another-version": ((b"SIP/2.0", b"SIP/7.0"), 505),
    "far-too-many-hops": ((b"\r\n\r\n", b"\r\nMax-Forwards: 300\r\n\r\n"), 400),
}
"""Changes to a request, and the status of its answer; RFC 4475 §3.1.2 has such requests (trws, badvers, scalar02)."""


@pytest.mark.parametrize("transport", TRANSPORTS)
@pytest.mark.parametrize("name", TORTURE)
def test_torture(start: Start, call: Call, transport: str, name: str) -> None:
    """Each is answered, alike over every transport; and what comes next is understood."""
    _, ports = start()
    phone = call(transport, ports[transport])
    (before, after), code = TORTURE[name]
    whole = phone.request("OPTIONS").encode()
    assert before in whole
    phone.send(whole.replace(before, after))
    refused = phone.response()
    assert (refused.code, refused.first("Call-ID")) == (code, f"OPTIONS-{phone.peer}")
    assert phone.ask("OPTIONS").code == 200


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


# Probes


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_a_probe_is_answered(start: Start, call: Call, transport: str) -> None:
    """NOTIFY carries the probe's id as its note; whatever the phone answers is reported."""
    server, ports = start()
    phone = call(transport, ports[transport])
    phone.subscribe()
    for probe, code in (("p1", 200), ("p2", 503)):
        server.command("notify", probe=probe, within=5.0)
        notify = phone.notify()
        assert f"<note>{probe}</note>".encode() in notify.body
        sent = server.event("probe", probe=probe)
        assert (sent["state"], sent["flow"], sent["peer"]) == ("sent", "f1", phone.peer)
        phone.answer(notify, code)
        done = server.event("probe", probe=probe)
        assert (done["state"], done["code"], done["flow"], done["reason"]) == ("answered", code, "f1", "")


def test_a_probe_nobody_answers(start: Start, call: Call) -> None:
    """It fails in its time; an answer that comes later changes nothing, and neither does one to another request."""
    server, ports = start()
    phone = call("tcp", ports["tcp"])
    _, before = phone.subscribe()
    server.command("notify", probe="p1", within=0.8)  # longer than T1: nothing is retransmitted over TCP
    notify = phone.notify()
    phone.answer(before)
    sent, failed = server.event("probe", state="sent"), server.event("probe", state="failed")
    assert failed["reason"] == "timeout"
    assert failed["at"] - sent["at"] == pytest.approx(0.8, abs=0.5)
    phone.answer(notify)
    assert phone.ask("OPTIONS").code == 200
    server.event("request", method="OPTIONS")
    assert [event["state"] for event in server.seen("probe")] == ["sent", "failed"]


def test_a_phone_that_knows_no_subscription_ends_it(start: Start, call: Call) -> None:
    """481 to a NOTIFY removes the subscription (RFC 6665 §4.2.2); a timeout does not."""
    server, ports = start()
    phone = call("tcp", ports["tcp"])
    phone.subscribe()
    server.command("notify", probe="p1", within=0.05)
    phone.notify()
    server.event("probe", probe="p1", state="failed", reason="timeout")
    server.command("notify", probe="p2", within=5.0)
    phone.answer(phone.notify(), 481)
    assert server.event("probe", probe="p2", state="answered")["code"] == 481
    assert server.event("server-subscription", id="s1")["state"] == "terminated"
    server.command("notify", probe="p3", within=5.0)
    assert server.event("probe", probe="p3")["reason"] == "no-subscription"


def test_the_newest_subscription_is_probed(start: Start, call: Call) -> None:
    """After the phone came back with a new dialog on a new flow, that one counts."""
    server, ports = start()
    old, new = call("tls", ports["tls"]), call("tls", ports["tls"])
    old.subscribe()
    new.subscribe()
    server.command("notify", probe="p1", within=5.0)
    new.answer(new.notify())
    assert server.event("probe", state="answered")["peer"] == new.peer


@pytest.mark.parametrize("transport", ["tcp", "tls"])
def test_by_flow_a_closed_flow_is_gone(start: Start, call: Call, transport: str) -> None:
    """A new connection of the phone does not help until a SUBSCRIBE comes over it."""
    server, ports = start()
    phone = call(transport, ports[transport])
    phone.subscribe()
    phone.sock.close()
    server.event("flow", id="f1", state="closed")
    other = call(transport, ports[transport])
    assert other.ask("OPTIONS").code == 200
    server.command("notify", probe="p1", within=5.0)
    assert server.event("probe")["reason"] == "flow-gone"


def test_a_refresh_moves_the_subscription_to_its_flow(start: Start, call: Call) -> None:
    """The dialog is the same, the connection another."""
    server, ports = start()
    phone = call("tcp", ports["tcp"])
    response, _ = phone.subscribe()
    phone.sock.close()
    other = call("tcp", ports["tcp"])
    again = phone.request("SUBSCRIBE", To=response.first("To") or "")
    other.send(again)
    assert other.response().code == 200
    other.answer(other.notify())
    moved = server.event("server-subscription", state="refreshed")
    assert (moved["id"], moved["flow"]) == ("s1", "f2")
    server.command("notify", probe="p1", within=5.0)
    other.answer(other.notify())
    assert server.event("probe", state="answered")["flow"] == "f2"


@pytest.mark.parametrize("transport", ["tcp", "tls"])
def test_a_reset_ends_a_probe_under_way(start: Start, call: Call, transport: str) -> None:
    """With the errno's text, at once."""
    server, ports = start()
    phone = call(transport, ports[transport])
    phone.subscribe()
    server.command("notify", probe="p1", within=5.0)
    phone.notify()
    phone.reset()
    assert server.event("flow", id="f1", state="reset")["reason"] == "Connection reset by peer"
    failed = server.event("probe", state="failed")
    assert (failed["reason"], failed["flow"], failed["peer"]) == ("Connection reset by peer", "f1", phone.peer)


@pytest.mark.parametrize("transport", ["tcp", "tls"])
def test_a_flow_closed_under_a_probe(start: Start, call: Call, transport: str) -> None:
    """The probe ends with the flow."""
    server, ports = start()
    phone = call(transport, ports[transport])
    phone.subscribe()
    server.command("notify", probe="p1", within=5.0)
    phone.notify()
    phone.sock.close()
    assert server.event("probe", state="failed")["reason"] == "flow-gone"


def test_answers_in_another_order(start: Start, call: Call) -> None:
    """Requests under way at the same time are told apart; an old one's answer still counts."""
    server, ports = start()
    phone = call("udp", ports["udp"])
    phone.send(phone.request("SUBSCRIBE"))
    phone.response()
    first = phone.notify()
    server.command("notify", probe="p1", within=5.0)
    while b"<note>p1</note>" not in (notify := phone.notify()).body:
        continue
    phone.answer(notify)
    server.event("probe", state="answered")
    phone.answer(first, 481)
    assert server.event("server-subscription", state="terminated")["id"] == "s1"


def test_notify_over_udp_is_retransmitted(start: Start, call: Call) -> None:
    """After T1, the same bytes; not any more once it is answered (RFC 3261 §17.1.2)."""
    server, ports = start()
    phone = call("udp", ports["udp"])
    phone.subscribe()
    server.command("notify", probe="p1", within=5.0)
    first = phone.sock.recv(65536)
    began = time.monotonic()
    assert phone.sock.recv(65536) == first
    assert time.monotonic() - began == pytest.approx(0.5, abs=0.3)
    notify = parse(first)
    assert isinstance(notify, Request)
    phone.answer(notify)
    server.event("probe", state="answered")
    phone.sock.settimeout(1.5)  # the next copy would come 1 s after the last
    with pytest.raises(TimeoutError):
        phone.sock.recv(65536)


def test_by_contact_an_existing_flow_is_used(start: Start, call: Call) -> None:
    """One from exactly the Contact's host and port, though the SUBSCRIBE came on another."""
    server, ports = start(notify_route="contact")
    named, other = call("tcp", ports["tcp"]), call("tcp", ports["tcp"])
    assert named.ask("OPTIONS").code == 200
    response = other.ask("SUBSCRIBE", Contact=f"<{named.uri}>")
    assert response.code == 200
    named.answer(named.notify())
    server.command("notify", probe="p1", within=5.0)
    named.answer(named.notify())
    done = server.event("probe", state="answered")
    assert (done["peer"], server.seen("flow")[-1]["state"]) == (named.peer, "accepted")


@pytest.mark.parametrize("transport", ["tcp", "tls"])
def test_by_contact_a_connection_is_made(start: Start, call: Call, certificates: Certificates, transport: str) -> None:
    """To a phone that listens, also with TLS; the same connection is used again."""
    server, ports = start(notify_route="contact")
    with socket.create_server((HOST, 0)) as listener:
        listener.settimeout(DEADLINE)
        phone = call("tcp", ports["tcp"])
        phone.ask("SUBSCRIBE", Contact=f"<sip:alice@{HOST}:{listener.getsockname()[1]};transport={transport}>")
        accepted, _ = listener.accept()
        accepted.settimeout(DEADLINE)
        if transport == "tls":
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(certificates.certificate, certificates.key)
            accepted = context.wrap_socket(accepted, server_side=True)
        with accepted:
            phone.sock.close()
            phone.sock, phone.transport = accepted, transport
            phone.answer(phone.notify())
            server.command("notify", probe="p1", within=5.0)
            phone.answer(phone.notify())
            assert server.event("probe", state="answered")["flow"] == "f2"
            assert [event["id"] for event in server.seen("flow") if event["state"] == "connected"] == ["f2"]


@pytest.mark.parametrize("transport", ["tcp", "tls"])
def test_by_contact_nobody_listens(start: Start, call: Call, transport: str) -> None:
    """The attempt's errno is the probe's reason."""
    server, ports = start(notify_route="contact")
    with socket.socket() as unused:
        unused.bind((HOST, 0))  # bound, not listening: nobody else gets this port
        phone = call(transport, ports[transport])
        phone.ask("SUBSCRIBE", Contact=f"<sip:alice@{HOST}:{unused.getsockname()[1]};transport={transport}>")
        server.command("notify", probe="p1", within=5.0)
        tried, failed = server.event("probe"), server.event("probe")
        assert (tried["state"], tried["flow"]) == ("connecting", "f1")
        assert (failed["state"], failed["reason"], failed["flow"]) == ("failed", "Connection refused", "f1")
        assert server.seen("flow")[-1]["state"] == "failed"


def test_by_contact_over_udp(start: Start, call: Call) -> None:
    """The NOTIFY goes to the Contact, wherever the SUBSCRIBE came from."""
    server, ports = start(notify_route="contact")
    named, other = call("udp", ports["udp"]), call("udp", ports["udp"])
    other.ask("SUBSCRIBE", Contact=f"<{named.uri}>")
    named.answer(named.notify())
    server.command("notify", probe="p1", within=5.0)
    named.answer(named.notify())
    assert server.event("probe", state="answered")["peer"] == named.peer


def test_by_contact_a_name_leads_nowhere(start: Start, call: Call) -> None:
    """The lab has no DNS."""
    server, ports = start(notify_route="contact")
    phone = call("tcp", ports["tcp"])
    phone.ask("SUBSCRIBE", Contact="<sip:alice@phone.example.com;transport=tcp>")
    server.command("notify", probe="p1", within=5.0)
    assert server.event("probe")["reason"] == "contact is not an address"


def test_by_contact_without_that_transport(start: Start, call: Call) -> None:
    """A server without TLS cannot reach a TLS Contact, and says so."""
    server, ports = start(notify_route="contact", ports={"tcp": 0})
    phone = call("tcp", ports["tcp"])
    phone.ask("SUBSCRIBE", Contact=f"<sips:alice@{HOST}:9>")
    server.command("notify", probe="p1", within=5.0)
    assert server.event("probe")["reason"] == "no tls here"


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_a_call_needs_a_binding(start: Start, call: Call, transport: str) -> None:
    """For clients that register, a subscriber is nobody to call; nor is anybody once the binding has expired."""
    server, ports = start(bindings_only=True, registration_expires=1.0)
    phone = call(transport, ports[transport])
    phone.subscribe()
    for kind, more in (("options", {}), ("message", {}), ("invite", {"hold": 1.0})):
        server.command(kind, probe=f"before-{kind}", within=5.0, **more)
        assert server.event("probe", probe=f"before-{kind}")["reason"] == "no-binding"
    phone.ask("REGISTER", Expires="1")
    server.command("options", probe="bound", within=5.0)
    options = phone.receive()
    assert isinstance(options, Request)
    phone.answer(options)
    assert server.event("probe", probe="bound", state="answered")["code"] == 200
    server.event("binding", state="expired")
    server.command("options", probe="after", within=5.0)
    assert server.event("probe", probe="after")["reason"] == "no-binding"


@pytest.mark.parametrize("account", ["SUBSCRIBE", "REGISTER"])
def test_options_from_the_server(start: Start, call: Call, account: str) -> None:
    """Outside any dialog, to the subscriber or else to the newest binding."""
    server, ports = start()
    phone = call("tls", ports["tls"])
    server.command("options", probe="o0", within=5.0)
    assert server.event("probe")["reason"] == "no-subscription"
    if account == "SUBSCRIBE":
        phone.subscribe()
    else:
        phone.ask("REGISTER")
    server.command("options", probe="o1", within=5.0)
    options = phone.receive()
    assert isinstance(options, Request)
    assert (options.method, options.uri) == ("OPTIONS", phone.uri)
    assert NameAddr.parse(options.first("To") or "").tag is None
    phone.answer(options)
    assert server.event("probe", probe="o1", state="answered")["code"] == 200


# Messages and calls


@pytest.mark.parametrize("kind", ["options", "message", "invite"])
def test_a_binding_comes_before_a_subscription(start: Start, call: Call, kind: str) -> None:
    """Outside any dialog the contact that registered last is asked, on its own flow."""
    server, ports = start()
    subscriber, old, new = (call("tcp", ports["tcp"]) for _ in range(3))
    subscriber.subscribe()
    for phone in (old, new):
        phone.ask("REGISTER")
    more = {"hold": 1.0} if kind == "invite" else {}
    server.command(kind, probe="p1", within=5.0, **more)
    asked = new.receive()
    assert isinstance(asked, Request)
    assert (asked.method, asked.uri) == (kind.upper(), new.uri)
    assert server.event("probe", state="sent")["kind"] == kind


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


SERVER_OUTBOUND = {"kind": "server-outbound"}
DEVICE = ';reg-id=1;+sip.instance="<urn:uuid:a>"'


def test_outbound_registration(start: Start, call: Call) -> None:
    """The device's new flow replaces the old binding, and OPTIONS to it take the new flow."""
    server, ports = start(mitigations=[{"kind": "flow-timer", "time": 60.0}], notify_route="contact")
    for flow in ("f1", "f2"):
        phone = call("tcp", ports["tcp"])
        uri = f"sip:alice@192.0.2.1:{flow[1]};transport=tcp;ob"  # leads nowhere
        answer = phone.ask("REGISTER", Contact=f"<{uri}>{DEVICE}", Supported="outbound")
        assert (answer.first("Require"), answer.first("Flow-Timer")) == ("outbound", "60")
        assert len(answer.all("Contact")) == 1
        assert server.event("binding")["flow"] == flow
    server.command("options", probe="o1", within=5.0)
    options = phone.receive()
    assert isinstance(options, Request)
    assert options.uri == uri
    phone.answer(options)
    assert server.event("probe", state="answered")["flow"] == "f2"


def test_outbound_contact_of_a_lost_flow(start: Start, call: Call) -> None:
    """RFC 5626 §5.3: a request for a lost flow fails; it does not go to the address instead."""
    server, ports = start(mitigations=[SERVER_OUTBOUND], notify_route="contact")
    phone = call("tcp", ports["tcp"])
    phone.ask("REGISTER", Contact=f"<sip:alice@{HOST}:{ports['tcp']};transport=tcp;ob>{DEVICE}", Supported="outbound")
    phone.sock.close()
    server.event("flow", state="closed")
    server.command("options", probe="o1", within=5.0)
    assert server.event("probe")["reason"] == "flow-gone"


def test_no_outbound_unless_switched_on(start: Start, call: Call) -> None:
    """A registrar without it binds the address, and says nothing of it."""
    _, ports = start()
    phone = call("tcp", ports["tcp"])
    answer = phone.ask("REGISTER", Contact=f"<{phone.uri};ob>{DEVICE}", Supported="outbound")
    assert (answer.first("Require"), answer.first("Flow-Timer")) == (None, None)


# Flows


@pytest.mark.parametrize("transport", ["tcp", "tls"])
@pytest.mark.parametrize("answers", [True, False])
def test_pings(start: Start, call: Call, transport: str, *, answers: bool) -> None:
    """A double CRLF gets a single one, or nothing (RFC 5626 §3.5.1)."""
    server, ports = start(answers_crlf=answers)
    phone = call(transport, ports[transport])
    phone.send(b"\r\n\r\n")
    assert server.event("crlf-ping")["answered"] is answers
    phone.send(phone.request("OPTIONS"))
    first = phone.sock.recv(2)
    assert first == (b"\r\n" if answers else b"SI")


IDLE_S = 1.0


@pytest.mark.parametrize("transport", ["tcp", "tls"])
@pytest.mark.parametrize("ends_with", ["fin", "rst"])
def test_an_idle_connection_is_ended(start: Start, call: Call, transport: str, ends_with: str) -> None:
    """In order or at once, so long after what last came or went; and the server says why."""
    server, ports = start(idle_after=IDLE_S, idle_ends_with=ends_with)
    phone = call(transport, ports[transport])
    phone.ask("OPTIONS")
    answered = server.event("response-sent")["at"]
    if ends_with == "fin":
        assert phone.sock.recv(1) == b""
    else:
        with socket.socket(fileno=phone.sock.detach()) as sock:  # beneath TLS
            sock.settimeout(DEADLINE)
            with pytest.raises(ConnectionResetError):
                sock.recv(1)
    ended = server.event("flow", state="closed")
    assert ended["reason"] == "idle-timeout"
    assert ended["at"] - answered == pytest.approx(IDLE_S, abs=0.3)


@pytest.mark.parametrize("transport", ["tcp", "tls"])
@pytest.mark.parametrize("counts", [True, False])
def test_whether_crlf_keeps_an_idle_connection(start: Start, call: Call, transport: str, *, counts: bool) -> None:
    """Pings and their pongs are traffic, or not; a request is, either way."""
    server, ports = start(idle_after=IDLE_S, idle_crlf_counts=counts)
    phone = call(transport, ports[transport])
    began = time.monotonic()
    for method in ("OPTIONS", None, None):
        time.sleep(IDLE_S * 0.6)  # what is tested is that this much time passes
        phone.send(phone.request(method) if method else b"\r\n\r\n")
    ended = server.event("flow", state="closed")["at"] - began
    assert ended == pytest.approx(IDLE_S * (2.8 if counts else 1.6), abs=0.4)


def test_a_connection_lasts_without_an_idle_timeout(start: Start, call: Call) -> None:
    """The same silence, and nothing ends."""
    server, ports = start()
    phone = call("tcp", ports["tcp"])
    phone.ask("OPTIONS")
    time.sleep(IDLE_S * 1.5)  # longer than the timeout of the tests above
    assert phone.ask("OPTIONS").code == 200
    server.event("response-sent")
    assert not [event for event in server.seen("flow") if event["state"] == "closed"]


def test_line_ends_over_udp_are_nothing(start: Start, call: Call) -> None:
    """No answer, no flow, no event."""
    server, ports = start()
    phone = call("udp", ports["udp"])
    for data in (b"\r\n", b"\r\n\r\n", b""):
        phone.sock.send(data)
    assert phone.ask("OPTIONS").code == 200
    server.event("response-sent")
    assert [event["ev"] for event in server.log] == ["server-ready", "flow", "request", "response-sent"]


def close_orderly(phone: Phone) -> None:
    assert isinstance(phone.sock, ssl.SSLSocket)
    phone.sock.unwrap()


@pytest.mark.parametrize(
    ("transport", "end", "state", "reason"),
    [
        ("tcp", lambda phone: phone.sock.close(), "closed", "fin"),
        ("tcp", lambda phone: phone.sock.shutdown(socket.SHUT_WR), "closed", "fin"),
        ("tcp", Phone.reset, "reset", "Connection reset by peer"),
        ("tls", lambda phone: phone.sock.close(), "closed", "fin"),
        ("tls", close_orderly, "closed", "close-notify"),
        ("tls", Phone.reset, "reset", "Connection reset by peer"),
    ],
)
def test_how_a_connection_ends(
    start: Start, call: Call, transport: str, end: Callable[[Phone], None], state: str, reason: str
) -> None:
    """FIN, reset and TLS's own farewell are told apart."""
    server, ports = start()
    phone = call(transport, ports[transport])
    phone.ask("OPTIONS")
    end(phone)
    ended = server.event("flow", id="f1", state=state)
    assert (ended["reason"], ended["transport"], ended["peer"]) == (reason, transport, phone.peer)


@pytest.mark.parametrize("transport", ["tcp", "tls"])
def test_a_connection_that_times_out(transport: str) -> None:
    """The kernel giving up reaches us as an OSError with its errno; loopback cannot be made to do that."""
    ends: list[tuple[str, str, str]] = []

    class Recorder:
        def flow_opened(self, flow: Flow) -> None: ...

        def flow_ready(self, flow: Flow) -> None: ...

        def flow_received(self, flow: Flow, item: Item) -> None: ...

        def flow_ended(self, flow: Flow, state: str, reason: str) -> None:
            ends.append((flow.transport, state, reason))

    StreamFlow(Recorder(), transport, "127.0.0.1").connection_lost(TimeoutError(110, "Connection timed out"))
    assert ends == [(transport, "failed", "Connection timed out")]


def test_a_handshake_that_fails(start: Start, call: Call) -> None:
    """Plain SIP on the TLS port, a client that does not trust the server: both are seen, both end only that flow."""
    server, ports = start()
    plain = call("tcp", ports["tls"])
    plain.send(plain.request("OPTIONS"))
    assert server.event("flow", id="f1", state="failed")["reason"]
    stranger = call("tcp", ports["tls"])
    with pytest.raises(ssl.SSLCertVerificationError):
        ssl.create_default_context().wrap_socket(stranger.sock, server_hostname=HOST)
    assert "UNKNOWN_CA" in server.event("flow", id="f2", state="failed")["reason"]
    assert call("tls", ports["tls"]).ask("OPTIONS").code == 200


def test_garbage_below_tls(start: Start, call: Call) -> None:
    """Bytes that are no TLS record, on a connection that was fine so far, end that connection only."""
    server, ports = start()
    phone, other = call("tls", ports["tls"]), call("tls", ports["tls"])
    phone.subscribe()
    below = socket.socket(fileno=os.dup(phone.sock.fileno()))
    with below:
        below.sendall(b"OPTIONS sip:x SIP/2.0\r\n\r\n")
        assert server.event("flow", id="f1", state="failed")["reason"]
    assert other.ask("OPTIONS").code == 200


def test_tls_settings(start: Start, call: Call, tmp_path: Path) -> None:
    """ECDHE with the TLS 1.2 the client speaks, no tickets, secrets in the key log."""
    keylog = tmp_path / "tls.keys"
    _, ports = start(keylog=str(keylog))
    phone = call("tls", ports["tls"])
    assert isinstance(phone.sock, ssl.SSLSocket)
    assert phone.sock.version() == "TLSv1.2"
    cipher = phone.sock.cipher()
    assert cipher is not None
    assert cipher[0].startswith("ECDHE-ECDSA-")
    assert phone.sock.session is not None
    assert not phone.sock.session.has_ticket
    assert any(line.startswith("CLIENT_RANDOM ") for line in keylog.read_text().splitlines())


# Torture

SKIPPED = [
    b"this is no SIP at all\r\nContent-Length: 4\r\n\r\nbody",
    b"OPTIONS sip:x SIP/2.0\r\nl: 0\r\n\r\n",
    b"OPTIONS sip:x SIP/2.0\r\nVia: rubbish\r\nl: 2\r\n\r\nab",
    b"SIP/2.0 200 OK\r\nl: 0\r\n\r\n",
    b"SIP/2.0 200 OK\r\nVia: SIP/2.0/TCP x;branch=z9hG4bKnobody\r\nCSeq: 1 NOTIFY\r\nl: 0\r\n\r\n",
    b"SUBSCRIBE sip:x SIP/2.0\r\nl: 0\r\n" + b"v: SIP/2.0/TCP x\r\n" * 500 + b"\r\n",
    b"\r\n \r\nl:0\r\n\r\n",
]
LOST = [
    b"OPTIONS sip:x SIP/2.0\r\nVia: SIP/2.0/TCP x\r\n\r\n",
    b"OPTIONS sip:x SIP/2.0\r\nVia: SIP/2.0/TCP x\r\nContent-Length: -1\r\n\r\n",
    b"OPTIONS sip:x SIP/2.0\r\nVia: SIP/2.0/TCP x\r\nContent-Length: 99999\r\n\r\n",
    bytes(range(256)) + b"\r\n\r\n",
    b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n",
    b"x" * 70000,
]


@pytest.mark.parametrize("transport", ["tcp", "tls"])
def test_torture_that_ends(start: Start, call: Call, transport: str) -> None:
    """Malformed messages with an end leave the connection and the subscription on it alive."""
    server, ports = start()
    phone = call(transport, ports[transport])
    phone.subscribe()
    for data in SKIPPED:
        phone.send(data)
    phone.send(phone.request("OPTIONS", branch="z9hG4bKlast"))
    while "z9hG4bKlast" not in (phone.response().first("Via") or ""):
        continue
    server.command("notify", probe="p1", within=5.0)
    phone.answer(phone.notify())
    assert server.event("probe", state="answered")["flow"] == "f1"
    assert len(server.seen("malformed")) >= 5


@pytest.mark.parametrize("transport", ["tcp", "tls"])
@pytest.mark.parametrize("index", range(len(LOST)))
def test_torture_without_end(start: Start, call: Call, transport: str, index: int) -> None:
    """Where the next message would begin is not known: the connection is closed, others go on."""
    server, ports = start()
    phone, other = call(transport, ports[transport]), call(transport, ports[transport])
    phone.send(LOST[index])
    if b"Via" in LOST[index]:
        assert phone.response().code in (400, 513)
    assert phone.gone()
    assert server.event("malformed")["reason"]
    assert server.event("flow", state="closed")["reason"] == "by server"
    assert other.ask("OPTIONS").code == 200


def test_split_and_pipelined_requests(start: Start, call: Call) -> None:
    """Byte by byte, then three at once."""
    _, ports = start()
    phone = call("tls", ports["tls"])
    for byte in phone.request("OPTIONS").encode():
        phone.send(bytes([byte]))
    assert phone.response().first("CSeq") == "1 OPTIONS"
    phone.send(b"".join(phone.request("OPTIONS").encode() for _ in range(3)))
    assert [phone.response().first("CSeq") for _ in range(3)] == ["2 OPTIONS", "3 OPTIONS", "4 OPTIONS"]


def test_torture_over_udp(start: Start, call: Call) -> None:
    """Every datagram is on its own."""
    server, ports = start()
    phone = call("udp", ports["udp"])
    for data in (*SKIPPED, *LOST[:-1], b"x" * 60000):
        phone.sock.send(data)
    phone.send(phone.request("OPTIONS", branch="z9hG4bKlast"))
    while "z9hG4bKlast" not in (phone.response().first("Via") or ""):
        continue
    server.event("request", method="OPTIONS", cseq=1)
    assert len(server.seen("malformed")) >= 5


# The process


def test_same_seed_same_words(start: Start, call: Call) -> None:
    """Tags and branches are counted from the seed."""

    def words(seed: int) -> tuple[str | None, ...]:
        server, ports = start(seed=seed, ports={"udp": 0})
        response, notify = call("udp", ports["udp"]).subscribe()
        server.end()
        return NameAddr.parse(response.first("To") or "").tag, (notify.first("Via") or "").partition("branch=")[2]

    assert words(1) == words(1)
    assert words(1) != words(2)


def test_stop_closes_the_flows(start: Start, call: Call) -> None:
    """With TLS's farewell and FIN; the exit status is 0."""
    server, ports = start()
    phones = [call(transport, ports[transport]) for transport in ("tcp", "tls")]
    for phone in phones:
        assert phone.ask("OPTIONS").code == 200
    server.command("stop")
    assert [phone.sock.recv(1) for phone in phones] == [b"", b""]
    assert server.wait() == 0


def test_the_runner_is_gone(start: Start, call: Call) -> None:
    """End of file ends the server at once, subscriptions or not."""
    server, ports = start()
    call("tls", ports["tls"]).subscribe()
    server.hang_up()
    assert server.wait() == 0


@pytest.mark.parametrize(
    ("settings", "why"),
    [
        ({"address": "192.0.2.1"}, "Cannot assign requested address"),
        ({"notify_route": "pigeon"}, "starting the SIP server: notify_route 'pigeon'"),
        ({"subscription_expires": 0.5}, "starting the SIP server: expires 0.5"),
        ({"registration_expires": 1.5}, "starting the SIP server: expires 1.5"),
        ({"certificate": None}, "starting the SIP server: tls needs a certificate"),
        ({"colour": "red"}, "unexpected keyword argument 'colour'"),
    ],
)
def test_a_server_that_cannot_start(
    certificates: Certificates, settings: dict[str, Any], why: str, capfd: pytest.CaptureFixture[str]
) -> None:
    """It ends with a status that is not 0, and its log says why."""
    server = Server(certificates, **settings)
    assert server.wait() == 1
    server.end()
    assert why in capfd.readouterr().err


# Several contacts of one address


def registered(start: Start, call: Call, number: int = 2, transport: str = "tcp", **settings: Any) -> list[Phone]:
    """So many phones that have registered the same address; each knows the server."""
    server, ports = start(**settings)
    phones = [call(transport, ports[transport]) for _ in range(number)]
    for phone in phones:
        assert phone.ask("REGISTER").code == 200
        phone.server = server
    return phones


def asked(phone: Phone, method: str) -> Request:
    """The request that a phone gets next."""
    request = phone.receive()
    assert isinstance(request, Request)
    assert request.method == method
    return request


def branches(server: Server) -> list[tuple[int, str, int | None, str]]:
    """What became of each branch: its number, state, code and reason."""
    return [(one["branch"], one["state"], one["code"], one["reason"]) for one in server.seen("probe-branch")]


def invited_all(phones: list[Phone], **timing: float) -> list[Request]:
    phones[0].server.command("invite", probe="p1", **{"within": 5.0, "hold": 60.0} | timing)
    return [asked(phone, "INVITE") for phone in phones]


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_a_call_forks(start: Start, call: Call, transport: str) -> None:
    """All contacts ring with one Call-ID; the first that accepts has the call, and the other gets CANCEL."""
    old, new = registered(start, call, transport=transport)
    server: Server = new.server
    first, second = invited_all([old, new])
    assert first.first("Call-ID") == second.first("Call-ID")
    assert first.first("From") == second.first("From")
    assert first.first("Via") != second.first("Via")
    assert (first.uri, second.uri) == (old.uri, new.uri)
    old.answer(first, 180)
    server.event("probe-branch", state="ringing", branch=2)
    accepted(new, second)
    cancel = asked(old, "CANCEL")
    same = ("Via", "From", "To", "Call-ID")
    assert [cancel.first(name) for name in same] == [first.first(name) for name in same]
    assert (cancel.uri, cancel.first("CSeq")) == (first.uri, "1 CANCEL")
    old.answer(cancel)
    old.answer(first, 487)
    assert asked(old, "ACK").first("Via") == first.first("Via")
    server.event("probe-branch", branch=2, state="answered")
    assert branches(server) == [
        (1, "sent", None, ""), (2, "sent", None, ""), (2, "ringing", 180, ""), (1, "answered", 200, ""),
        (2, "cancelled", None, ""), (2, "answered", 487, ""),
    ]  # fmt: skip
    assert [one["state"] for one in server.seen("probe")] == ["sent", "ringing", "talking"]


def test_nobody_is_cancelled_before_a_provisional_answer(start: Start, call: Call) -> None:
    """CANCEL follows the 180 that comes later (RFC 3261 §9.1)."""
    old, new = registered(start, call)
    first, second = invited_all([old, new])
    accepted(new, second)
    old.answer(first, 180)
    asked(old, "CANCEL")


def test_who_accepts_second_is_hung_up_on(start: Start, call: Call) -> None:
    """ACK and BYE at once, and the call of the first goes on."""
    old, new = registered(start, call)
    first, second = invited_all([old, new])
    accepted(new, second)
    accepted(old, first)
    bye = asked(old, "BYE")
    server: Server = new.server
    server.event("probe", state="talking")
    old.answer(bye)
    old.ask("OPTIONS")  # the server has read the answer before
    server.event("request", method="OPTIONS")
    assert [one["state"] for one in server.seen("probe")] == ["sent", "talking"]


@pytest.mark.parametrize(
    ("codes", "decides"), [((486, 480), 480), ((404, 503), 404), ((603, 200), 603), ((503, 302), 302)]
)
def test_the_best_refusal_decides(start: Start, call: Call, codes: tuple[int, int], decides: int) -> None:
    """6xx first, else the lowest class, of equals the newest contact's (RFC 3261 §16.7)."""
    old, new = registered(start, call)
    server: Server = new.server
    first, second = invited_all([old, new])
    old.answer(first, codes[0])
    asked(old, "ACK")
    if codes[0] >= 600:
        new.answer(second, 180)
        new.answer(asked(new, "CANCEL"))
        new.answer(second, 487)
    else:
        new.answer(second, codes[1])
    failed = server.event("probe", state="failed")
    assert (failed["code"], failed["flow"]) == (decides, "f1" if decides == codes[0] else "f2")


def test_a_contact_that_does_not_answer_costs_time_only(start: Start, call: Call) -> None:
    """OPTIONS goes to all; one 2xx is enough, and without any the silence of the newest decides."""
    old, new = registered(start, call)
    server: Server = new.server
    server.command("options", probe="p1", within=0.3)
    old.answer(asked(old, "OPTIONS"))
    asked(new, "OPTIONS")
    answered = server.event("probe", state="answered")
    assert (answered["code"], answered["flow"]) == (200, "f1")
    failed = server.event("probe-branch", state="failed")
    assert (failed["branch"], failed["reason"], failed["flow"]) == (1, "timeout", "f2")
    server.command("options", probe="p2", within=0.3)
    failed = server.event("probe", probe="p2", state="failed")
    assert (failed["reason"], failed["flow"]) == ("timeout", "f2")


def test_branches_say_how_old_a_contact_is(start: Start, call: Call) -> None:
    """And which binding it is."""
    old, new = registered(start, call)
    server: Server = new.server
    bound = {event["id"]: event for event in (server.event("binding"), server.event("binding"))}
    server.command("options", probe="p1", within=5.0)
    one, two = server.event("probe-branch"), server.event("probe-branch")
    assert [(one["binding"], one["contact"]), (two["binding"], two["contact"])] == [("b2", new.uri), ("b1", old.uri)]
    for event in (one, two):
        assert event["age"] == pytest.approx(event["at"] - bound[event["binding"]]["at"], abs=0.1)


# How contacts are kept


@pytest.mark.parametrize(
    ("matches_by", "more", "kept"),
    [
        ("contact", {}, ["b1", "b2"]),
        ("contact", {"device": DEVICE}, ["b1", "b2"]),
        ("instance", {"device": DEVICE}, ["b1"]),
        ("instance", {}, ["b1", "b2"]),
        ("connection", {"device": DEVICE}, ["b1", "b2"]),
    ],
)
def test_what_replaces_a_contact(
    start: Start, call: Call, matches_by: str, more: dict[str, str], kept: list[str]
) -> None:
    """A phone comes with another contact, on another connection."""
    server, ports = start(matches_by=matches_by)
    for _ in range(2):
        phone = call("tcp", ports["tcp"])
        answer = phone.ask("REGISTER", Contact=f"<{phone.uri}>{more.get('device', '')}")
    assert len(answer.all("Contact")) == len(kept)
    assert answer.first("Require") is None  # this is not SIP outbound
    assert sorted({server.event("binding")["id"], server.event("binding")["id"]}) == kept


def test_another_contact_on_the_same_connection(start: Start, call: Call) -> None:
    """Replaces the one before where connections are matched, though the phone asks for that one's removal, too."""
    server, ports = start(matches_by="connection")
    phone = call("tcp", ports["tcp"])
    phone.ask("REGISTER")
    both = f"<sip:alice@198.51.100.2:7;transport=tcp>, <{phone.uri}>;expires=0"
    assert len(phone.ask("REGISTER", Contact=both).all("Contact")) == 1
    assert [server.event("binding")[key] for key in ("id",)] == ["b1"]
    changed = server.event("binding")
    assert (changed["id"], changed["state"], changed["contact"]) == (
        "b1",
        "refreshed",
        "sip:alice@198.51.100.2:7;transport=tcp",
    )


def test_the_oldest_contact_makes_room(start: Start, call: Call) -> None:
    """With two places, the third contact costs the one that registered first; a refresh makes a contact young again."""
    server, ports = start(at_most=2, removes_oldest=True)
    phones = [call("tcp", ports["tcp"]) for _ in range(3)]
    for phone in (*phones[:2], phones[0], phones[2]):
        answer = phone.ask("REGISTER")
    assert len(answer.all("Contact")) == 2
    assert server.event("binding", state="removed")["contact"] == phones[1].uri


def test_one_contact_too_many_is_refused(start: Start, call: Call) -> None:
    """503, and those that are there stay and can be refreshed."""
    _, ports = start(at_most=2)
    phones = [call("tcp", ports["tcp"]) for _ in range(3)]
    assert [phone.ask("REGISTER").code for phone in (*phones, phones[0])] == [200, 200, 503, 200]


@pytest.mark.parametrize(("asked_for", "code"), [("59", 423), ("60", 200), ("0", 200)])
def test_too_short_an_expiry(start: Start, call: Call, asked_for: str, code: int) -> None:
    """Is refused with the least that is granted (RFC 3261 §10.3 step 7); to remove is no expiry."""
    _, ports = start(least_expires=60.0)
    answer = call("tcp", ports["tcp"]).ask("REGISTER", Expires=asked_for)
    assert (answer.code, answer.first("Min-Expires")) == (code, "60" if code == 423 else None)


@pytest.mark.parametrize("removes_closed", [False, True])
def test_a_contact_whose_connection_ends(start: Start, call: Call, removes_closed: bool) -> None:
    """Is kept, or is removed with it."""
    old, new = registered(start, call, removes_closed=removes_closed)
    server: Server = new.server
    old.sock.close()
    server.event("flow", state="closed")
    assert len(new.ask("REGISTER").all("Contact")) == (1 if removes_closed else 2)
    server.event("binding", id="b2", state="refreshed")
    assert [one["id"] for one in server.seen("binding") if one["state"] == "removed"] == ["b1"] * removes_closed


# Requests for a contact whose connection is gone


def gone(start: Start, call: Call, **settings: Any) -> tuple[Server, dict[str, int], socket.socket]:
    """A server with one contact whose connection is gone; where the contact can be connected to."""
    server, ports = start(**settings)
    listener = socket.create_server((HOST, 0))
    listener.settimeout(DEADLINE)
    phone = call("tcp", ports["tcp"])
    phone.ask("REGISTER", Contact=f"<sip:alice@{HOST}:{listener.getsockname()[1]};transport=tcp>")
    phone.sock.close()
    server.event("flow", state="closed")
    return server, ports, listener


@pytest.mark.parametrize("route", ["flow", "contact"])
def test_a_request_that_fails_at_once(start: Start, call: Call, route: str) -> None:
    """There is no connection, and none is made."""
    server, _, listener = gone(start, call, notify_route=route, on_gone_connection="fail")
    server.command("options", probe="p1", within=5.0)
    failed = server.event("probe", state="failed")
    assert (failed["reason"], failed["flow"]) == ("flow-gone", "f1")
    assert branches(server) == [(1, "failed", None, "flow-gone")]
    listener.setblocking(False)
    with pytest.raises(BlockingIOError):
        listener.accept()
    listener.close()


@pytest.mark.parametrize("route", ["flow", "contact"])
def test_a_request_that_connects(start: Start, call: Call, route: str) -> None:
    """To the host and port of the Contact."""
    server, _, listener = gone(start, call, notify_route=route, on_gone_connection="connect")
    server.command("options", probe="p1", within=5.0)
    connection, _ = listener.accept()
    assert connection.recv(65536).startswith(b"OPTIONS ")
    server.event("flow", state="connected")
    connection.close()
    listener.close()


@pytest.mark.parametrize("kind", ["options", "message", "invite"])
def test_a_request_that_waits(start: Start, call: Call, kind: str) -> None:
    """The phone registers anew, and gets it on its new connection."""
    server, ports, listener = gone(start, call, on_gone_connection="wait", wait=5.0)
    listener.close()
    server.command(kind, probe="p1", within=8.0, **({"hold": 0.1} if kind == "invite" else {}))
    server.event("probe-branch", state="waiting")
    phone = call("tcp", ports["tcp"])
    phone.ask("REGISTER")
    asked(phone, kind.upper())
    assert server.event("probe", state="sent")["flow"] == "f2"
    server.event("probe-branch", state="sent")
    assert branches(server) == [
        (1, "waiting", None, ""), (1, "failed", None, "registered-anew"), (2, "sent", None, "")
    ]  # fmt: skip


def test_a_request_that_waits_in_vain(start: Start, call: Call) -> None:
    """For so long and no longer, and not for the caller's whole patience."""
    server, ports, listener = gone(start, call, on_gone_connection="wait", wait=0.2)
    listener.close()
    server.command("options", probe="p1", within=8.0)
    waiting = server.event("probe-branch", state="waiting")
    failed = server.event("probe", state="failed")
    assert (failed["reason"], failed["flow"]) == ("flow-gone", "f1")
    assert failed["at"] - waiting["at"] == pytest.approx(0.2, abs=0.15)
    phone = call("tcp", ports["tcp"])
    phone.ask("REGISTER")
    phone.ask("OPTIONS")  # what comes first would be the request that waited
    assert branches(server) == [(1, "waiting", None, ""), (1, "failed", None, "flow-gone")]


def test_a_request_waits_for_a_phone_that_has_no_contact_left(start: Start, call: Call) -> None:
    """Its binding went with its connection."""
    server, ports, listener = gone(start, call, on_gone_connection="wait", wait=5.0, removes_closed=True)
    listener.close()
    server.command("options", probe="p1", within=8.0)
    phone = call("tcp", ports["tcp"])
    phone.ask("REGISTER")
    phone.answer(asked(phone, "OPTIONS"))
    assert server.event("probe", state="answered")["code"] == 200
