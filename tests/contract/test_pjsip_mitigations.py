"""What mitigations change on the wire and in the record: the real pjsip client against the scripted server.

``idle-time`` makes pjsip's 33 s as short as a test likes; what takes 32 s whatever one does is waited for side by side
in the last test.
"""

from __future__ import annotations

import os
import select
import signal
import socket
import time
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import pjsua2.pjsua2 as pj
import pytest

from lab.clients.pjsip import client
from lab.clients.pjsip.agent import UserAgent
from lab.mitigations import classes
from lab.mitigations.adaptive import Adaptive
from lab.mitigations.base import ClientSide
from lab.mitigations.crlf_keepalive import CrlfKeepalive
from lab.mitigations.drop_dead_flow import DropDeadFlow
from lab.mitigations.hold_transport import HoldTransport
from lab.mitigations.idle_time import IdleTime
from lab.mitigations.options_ping import OptionsPing
from lab.mitigations.outbound import Outbound
from lab.mitigations.pong_watchdog import PongWatchdog
from lab.mitigations.reconnect import Reconnect
from lab.mitigations.refresh_subscription import RefreshSubscription
from lab.mitigations.register import Register
from lab.mitigations.resubscribe import Resubscribe
from lab.mitigations.session_timer import SessionTimer
from lab.mitigations.tcp_keepalive import TcpKeepalive
from lab.mitigations.tcp_switch import TcpSwitch
from lab.mitigations.tcp_user_timeout import TcpUserTimeout
from lab.mitigations.tsx_timers import TsxTimers
from lab.mitigations.udp_keepalive import UdpKeepalive
from lab.units import Seconds
from tests.contract.pjsip_testbed import ADDRESS, Actor, ActorTestbed

if TYPE_CHECKING:
    from typing_extensions import Self

STREAMS = ["tcp", "tls"]


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


def start(
    testbed: ActorTestbed, *mitigations: Any, transport: str = "tls", account: str = "subscribe"
) -> tuple[Actor, Actor]:
    """A server and a client that has fallen silent."""
    server = testbed.server(**{transport: 0})
    port = server.expect("server-ready")["ports"][transport]
    alice = testbed.client(port, *mitigations, transport=transport, account=account)
    alice.expect("subscribed")
    return server, alice


def times(actor: Actor, ev: str, **fields: Any) -> list[float]:
    """When it said something, of what it has said until now."""
    wanted = {"ev": ev, **fields}
    return [event["at"] for event in actor.events if wanted.items() <= event.items()]


def pjsip_log(actor: Actor) -> str:
    return actor.log.with_suffix(".pjsip.log").read_text()


# Transports and their timers


def test_idle_time_and_crlf_keepalive(testbed: ActorTestbed) -> None:
    """Another idle time ends the transport by it; pings leave before, up to a second late, and do not put it off."""
    mitigations = IdleTime(time=Seconds(4)), CrlfKeepalive(interval=Seconds(1))
    for server, alice in [start(testbed, *mitigations, transport=transport) for transport in STREAMS]:
        silent = times(alice, "subscribed")[0]
        destroyed = alice.expect("transport", state="destroyed")
        assert destroyed["reason"] == "idle-timer"
        assert destroyed["at"] - silent == pytest.approx(4.0, abs=0.3)
        server.expect("flow", state="accepted")
        server.expect("flow", id="f1")  # its end
        pings = times(server, "crlf-ping")
        pauses = [later - earlier for earlier, later in zip([silent, *pings], pings, strict=False)]
        assert 1 <= len(pauses) <= 4
        assert all(0.9 <= pause <= 2.1 for pause in pauses), pauses
        assert times(alice, "setting", name="idle-time", time=4.0)
        assert times(alice, "setting", name="crlf-interval", interval=1.0)


def test_register_holds_a_reference(testbed: ActorTestbed) -> None:
    """A subscribe-only account registers after all, asks for its expiry, and outlives the idle time."""
    server, alice = start(testbed, Register(expiry=Seconds(120)), IdleTime(time=Seconds(1)))
    assert [event["expires"] for event in alice.events if event["ev"] == "registration"] == [120]
    server.expect("binding", expires=120)
    alice.says_nothing(for_s=3.0)
    server.tell("notify", probe="p1", within=5.0)
    alice.expect("notify", note="p1")


