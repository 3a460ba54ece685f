"""What mitigations change in the requests of the real pjsip client: when they are sent, over what, and what they say.

``idle-time`` makes pjsip's 33 s as short as a test likes.
"""

from __future__ import annotations

import select
import socket
import time
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any, ClassVar

import pjsua2.pjsua2 as pj
import pytest

from lab.clients.pjsip import client
from lab.clients.pjsip.agent import UserAgent
from lab.mitigations import classes
from lab.mitigations.base import ClientSide
from lab.mitigations.idle_time import IdleTime
from lab.mitigations.outbound import Outbound
from lab.mitigations.refresh_subscription import RefreshSubscription
from lab.mitigations.register import Register
from lab.mitigations.resubscribe import Resubscribe
from lab.mitigations.session_timer import SessionTimer
from lab.mitigations.tcp_switch import TcpSwitch
from lab.mitigations.tsx_timers import TsxTimers
from lab.mitigations.udp_keepalive import UdpKeepalive
from lab.units import Seconds
from tests.contract.pjsip_testbed import ADDRESS, ActorTestbed, pjsip_log, start, times

if TYPE_CHECKING:
    from typing_extensions import Self


@dataclass(frozen=True, kw_only=True, slots=True)
class LargeOptions(ClientSide):
    """Sends one request above 1300 bytes from a client that could do so over TCP."""

    kind: ClassVar[str] = "large-options"
    source: ClassVar[str] = "test"

    def attach(self, client: Any) -> None:
        agent: UserAgent = client

        def send() -> None:
            agent._endpoint.transportCreate(pj.PJSIP_TRANSPORT_TCP, pj.TransportConfig())
            request = pj.SendRequestParam()
            request.method = "OPTIONS"
            request.txOption.targetUri = f"sip:{ADDRESS}:{agent._settings.port}"
            header = pj.SipHeader()
            header.hName, header.hValue = "Subject", "x" * 1300
            request.txOption.headers.append(header)
            agent._options[0] = (request, 1)
            agent._account.sendRequest(request)

        agent.on_set_up(send)


@dataclass(frozen=True, kw_only=True, slots=True)
class CallOut(ClientSide):
    """Calls the peer once the client is set up."""

    kind: ClassVar[str] = "call-out"
    source: ClassVar[str] = "test"

    def attach(self, client: Any) -> None:
        agent: UserAgent = client
        calls = []

        def call() -> None:
            calls.append(pj.Call(agent._account))
            calls[0].makeCall(f"sip:bob@{ADDRESS}", pj.CallOpParam(True))

        agent.on_set_up(call)


def with_test_mitigations(sock: socket.socket) -> None:
    ours: dict[str, Any] = {cls.kind: cls for cls in (LargeOptions, CallOut)}
    client.run(sock, classes() | ours)


# Subscriptions


def test_refresh_subscription_stays_in_its_dialog(testbed: ActorTestbed) -> None:
    """SUBSCRIBE at the interval with the first one's Call-ID; the server sees one subscription, refreshed."""
    server, alice = start(testbed, RefreshSubscription(interval=Seconds(0.5)))
    first = server.expect("request", method="SUBSCRIBE")
    seen = [server.expect("server-subscription", state="refreshed", id="s1", expires=600)["at"] for _ in range(3)]
    assert [b - a for a, b in pairwise(seen)] == pytest.approx([0.5, 0.5], abs=0.2)
    ids = {event["call_id"] for event in server.events if event["ev"] == "request"}
    assert ids == {first["call_id"]}
    assert times(alice, "subscription", state="terminated") == []


def test_refresh_subscription_after_a_lost_connection(testbed: ActorTestbed) -> None:
    """The same dialog goes on over the new connection, with the Contact of the old one."""
    server, alice = start(testbed, RefreshSubscription(interval=Seconds(2)), IdleTime(time=Seconds(1)))
    before = server.expect("server-subscription", state="active")
    alice.expect("transport", id="tp1", state="destroyed", reason="idle-timer")
    after = server.expect("server-subscription", state="refreshed")
    assert after["id"] == before["id"]
    assert after["flow"] != before["flow"]
    assert after["contact"] == before["contact"]
    server.tell("notify", probe="p1", within=5.0)
    alice.expect("notify", note="p1")


def test_resubscribe_begins_a_new_dialog(testbed: ActorTestbed) -> None:
    """The old subscription is ended, and half a second later there is another, with another Call-ID and Contact."""
    server, alice = start(testbed, Resubscribe(interval=Seconds(2)), IdleTime(time=Seconds(1)))
    before = server.expect("server-subscription", state="active")
    ended = server.expect("server-subscription", state="terminated", id="s1")
    after = server.expect("server-subscription", state="active", id="s2")
    assert after["at"] - ended["at"] == pytest.approx(0.5, abs=0.2)
    assert after["contact"] != before["contact"]
    subscribes = [event["call_id"] for event in server.events if event["ev"] == "request"]
    assert subscribes[0] == subscribes[1] != subscribes[2]
    server.tell("notify", probe="p1", within=5.0)
    alice.expect("notify", note="p1")


# Registrations, UDP, calls


