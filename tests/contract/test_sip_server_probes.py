"""The scripted server's probes, on loopback: whom they reach, what counts as an answer, and why they fail."""

from __future__ import annotations

import time

import pytest

from lab.sip.fields import NameAddr
from lab.sip.message import Request, parse
from tests.contract.sip_phone import TRANSPORTS, Call, Start

# NOTIFY


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


# Outside any dialog


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