@pytest.mark.parametrize("transport", STREAMS)
def test_socket_options_are_the_kernels(testbed: ActorTestbed, transport: str) -> None:
    """Four options, read back from the socket of the connection, on TCP and on TLS."""
    _, alice = start(testbed, TcpKeepalive(idle=Seconds(25), interval=Seconds(7), count=3), transport=transport)
    seen = {event["name"]: event["value"] for event in alice.events if event["ev"] == "socket-option"}
    assert seen == {"SO_KEEPALIVE": 1, "TCP_KEEPIDLE": 25, "TCP_KEEPINTVL": 7, "TCP_KEEPCNT": 3}


def test_user_timeout_beside_keepalive(testbed: ActorTestbed) -> None:
    """Three options of one mitigation and one of another."""
    _, alice = start(testbed, TcpKeepalive(idle=Seconds(25), interval=Seconds(7)), TcpUserTimeout(time=Seconds(30)))
    seen = {event["name"]: event["value"] for event in alice.events if event["ev"] == "socket-option"}
    assert seen == {"SO_KEEPALIVE": 1, "TCP_KEEPIDLE": 25, "TCP_KEEPINTVL": 7, "TCP_USER_TIMEOUT": 30000}


def test_too_many_socket_options_end_the_client(testbed: ActorTestbed) -> None:
    """A fifth, which pjsip would drop without a word, is a lab fault."""
    server = testbed.server(tls=0)
    port = server.expect("server-ready")["ports"]["tls"]
    alice = testbed.client(
        port, TcpKeepalive(idle=Seconds(25), interval=Seconds(7), count=3), TcpUserTimeout(time=Seconds(30))
    )
    assert alice.end() != 0
    assert "setting TCP_USER_TIMEOUT: pjsip passes 4 options at most" in alice.log.read_text()


def test_a_setting_made_twice_ends_the_client(testbed: ActorTestbed) -> None:
    """The second would undo the first."""
    server = testbed.server(tls=0)
    port = server.expect("server-ready")["ports"]["tls"]
    alice = testbed.client(port, CrlfKeepalive(interval=Seconds(5)), PongWatchdog(interval=Seconds(9)))
    assert alice.end() != 0
    assert "setting the interval of pjsip's CRLF keep-alive: two mitigations set it" in alice.log.read_text()


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


# Dead connections


def test_pong_watchdog(testbed: ActorTestbed) -> None:
    """Without pongs the connection is given up after interval, a second, and patience; the client subscribes anew."""
    mitigations = PongWatchdog(interval=Seconds(1), within=Seconds(0.5)), HoldTransport()
    answering, kept = start(testbed, *mitigations)
    losing = []
    for transport in STREAMS:
        mute = testbed.server_that({transport: 0}, answers_crlf=False)
        port = mute.expect("server-ready")["ports"][transport]
        losing.append((mute, testbed.client(port, *mitigations, transport=transport)))
    for mute, lost in losing:
        silent = lost.expect("subscribed")["at"]
        assert lost.expect("unanswered", patience=0.5)["at"] - silent == pytest.approx(2.5, abs=0.2)
        mute.expect("crlf-ping", answered=False)
        lost.expect("ref", id="tp1", held=False)
        lost.expect("transport", id="tp1", state="destroyed", reason="given up: no answer within 0.5 s")
        lost.expect("ref", id="tp2", held=True)
        lost.expect("subscription", state="active")
        mute.tell("notify", probe="p1", within=5.0)
        lost.expect("notify", note="p1")
    answering.expect("crlf-ping")
    answering.expect("crlf-ping")
    kept.says_nothing(for_s=0.0)


def test_reconnect_sees_a_bare_destroy(testbed: ActorTestbed) -> None:
    """The idle timer's end, reported as "destroyed" alone, is repaired; also the second one."""
    server, alice = start(testbed, Reconnect(first=Seconds(0.4)), IdleTime(time=Seconds(1)))
    for id_, subscription in (("tp1", "s2"), ("tp2", "s3")):
        gone = alice.expect("transport", id=id_, state="destroyed", reason="idle-timer")["at"]
        back = server.expect("server-subscription", state="active", id=subscription)["at"]
        assert 0.2 + 0.5 <= back - gone <= 0.4 + 0.5 + 0.3
    server.tell("notify", probe="p1", within=5.0)
    alice.expect("notify", note="p1")


