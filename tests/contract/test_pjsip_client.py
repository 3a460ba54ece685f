"""The real pjsip client against the scripted server, on loopback. Each client is a fork of this process, which has
imported pjsua2 already."""

from __future__ import annotations

import os
import signal
import socket
from dataclasses import dataclass
from typing import Any, ClassVar

import pytest

from lab.actors.channel import Channel
from lab.clients.pjsip import client
from lab.clients.pjsip.agent import UserAgent
from lab.clients.pjsip.library import use_hosts_file_only
from lab.mitigations import classes
from lab.mitigations.base import ClientSide, TransportState
from lab.mitigations.hold_transport import HoldTransport
from lab.mitigations.options_ping import OptionsPing
from lab.record.events import Other
from lab.units import Seconds
from tests.contract.pjsip_testbed import ADDRESS, Actor, ActorTestbed, set_loopback


@dataclass(frozen=True, kw_only=True, slots=True)
class ReadReferences(ClientSide):
    """Says how many references there are to the newest transport, when the client has been quiet for a moment."""

    kind: ClassVar[str] = "read-references"
    source: ClassVar[str] = "test"

    def attach(self, client: Any) -> None:
        agent: UserAgent = client
        live: list[int] = []

        def on_transport(handle: int, state: TransportState) -> None:
            if state is TransportState.CONNECTED:
                live.append(handle)
            elif state is TransportState.DESTROYED and handle in live:
                live.remove(handle)

        def say() -> None:
            for handle in live[-1:]:
                agent.emit(Other(said="references", fields=str(agent.library.transport_refs(handle))))

        agent.on_transport(on_transport)
        agent.on_set_up(lambda: agent.every(0.3, say))


@dataclass(frozen=True, kw_only=True, slots=True)
class ReleaseTwice(ClientSide):
    """Misuses the library."""

    kind: ClassVar[str] = "release-twice"
    source: ClassVar[str] = "test"

    def attach(self, client: Any) -> None:
        agent: UserAgent = client

        def on_transport(handle: int, state: TransportState) -> None:
            if state is TransportState.CONNECTED:
                agent.add_transport_ref(handle)
                agent.on_set_up(lambda: agent.every(0.3, lambda: agent.release_transport_ref(handle)))

        agent.on_transport(on_transport)


def with_test_mitigations(sock: socket.socket) -> None:
    ours: dict[str, Any] = {cls.kind: cls for cls in (ReadReferences, ReleaseTwice)}
    client.run(sock, classes() | ours)


@pytest.mark.parametrize("account", ["subscribe", "register-and-subscribe"])
@pytest.mark.parametrize("transport", ["udp", "tcp", "tls"])
def test_subscribes_and_answers_a_probe(testbed: ActorTestbed, transport: str, account: str) -> None:
    """Over each transport, with or without registrar: set up, then reached by a NOTIFY whose note is in the record."""
    server = testbed.server(**{transport: 0})
    port = server.expect("server-ready")["ports"][transport]
    alice = testbed.client(port, transport=transport, account=account)
    assert alice.expect("ready")["version"] == "2.15.1"
    if transport != "udp":
        connected = alice.expect("transport", state="connected", id="tp1", type=transport, remote=f"{ADDRESS}:{port}")
        assert server.expect("flow", state="accepted")["peer"] == connected["local"]
    if account == "register-and-subscribe":
        alice.expect("registration", code=200, expires=300)
    alice.expect("subscription", state="active")
    alice.expect("subscribed")
    server.tell("notify", probe="p1", within=5.0)
    alice.expect("notify", note="p1")
    server.expect("probe", state="answered", code=200)
    alice.tell("stop")
    assert alice.end() == 0
    registered = [event for event in alice.events if event["ev"] == "registration"]
    assert len(registered) == (account == "register-and-subscribe")
    assert [event["ev"] for event in alice.events].count("subscribed") == 1


@pytest.mark.alone  # intervals to a tenth of a second
def test_options_ping(testbed: ActorTestbed) -> None:
    """OPTIONS leave at the interval, without drift, and their answers are told with their number."""
    server = testbed.server(tls=0)
    alice = testbed.client(server.expect("server-ready")["ports"]["tls"], OptionsPing(interval=Seconds(0.2)))
    fallen_silent = alice.expect("subscribed")["at"]
    for number in range(1, 6):
        sent = alice.expect("options-sent", n=number)
        assert sent["at"] - fallen_silent == pytest.approx(0.2 * number, abs=0.1)
        server.expect("request", method="OPTIONS")
        alice.expect("options-answer", n=number, code=200)


