"""What mitigations of the server do to the real pjsip client, on loopback."""

from __future__ import annotations

from typing import Any

import pytest

from lab.mitigations.catalog import to_command
from lab.mitigations.flow_timer import FlowTimer
from lab.mitigations.idle_time import IdleTime
from lab.mitigations.server_crlf import ServerCrlf
from lab.mitigations.server_options import ServerOptions
from lab.mitigations.server_outbound import ServerOutbound
from lab.mitigations.short_expiry import ShortExpiry
from lab.units import Seconds
from tests.contract.pjsip_testbed import Actor, ActorTestbed

IDLE = IdleTime(time=Seconds(2))
"""Stands for the 33 s, so that a test need not wait for them."""


def start(
    testbed: ActorTestbed,
    *mitigations: Any,
    client: tuple[Any, ...] = (),
    transport: str = "tls",
    account: str = "subscribe",
) -> tuple[Actor, Actor]:
    """A server with these mitigations, and a client that is set up."""
    server = testbed.server_that({transport: 0}, mitigations=[to_command(mitigation) for mitigation in mitigations])
    port = server.expect("server-ready")["ports"][transport]
    alice = testbed.client(port, *client, transport=transport, account=account)
    alice.expect("subscribed")
    return server, alice


@pytest.mark.parametrize("transport", ["udp", "tls"])
def test_short_expiry_is_refreshed_soon(testbed: ActorTestbed, transport: str) -> None:
    """Granted 7 s instead of 600, pjsip refreshes 5 s before the end."""
    server, _ = start(testbed, ShortExpiry(expiry=Seconds(7)), transport=transport)
    first = server.expect("server-subscription", state="active", expires=7)
    again = server.expect("server-subscription", state="refreshed", expires=7)
    assert again["at"] - first["at"] == pytest.approx(2, abs=0.5)


def test_short_expiry_does_not_lengthen(testbed: ActorTestbed) -> None:
    """What the scenario grants is the most; the mitigation bounds it."""
    server = testbed.server_that(
        {"tls": 0}, subscription_expires=7.0, mitigations=[to_command(ShortExpiry(expiry=Seconds(30)))]
    )
    testbed.client(server.expect("server-ready")["ports"]["tls"])
    assert server.expect("server-subscription", state="active")["expires"] == 7


@pytest.mark.parametrize("transport", ["udp", "tcp", "tls"])
def test_server_options_are_answered(testbed: ActorTestbed, transport: str) -> None:
    """On the flow in use, at the interval, and pjsip answers 200."""
    server, _ = start(testbed, ServerOptions(interval=Seconds(0.4)), transport=transport)
    flow = server.expect("server-subscription", state="active")["flow"]
    first = server.expect("keep-alive", kind="options", state="answered", code=200, flow=flow)
    second = server.expect("keep-alive", kind="options", state="answered", code=200, flow=flow)
    assert second["at"] - first["at"] == pytest.approx(0.4, abs=0.2)


def test_server_options_keep_the_connection(testbed: ActorTestbed) -> None:
    """Answering starts pjsip's idle timer afresh."""
    server, alice = start(testbed, ServerOptions(interval=Seconds(0.8)), client=(IDLE,))
    for _ in range(4):
        server.expect("keep-alive", state="answered")
    assert [event["state"] for event in alice.events if event["ev"] == "transport"] == ["connected"]


def test_server_crlf_is_nothing_to_pjsip(testbed: ActorTestbed) -> None:
    """No answer, and the idle timer runs on."""
    server, alice = start(testbed, ServerCrlf(interval=Seconds(0.4)), client=(IDLE,))
    subscribed = alice.events[-1]["at"]
    server.expect("keep-alive", kind="crlf", state="sent")
    ended = alice.expect("transport", state="destroyed", reason="idle-timer")
    assert ended["at"] - subscribed == pytest.approx(2, abs=0.3)
    server.expect("flow", state="closed")
    server.says_nothing(for_s=1.0)  # nor does it go on sending
    sent = [event for event in server.events if event["ev"] == "keep-alive"]
    assert len(sent) >= 3
    assert not [event for event in server.events if event["ev"] == "crlf-ping"]


def test_server_crlf_over_udp(testbed: ActorTestbed) -> None:
    """A datagram of line ends is ignored, and the client is reached all the same."""
    server, alice = start(testbed, ServerCrlf(interval=Seconds(0.3)), transport="udp")
    for _ in range(2):
        server.expect("keep-alive", kind="crlf", state="sent")
    server.tell("notify", probe="p1", within=5.0)
    assert alice.expect("notify", note="p1")


def test_flow_timer_makes_pjsua_ping(testbed: ActorTestbed) -> None:
    """A registered client sends a CRLF of its own accord; two of them are a double one to a server."""
    server, alice = start(testbed, FlowTimer(time=Seconds(2)), client=(IDLE,), account="register-and-subscribe")
    server.expect("crlf-ping")
    server.expect("crlf-ping")
    log = alice.log.with_suffix(".pjsip.log").read_text()
    assert "SIP outbound status for acc 0 is active" in log
    assert [event["state"] for event in alice.events if event["ev"] == "transport"] == ["connected"]


@pytest.mark.parametrize("mitigations", [(), (ServerOutbound(),)], ids=["plain", "outbound"])
def test_server_outbound_activates_what_pjsua_asks_for(testbed: ActorTestbed, mitigations: tuple[Any, ...]) -> None:
    """pjsua asks for outbound unasked; it is active if the registrar says so."""
    _, alice = start(testbed, *mitigations, account="register-and-subscribe")
    log = alice.log.with_suffix(".pjsip.log").read_text()
    assert ("SIP outbound status for acc 0 is active" in log) is bool(mitigations)