@pytest.mark.alone  # pauses to a tenth of a second
def test_reconnect_backs_off_until_the_server_is_back(testbed: ActorTestbed) -> None:
    """Refused connections: each pause is about twice the one before; the seed decides how long exactly."""
    server, alice = start(testbed, Reconnect(first=Seconds(0.2), longest=Seconds(60)), Register(expiry=Seconds(300)))
    port = server.events[0]["ports"]["tls"]
    server.tell("stop")
    assert server.end() == 0
    gone = alice.expect("transport", id="tp1", state="disconnected")["at"]
    refused = [gone]
    while len(refused) < 5:
        event = alice.expect("transport", state="disconnected", reason="Connection refused")
        if event["at"] - refused[-1] > 0.05:  # REGISTER and SUBSCRIBE fail on connections of their own
            refused.append(event["at"])
    pauses = [b - a for a, b in pairwise(refused)]
    for number, pause in enumerate(pauses):
        assert 0.5 * 0.2 * 2**number <= pause <= 0.2 * 2**number + 0.1
    again = testbed.server(tls=port)
    again.expect("binding", state="active")
    again.expect("server-subscription", state="active")
    again.tell("notify", probe="p1", within=5.0)
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


# What a network's patience is


def test_adaptive(testbed: ActorTestbed) -> None:
    """Twice as long each time, on connections of its own; pjsip pings accordingly, and the next client knows it."""
    adaptive = Adaptive(start=Seconds(1), longest=Seconds(4))
    server, alice = start(testbed, adaptive, HoldTransport())
    assert alice.expect("interval-tried", safe=True)["interval"] == 2.0
    assert alice.expect("interval-tried", safe=True)["interval"] == 4.0
    assert alice.expect("interval-used")["interval"] == 3
    for _ in range(3):  # SIP, and one for each interval
        server.expect("flow", state="accepted")
    alice.says_nothing(for_s=1.0)
    _, successor = start(testbed, adaptive, HoldTransport())
    assert [event["interval"] for event in successor.events if event["ev"] == "setting"] == [3]
    successor.says_nothing(for_s=0.5)


# What takes 32 s


@pytest.mark.waits(35)
def test_side_by_side_for_33_seconds(testbed: ActorTestbed) -> None:
    """The idle timer; settings that do not stop it; a request into a connection that is dead above TCP."""
    server, none = start(testbed)
    port = server.events[0]["ports"]["tls"]
    settings = (TcpSwitch(), TsxTimers(t1=Seconds(60), t2=Seconds(4)), CrlfKeepalive(interval=Seconds(10)))
    advised = testbed.client(port, *settings)
    advised.expect("subscribed")
    held = testbed.client(port, HoldTransport())  # the last to subscribe, so the one the server will notify
    held.expect("subscribed")
    mute, dropping = start(testbed, OptionsPing(interval=Seconds(1)), DropDeadFlow(), Reconnect(first=Seconds(0.5)))
    also_mute, using_on = start(testbed, OptionsPing(interval=Seconds(1)), HoldTransport())
    for dead in (mute, also_mute):
        os.kill(dead.process.pid, signal.SIGSTOP)
    held.says_nothing(for_s=2.0)
    before = wake_ups(held.process.pid)

    for alice in (none, advised):
        destroyed = alice.expect("transport", within=40, id="tp1", state="destroyed", reason="idle-timer")
        assert destroyed["at"] - times(alice, "subscribed")[0] == pytest.approx(33.0, abs=0.5)
    held.says_nothing(for_s=0.5)
    assert wake_ups(held.process.pid) == before
    server.tell("notify", probe="p36", within=5.0)
    held.expect("notify", note="p36")

    unanswered = dropping.expect("options-answer", code=408)
    assert dropping.expect("unanswered", patience=32.0)["at"] - unanswered["at"] < 0.1
    dropping.expect("transport", id="tp1", state="shutdown")
    using_on.expect("options-answer", code=408)
    for dead in (mute, also_mute):
        os.kill(dead.process.pid, signal.SIGCONT)
    dropping.expect("transport", id="tp2", state="connected")
    dropping.expect("subscription", state="active")
    assert times(using_on, "transport") == times(using_on, "transport", id="tp1", state="connected")


def wake_ups(pid: int) -> int:
    total = 0
    for task in Path(f"/proc/{pid}/task").iterdir():
        (line,) = (line for line in (task / "status").read_text().splitlines() if line.startswith("voluntary"))
        total += int(line.split()[1])
    return total
