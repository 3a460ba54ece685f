"""What mitigations do to the connections of the real pjsip client, on the wire and in the record.

``idle-time`` makes pjsip's 33 s as short as a test likes; what takes 32 s whatever one does is waited for side by side
in the last test.
"""

from __future__ import annotations

import os
import signal
from itertools import pairwise
from pathlib import Path

import pytest

from lab.mitigations.adaptive import Adaptive
from lab.mitigations.crlf_keepalive import CrlfKeepalive
from lab.mitigations.drop_dead_flow import DropDeadFlow
from lab.mitigations.hold_transport import HoldTransport
from lab.mitigations.idle_time import IdleTime
from lab.mitigations.options_ping import OptionsPing
from lab.mitigations.pong_watchdog import PongWatchdog
from lab.mitigations.reconnect import Reconnect
from lab.mitigations.register import Register
from lab.mitigations.tcp_keepalive import TcpKeepalive
from lab.mitigations.tcp_switch import TcpSwitch
from lab.mitigations.tcp_user_timeout import TcpUserTimeout
from lab.mitigations.tsx_timers import TsxTimers
from lab.units import Seconds
from tests.contract.pjsip_testbed import ActorTestbed, start, times

# Transports and their timers

STREAMS = ["tcp", "tls"]


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
