"""Subscriptions at the scripted server, on loopback: how they begin, are refreshed, move to another flow, and end."""

from __future__ import annotations

import pytest

from tests.contract.sip_phone import TRANSPORTS, Call, Start


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