def test_without_a_mitigation_nobody_references_the_transport(testbed: ActorTestbed) -> None:
    """A subscription holds no reference: this is why the idle timer runs."""
    server = testbed.server(tls=0)
    alice = testbed.client(server.expect("server-ready")["ports"]["tls"], ReadReferences(), main=with_test_mitigations)
    assert alice.expect("other", said="references")["fields"] == "0"
    assert all(event["ev"] != "ref" for event in alice.events)


def test_hold_transport_keeps_one_reference(testbed: ActorTestbed) -> None:
    """One reference, read in the library."""
    server = testbed.server(tls=0)
    port = server.expect("server-ready")["ports"]["tls"]
    alice = testbed.client(port, HoldTransport(), ReadReferences(), main=with_test_mitigations)
    alice.expect("ref", id="tp1", held=True)
    assert alice.expect("other", said="references")["fields"] == "1"


def test_hold_transport_takes_the_next_connection(testbed: ActorTestbed) -> None:
    """The server goes and comes back: the first connection is given back and destroyed, the second is held."""
    server = testbed.server(tls=0)
    port = server.expect("server-ready")["ports"]["tls"]
    alice = testbed.client(
        port, HoldTransport(), OptionsPing(interval=Seconds(0.5)), ReadReferences(), main=with_test_mitigations
    )
    alice.expect("subscribed")
    server.tell("stop")
    assert server.end() == 0
    reason = alice.expect("transport", id="tp1", state="disconnected")["reason"]
    assert reason == "TLS closed by the other side (close_notify)"
    alice.expect("ref", id="tp1", held=False)
    alice.expect("transport", id="tp1", state="destroyed", reason=reason)
    testbed.server(tls=port).expect("server-ready")
    held = alice.expect("ref", held=True)
    assert held["id"] != "tp1"
    assert int(alice.expect("other", said="references")["fields"]) >= 1
    alice.tell("stop")
    assert alice.end() == 0


def test_stop_with_a_held_transport(testbed: ActorTestbed) -> None:
    """Ending in order with a reference still held is no misuse; the connection is closed."""
    server = testbed.server(tls=0)
    alice = testbed.client(
        server.expect("server-ready")["ports"]["tls"], HoldTransport(), OptionsPing(interval=Seconds(60))
    )
    alice.expect("subscribed")
    alice.tell("stop")
    assert alice.end() == 0
    server.expect("flow", state="closed")


def test_a_killed_client_is_noticed(testbed: ActorTestbed) -> None:
    """Its channel ends, its status tells the signal, and its connection is closed by the kernel."""
    server = testbed.server(tls=0)
    alice = testbed.client(server.expect("server-ready")["ports"]["tls"])
    alice.expect("subscribed")
    os.kill(alice.process.pid, signal.SIGKILL)
    assert alice.end() == -signal.SIGKILL
    server.expect("flow", id="f1")


def test_the_end_of_the_channel_ends_the_client(testbed: ActorTestbed) -> None:
    """A client does not outlive its runner."""
    server = testbed.server(tls=0)
    alice = testbed.client(server.expect("server-ready")["ports"]["tls"])
    alice.expect("subscribed")
    alice.process.sock.shutdown(socket.SHUT_WR)
    assert alice.end() == 0


def test_misuse_aborts_the_process(testbed: ActorTestbed) -> None:
    """A reference given back twice: SIGABRT, the assertion on stderr, and the last lines in pjsip's log."""
    server = testbed.server(tls=0)
    alice = testbed.client(server.expect("server-ready")["ports"]["tls"], ReleaseTwice(), main=with_test_mitigations)
    alice.expect("subscribed")
    assert alice.end() == -signal.SIGABRT
    stderr = alice.log.read_text()
    assert "pjsip_transport_dec_ref: Assertion" in stderr
    assert "release_transport_ref" in stderr  # where in our code
    assert "SUBSCRIBE" in alice.log.with_suffix(".pjsip.log").read_text()
    assert [event["held"] for event in alice.events if event["ev"] == "ref"] == [True, False]


def test_a_failing_callback_ends_the_client_with_its_traceback(testbed: ActorTestbed) -> None:
    """An unknown command is a lab fault: nothing is swallowed on the way through C."""
    server = testbed.server(tls=0)
    alice = testbed.client(server.expect("server-ready")["ports"]["tls"])
    alice.expect("subscribed")
    alice.tell("dance")
    assert alice.end() == 4
    assert "LabFault: client: unknown command {'do': 'dance'}" in alice.log.read_text()


