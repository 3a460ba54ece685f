"""Probes of every kind against the real pjsip client, on loopback."""

from __future__ import annotations

import pytest

from tests.contract.pjsip_testbed import ActorTestbed, start


@pytest.mark.parametrize("account", ["subscribe", "register-and-subscribe"])
@pytest.mark.parametrize("transport", ["udp", "tcp", "tls"])
def test_message(testbed: ActorTestbed, transport: str, account: str) -> None:
    """Answered 200, and the application gets the text."""
    server, alice = start(testbed, transport=transport, account=account)
    server.tell("message", probe="p1", within=5.0)
    assert alice.expect("message")["text"] == "p1"
    assert server.expect("probe", state="answered", kind="message")["code"] == 200


@pytest.mark.parametrize("transport", ["udp", "tcp", "tls"])
def test_invite(testbed: ActorTestbed, transport: str) -> None:
    """Accepted, held for as long as was asked, and ended by our BYE."""
    server, alice = start(testbed, transport=transport)
    server.tell("invite", probe="p1", within=5.0, hold=0.7)
    talking = server.expect("probe", state="talking", kind="invite")
    confirmed = alice.expect("call", state="confirmed")
    answered = server.expect("probe", state="answered", kind="invite")
    assert answered["at"] - talking["at"] == pytest.approx(0.7, abs=0.3)
    assert alice.expect("call", state="disconnected")["call_id"] == confirmed["call_id"]
    states = [event["state"] for event in server.events if event["ev"] == "probe"]
    assert states == ["sent", "talking", "ending", "answered"]