def test_outbound_in_the_register(testbed: ActorTestbed) -> None:
    """Instance id and reg-id as asked for; without the mitigation pjsua's own."""
    instance = "urn:uuid:00000000-0000-1000-8000-000a95a0e128"
    _, named = start(testbed, Register(expiry=Seconds(300)), Outbound(reg_id=2, instance_id=instance))
    _, unnamed = start(testbed, Register(expiry=Seconds(300)))
    assert f';reg-id=2;+sip.instance="<{instance}>"' in pjsip_log(named)
    assert ';reg-id=1;+sip.instance="<urn:uuid:' in pjsip_log(unnamed)
    assert instance not in pjsip_log(unnamed)


@pytest.mark.alone  # retransmissions to tenths of a second
def test_over_udp(testbed: ActorTestbed) -> None:
    """Keep-alive and retransmissions of four clients, side by side."""
    server = testbed.server(udp=0)
    port = server.expect("server-ready")["ports"]["udp"]
    keepalive = UdpKeepalive(interval=Seconds(2))
    with UdpRelay(port) as registered, UdpRelay(port) as unregistered, UdpRelay() as usual, UdpRelay() as changed:
        testbed.client(registered.port, Register(expiry=Seconds(300)), keepalive, transport="udp")
        testbed.client(unregistered.port, keepalive, transport="udp")
        testbed.client(usual.port, transport="udp")
        alice = testbed.client(changed.port, TsxTimers(t1=Seconds(60), t2=Seconds(4)), transport="udp")
        relay_for(5.0, registered, unregistered, usual, changed)
    # CRLF once registered, in whole seconds from 80 % of the interval to below it; nothing without registration
    at = [at for at, data in registered.from_client if data == b"\r\n"]
    assert len(at) >= 3
    pauses = [b - a for a, b in pairwise(at)]
    assert pauses == pytest.approx([1.0] * len(pauses), abs=0.1)
    assert any(data.startswith(b"SUBSCRIBE") for _, data in unregistered.from_client)
    assert all(data.strip() for _, data in unregistered.from_client)
    # Unanswered, a request leaves at 0, 0.5, 1.5 and 3.5 s; with T1 at 60 s once
    first = usual.from_client[0][0]
    assert [at - first for at, _ in usual.from_client] == pytest.approx([0, 0.5, 1.5, 3.5], abs=0.15)
    assert len(changed.from_client) == 1
    assert alice.expect("setting", name="tsx-timers")["t1"] == 60.0


@pytest.mark.parametrize(("mitigations", "transport"), [((), "tcp"), ((TcpSwitch(),), "udp")])
def test_tcp_switch(testbed: ActorTestbed, mitigations: tuple[TcpSwitch, ...], transport: str) -> None:
    """A request above 1300 bytes of a client on UDP that also has TCP: over TCP, unless the switch is disabled."""
    with socket.socket() as reserved:
        reserved.bind((ADDRESS, 0))
        port = reserved.getsockname()[1]
    server = testbed.server(udp=port, tcp=port)
    server.expect("server-ready")
    testbed.client(port, *mitigations, LargeOptions(), transport="udp", main=with_test_mitigations)
    flow = server.expect("request", method="OPTIONS")["flow"]
    flows = [event for event in server.events if event["ev"] == "flow" and event["state"] == "accepted"]
    (seen,) = (event["transport"] for event in flows if event["id"] == flow)
    assert seen == transport


def test_session_timer_in_the_invite(testbed: ActorTestbed) -> None:
    """A call asks for the session timer; without the mitigation pjsua asks for none."""
    server = testbed.server(tls=0)
    port = server.expect("server-ready")["ports"]["tls"]
    timed = testbed.client(port, SessionTimer(expiry=Seconds(120)), CallOut(), main=with_test_mitigations)
    untimed = testbed.client(port, CallOut(), main=with_test_mitigations)
    for alice in (timed, untimed):
        alice.expect("subscribed")
        server.expect("request", method="INVITE")
    assert "Session-Expires: 120" in pjsip_log(timed)
    assert "Min-SE: 90" in pjsip_log(timed)
    assert "Session-Expires: 120" not in pjsip_log(untimed)


class UdpRelay:
    """Stands between a client and a server, or in place of a server that never answers; keeps what the client sends."""

    def __init__(self, server: int | None = None) -> None:
        self.from_client: list[tuple[float, bytes]] = []
        self._server = server
        self._client: Any = None
        self._inside = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._outside = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.sockets = (self._inside, self._outside)
        for sock in self.sockets:
            sock.bind((ADDRESS, 0))
        self.port = self._inside.getsockname()[1]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for sock in self.sockets:
            sock.close()

    def pass_on(self, sock: socket.socket) -> None:
        data, source = sock.recvfrom(65536)
        if sock is self._inside:
            self._client = source
            self.from_client.append((time.monotonic(), data))
            if self._server is not None:
                self._outside.sendto(data, (ADDRESS, self._server))
        else:
            self._inside.sendto(data, self._client)


def relay_for(seconds: float, *relays: UdpRelay) -> None:
    deadline = time.monotonic() + seconds
    of = {sock: relay for relay in relays for sock in relay.sockets}
    while (left := deadline - time.monotonic()) > 0:
        for sock in select.select(list(of), [], [], left)[0]:
            of[sock].pass_on(sock)