def test_nobody_listens(testbed: ActorTestbed) -> None:
    """The reason of a failed connection is pjsip's text."""
    with socket.socket() as reserved:
        reserved.bind((ADDRESS, 0))
        alice = testbed.client(reserved.getsockname()[1])
        assert "Connection refused" in alice.expect("transport", state="disconnected")["reason"]
        alice.tell("stop")
        assert alice.end() == 0


@pytest.mark.kernel
def test_without_a_route_options_fail_at_once(testbed_apart: ActorTestbed) -> None:
    """pjsip both calls back and raises then: one answer in the record, and the client goes on."""
    server = testbed_apart.server(udp=0)
    port = server.expect("server-ready")["ports"]["udp"]
    alice = testbed_apart.client(port, OptionsPing(interval=Seconds(0.3)), transport="udp")
    alice.expect("options-answer", n=1, code=200)
    assert testbed_apart.namespace is not None
    set_loopback(testbed_apart.namespace, "0.0.0.0")
    alice.expect("options-answer", n=2, code=503, reason="Network is unreachable")
    alice.expect("options-answer", n=3, code=503)
    set_loopback(testbed_apart.namespace, ADDRESS)
    alice.expect("options-answer", n=5, code=200)
    answers = [event["n"] for event in alice.events if event["ev"] == "options-answer"]
    assert answers == sorted(set(answers))


@dataclass(frozen=True, kw_only=True, slots=True)
class RegisterTwice(ClientSide):
    """Asks for a REGISTER every 0.5 s, and at once for another."""

    kind: ClassVar[str] = "register-twice"
    source: ClassVar[str] = "test"

    def attach(self, client: Any) -> None:
        def twice() -> None:
            client.reregister()
            client.reregister()

        client.on_set_up(lambda: client.every(0.5, twice))


def with_register_twice(sock: socket.socket) -> None:
    client.run(sock, {RegisterTwice.kind: RegisterTwice})


@pytest.mark.kernel
def test_a_register_that_cannot_be_sent_does_not_end_the_client(testbed_apart: ActorTestbed) -> None:
    """pjsip raises for one that is under way already, and for one that fails at once; the client goes on."""
    server = testbed_apart.server(tcp=0)
    port = server.expect("server-ready")["ports"]["tcp"]
    alice = testbed_apart.client(
        port, RegisterTwice(), transport="tcp", account="register-and-subscribe", main=with_register_twice
    )
    alice.expect("subscribed")
    assert "PJSIP_EBUSY" in alice.expect("registration-refused")["reason"]
    alice.expect("registration", code=200)
    server.tell("stop")
    alice.expect("transport", state="disconnected")  # the next REGISTER needs another connection
    assert testbed_apart.namespace is not None
    set_loopback(testbed_apart.namespace, "0.0.0.0")
    alice.expect("registration", code=503, reason="Network is unreachable")
    set_loopback(testbed_apart.namespace, ADDRESS)
    testbed_apart.server(tcp=port).expect("binding")
    alice.expect("registration", code=200)


@pytest.mark.kernel
def test_names_are_looked_up_in_the_hosts_file_alone(testbed_apart: ActorTestbed) -> None:
    """No name server is asked: the answer is "no such name", not "no answer from those who might know"."""

    def look_up(sock: socket.socket) -> None:
        use_hosts_file_only()
        try:
            socket.getaddrinfo("no-such-host.example.com", 80)
        except socket.gaierror as error:
            Channel(sock).emit(Other(said="failed", fields=str(error.errno)))

    asked = Actor(look_up, testbed_apart.folder / "look-up.log", testbed_apart.namespace)
    testbed_apart.actors.append(asked)
    assert asked.expect("other", said="failed")["fields"] == str(int(socket.EAI_NONAME))


def test_the_seed_decides_what_pjsip_draws(testbed: ActorTestbed) -> None:
    """Same seed, same Call-IDs; another seed, others. Two clients at once are two processes."""
    server = testbed.server(udp=0)
    port = server.expect("server-ready")["ports"]["udp"]
    call_ids = []
    for seed in (7, 7, 8):
        alice = testbed.client(port, transport="udp", seed=seed)
        alice.expect("subscribed")
        call_ids.append(server.expect("request", method="SUBSCRIBE")["call_id"])
    assert call_ids[0] == call_ids[1] != call_ids[2]
