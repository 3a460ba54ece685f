"""Kamailio without Kamailio: its configuration, its log, and what a cell with it cannot have."""

from __future__ import annotations

import base64
import dataclasses
import os
import signal
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import pytest

from lab.actors.channel import Channel, Message, Messages
from lab.errors import HostNotCapable
from lab.faults.expired_certificate import ExpiredCertificate
from lab.faults.server_close import ServerClose
from lab.faults.server_mute import ServerMute
from lab.faults.server_restart import ServerRestart
from lab.faults.server_slow import ServerSlow
from lab.loader.load import load
from lab.loader.unsupported import why_unsupported
from lab.model.endpoint import Endpoint
from lab.model.registrar import GoneConnection, MatchesBy, Registrar, WhenFull
from lab.model.scenario import NotifyRoute
from lab.model.when import When
from lab.record.events import Binding, ClientGivenUp, ServerFlow, ServerSubscription
from lab.servers.authentication import AuthenticationSettings
from lab.servers.catalog import names
from lab.servers.kamailio import child, log
from lab.servers.kamailio.clients import Clients, PendingRequest
from lab.servers.kamailio.config import Certificates, Pings, ServerFeatures, render, render_tls
from lab.servers.kamailio.flows import Flow, Flows
from lab.servers.settings import Settings
from lab.units import Seconds

ROOT = Path(__file__).parents[2]

SETTINGS = Settings(
    address="203.0.113.10",
    ports={"udp": 5060, "tcp": 5060, "tls": 5061},
    subscription_expires=600.0,
    registration_expires=300.0,
    notify_route="flow",
    answers_crlf=True,
    seed=1,
    certificate="/run folder/server.pem",
    key='/run folder/"quoted".key',
    expired="/run folder/expired.pem",
    revoked="/run folder/revoked.pem",
)
AUTHENTICATING = AuthenticationSettings(
    algorithm="SHA-256",
    nonce_lifetime=33.0,
    methods=["REGISTER", "OPTIONS"],
    as_proxy=True,
    user="alice",
    password='a "secret"',
)


def configuration(wanted: ServerFeatures | None = None, **changes: Any) -> str:
    return render(SETTINGS._replace(**changes), wanted or ServerFeatures(600), Path("/cell folder"))


def tls(certificates: Certificates = Certificates(), **changes: Any) -> str:  # noqa: B008  (immutable)
    return render_tls(SETTINGS._replace(**changes), certificates)


@pytest.mark.parametrize("authentication", [None, AUTHENTICATING])
def test_nothing_is_left_to_fill_in(authentication: AuthenticationSettings | None) -> None:
    assert "@" not in configuration(authentication=authentication).replace('"@lab "', "")


@pytest.mark.parametrize(
    ("changed", "line"),
    [
        ({"address": "203.0.113.9"}, "listen=tls:203.0.113.9:5061"),
        ({"ports": {"udp": 5070}}, "listen=udp:203.0.113.10:5070"),
        ({"further": ["203.0.113.20"]}, "listen=tls:203.0.113.20:5061"),
        ({"answers_crlf": False}, "tcp_crlf_ping=no"),
        ({"notify_route": "contact"}, "tcp_no_connect=no"),
        ({"idle_after": 30.0}, "tcp_connection_lifetime=30"),
        ({"idle_after": 30.0}, 'modparam("tls", "connection_timeout", 30)'),
        ({"registration_expires": 77.0}, 'modparam("registrar", "max_expires", 77)'),
        ({"at_most": 5}, 'modparam("registrar", "max_contacts", 5)'),
        ({"at_most": 1, "removes_oldest": True}, '            if (save("location", "0x04")) {'),
        ({"removes_closed": True}, 'modparam("usrloc", "handle_lost_tcp", 1)'),
        ({"least_expires": 60.0}, '                append_to_reply("Min-Expires: 60\\r\\n");'),
        ({"on_gone_connection": "connect"}, "tcp_no_connect=no"),
        ({"on_gone_connection": "wait"}, "#!define WAITS"),
        ({"wanted": ServerFeatures(30)}, 'modparam("presence", "max_expires", 30)'),
        ({"wanted": ServerFeatures(600, outbound=True)}, 'modparam("registrar", "outbound_mode", 1)'),
        ({"wanted": ServerFeatures(600, outbound=True, flow_timer=25)}, 'modparam("registrar", "flow_timer", 25)'),
        ({"authentication": AUTHENTICATING}, "#!define WITH_AUTHENTICATION"),
        ({"authentication": AUTHENTICATING}, 'modparam("auth", "algorithm", "SHA-256")'),
        ({"authentication": AUTHENTICATING}, 'modparam("auth", "nonce_expire", 33)'),
        ({"authentication": AUTHENTICATING}, '    if (is_method("REGISTER|OPTIONS")) {'),
        (
            {"authentication": AUTHENTICATING._replace(methods=["INVITE", "OPTIONS"])},
            '    if (is_method("REGISTER|SUBSCRIBE|OPTIONS") && !t_newtran()) exit;',
        ),
        ({"authentication": AUTHENTICATING}, '        if (1 == 1 && $rm != "REGISTER") $var(challenge) = 407;'),
        ({"wanted": ServerFeatures(600, pings=Pings(20, 3))}, "#!define WITH_PINGS"),
        ({"wanted": ServerFeatures(600, pings=Pings(20, 3))}, 'modparam("nathelper", "natping_interval", 20)'),
        ({"wanted": ServerFeatures(600, pings=Pings(20, 3))}, 'modparam("nathelper", "keepalive_timeout", 60)'),
    ],
)
def test_each_setting_changes_the_configuration(changed: dict[str, Any], line: str) -> None:
    assert line not in configuration().splitlines()
    assert line in configuration(**changed).splitlines()


def test_a_contact_is_matched_by_its_uri_unless_a_device_is() -> None:
    """usrloc would compare the instance first, wherever it is named."""
    assert "#!define BY_CONTACT" in configuration().splitlines()
    assert "#!define BY_CONTACT" not in configuration(matches_by="instance").splitlines()
    assert "#!define BY_CONTACT" not in configuration(ServerFeatures(600, outbound=True)).splitlines()


def test_a_path_cannot_end_its_string() -> None:
    assert r'"a \"secret\"", "0");' in configuration(authentication=AUTHENTICATING)
    assert r'private_key = "/run folder/\"quoted\".key"' in tls().splitlines()
    assert 'modparam("tls", "config", "/cell folder/tls.cfg")' in configuration().splitlines()


@pytest.mark.parametrize(
    ("changed", "line"),
    [
        ({"key": None}, 'private_key = "/run folder/server.pem"'),
        ({"client_ca": "/run folder/ca.pem"}, "require_certificate = yes"),
        ({"client_ca": "/run folder/ca.pem"}, 'ca_list = "/run folder/ca.pem"'),
        ({"certificates": Certificates(expired=True)}, 'certificate = "/run folder/expired.pem"'),
        ({"certificates": Certificates(listed=True)}, 'crl = "/run folder/revoked.pem"'),
    ],
)
def test_each_setting_of_tls_changes_its_file(changed: dict[str, Any], line: str) -> None:
    """That of who connects; whom Kamailio connects to has no certificate that anybody could check."""
    about_clients, _, about_others = tls().partition("\n\n")
    assert line not in about_clients.splitlines()
    theirs, _, others = tls(**changed).partition("\n\n")
    assert line in theirs.splitlines()
    assert others == about_others


def test_it_says_who_a_client_is_only_if_it_asks() -> None:
    assert "tls_peer_subject_cn" not in configuration()
    assert "tls_peer_subject_cn" in configuration(client_ca="/run folder/ca.pem")


def test_flows_or_contacts() -> None:
    """By flow, what comes is taken to come from where it came; by contact, from where it says."""
    assert "#!define BY_FLOW" in configuration()
    assert "#!define BY_FLOW" not in configuration(notify_route="contact")


def coded(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def test_a_line_of_ours() -> None:
    line = (
        f" 6(17) NOTICE: @lab request at=12.5 method={coded('SUBSCRIBE')} flow=tls:1.2.3.4:5 cseq=7 connection=<null>"
    )
    told = log.parse(line.encode())
    assert told == log.LogLine("request", 12.5, {"method": "SUBSCRIBE", "flow": "tls:1.2.3.4:5", "cseq": "7"})
    assert told.number("connection") == 0
    assert told.get("contact") == ""


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b" 0(1) INFO: tls [tls_mod.c:399]: mod_init(): use OpenSSL version: 30000070",
        b"@lab request method=x",  # without its time
        b"@lab request at=1.5 method=%%%%",  # damaged
    ],
)
def test_other_lines(line: bytes) -> None:
    assert log.parse(line) is None


def test_a_peer_cannot_write_fields() -> None:
    """What a peer says is in base64, whatever it looks like."""
    told = log.parse(f"@lab request at=1.5 contact={coded('x cseq=9')} cseq=1".encode())
    assert told is not None
    assert told.number("cseq") == 1
    assert told.get("contact") == "x cseq=9"


def refusal(process: str, reason: str) -> bytes:
    error = f"TLS accept:error:0A000086:SSL routines::{reason} (sni: unknown)"
    return f" {process} ERROR: tls [tls_util.h:50]: tls_err_ret(): {error}".encode()


def end(process: str, which: str) -> bytes:
    return f" {process} ERROR: tls [tls_server.c:1334]: tls_h_read_f(): {which}".encode()


def test_a_handshake_that_fails_is_told_with_its_reason_and_whose_it_was() -> None:
    """Each process writes three lines; those of two may come in any order."""
    handshakes = log.Handshakes()
    own = "dst addr: 203.0.113.10:5061"
    for line in (
        refusal("6(17)", "certificate verify failed"),
        refusal("7(18)", "sslv3 alert certificate expired"),
        end("6(17)", "src addr: 198.51.100.2:40000"),
        end("7(18)", "src addr: 198.51.100.2:40001"),
    ):
        assert handshakes.read(line) is None
    second = handshakes.read(end("7(18)", own))
    assert second == log.HandshakeFailure("tls:198.51.100.2:40001/203.0.113.10:5061", "sslv3 alert certificate expired")
    first = handshakes.read(end("6(17)", own))
    assert first == log.HandshakeFailure("tls:198.51.100.2:40000/203.0.113.10:5061", "certificate verify failed")
    assert handshakes.read(end("6(17)", own)) is None  # it has been told


PEER = Endpoint("198.51.100.2", 40000)


class Heard:
    """What went into a channel."""

    def __init__(self) -> None:
        self._ours, theirs = socket.socketpair()
        self._ours.settimeout(0)
        self._messages = Messages()
        self.channel = Channel(theirs)

    def messages(self) -> list[Message]:
        return self._messages.feed(self._ours.recv(1 << 16))

    def flows(self) -> list[ServerFlow]:
        """The events, which are all of flows."""
        events = [message.event for message in self.messages()]
        assert all(isinstance(event, ServerFlow) for event in events)
        return cast("list[ServerFlow]", events)

    def close(self) -> None:
        self._ours.close()
        self.channel.sock.close()


@pytest.fixture
def heard() -> Iterator[Heard]:
    heard = Heard()
    yield heard
    heard.close()


def test_a_flow_is_told_once(heard: Heard) -> None:
    ended: list[Flow] = []
    flows = Flows(heard.channel, ended.append)
    first = flows.seen("tls:198.51.100.2:40000/203.0.113.10:5061", 1, at=1.0)
    assert flows.seen("tls:198.51.100.2:40000/203.0.113.10:5061", 1, at=2.0) == first
    assert [event.state for event in heard.flows()] == ["accepted", "secured"]
    flows.ended("tls:198.51.100.2:40000/203.0.113.10:5061", "reset", "Connection reset by peer", at=3.0)
    flows.ended("tcp:198.51.100.2:9/203.0.113.10:5061", "closed", "fin", at=3.0)  # never seen
    ((at, event),) = heard.messages()
    assert isinstance(event, ServerFlow)
    assert (event.id, event.state, at) == ("f1", "reset", 3.0)
    assert ended == [first]


def test_a_handshake_that_fails_is_a_flow_that_never_was(heard: Heard) -> None:
    flows = Flows(heard.channel, lambda flow: None)
    flows.refused("tls:198.51.100.2:40000/203.0.113.10:5061", "certificate verify failed")
    told = [(event.id, event.state, event.reason) for event in heard.flows()]
    assert told == [("f1", "accepted", ""), ("f1", "failed", "certificate verify failed")]
    assert flows.find("tls", PEER) is None
    flows.seen("tls:198.51.100.2:40001/203.0.113.10:5061", 2, at=1.0, subject="alice")
    assert [(event.id, event.subject) for event in heard.flows()] == [("f2", ""), ("f2", "alice")]


def test_the_same_peer_at_another_address_is_another_flow(heard: Heard) -> None:
    """A client that sends by UDP to both has one port, and two flows."""
    flows = Flows(heard.channel, lambda flow: None)
    for own in ("203.0.113.10:5060", "203.0.113.20:5060"):
        flows.seen(f"udp:198.51.100.2:40000/{own}", 0, at=1.0)
    told = [(event.id, event.own) for event in heard.flows()]
    assert told == [("f1", Endpoint("203.0.113.10", 5060)), ("f2", Endpoint("203.0.113.20", 5060))]
    newest = flows.find("udp", PEER)
    assert newest is not None
    assert newest.id == "f2"


def test_the_same_port_again_is_another_flow(heard: Heard) -> None:
    flows = Flows(heard.channel, lambda flow: None)
    flows.seen("tcp:198.51.100.2:40000/203.0.113.10:5061", 1, at=1.0)
    assert flows.seen("tcp:198.51.100.2:40000/203.0.113.10:5061", 2, at=2.0).id == "f2"
    assert [(event.id, event.state) for event in heard.flows()] == [
        ("f1", "accepted"), ("f1", "closed"), ("f2", "accepted"),
    ]  # fmt: skip


def asked(**changes: Any) -> PendingRequest:
    usual = PendingRequest("f1", "tls", PEER, "call", "sip:alice@x", "<sip:alice@10.0.0.2;ob>", "600", 5.0)
    return usual._replace(**changes)


def test_a_subscription_from_its_beginning_to_its_end(heard: Heard) -> None:
    changes: list[int] = []
    clients = Clients(
        heard.channel,
        registration_expires=300,
        by_device=False,
        only_one=False,
        on_change=lambda: changes.append(1),
    )
    clients.subscribed(asked(), 60, at=5.0)
    assert clients.flows() == {"f1"}
    clients.subscribed(asked(flow="f2"), 60, at=50.0)
    assert clients.flows() == {"f2"}
    clients.subscribed(asked(expires="0"), 0, at=70.0)
    clients.unsubscribed("call", "expired", at=80.0)  # it has ended already
    contact = "sip:alice@10.0.0.2;ob"
    assert [message.event for message in heard.messages()] == [
        ServerSubscription(id="s1", state="active", expires=60, flow="f1", contact=contact),
        ServerSubscription(id="s1", state="refreshed", expires=60, flow="f2", contact=contact),
        ServerSubscription(id="s1", state="terminated", expires=0, flow="f1", contact=contact),
    ]
    assert clients.newest_subscription() is None
    assert len(changes) == 3


@pytest.mark.parametrize(("outbound", "states"), [(False, ["active", "active"]), (True, ["active", "refreshed"])])
def test_a_device_is_one_binding_with_outbound_only(
    outbound: bool,
    states: list[str],
    heard: Heard,
) -> None:
    clients = Clients(
        heard.channel, registration_expires=300, by_device=outbound, only_one=False, on_change=lambda: None
    )
    device = ';reg-id=1;+sip.instance="<urn:uuid:1>"'
    clients.registered(asked(contact=f"<sip:alice@10.0.0.2:1>{device}"))
    clients.registered(asked(contact=f"<sip:alice@10.0.0.2:2>{device}", flow="f2"))
    events = [message.event for message in heard.messages()]
    assert [event.state for event in events if isinstance(event, Binding)] == states
    target = clients.newest_binding(0.0)
    assert target is not None
    assert target.flow == "f2"


def test_an_expired_binding_is_nobody_to_call(heard: Heard) -> None:
    """Kamailio looks once a second; in between the binding has ended at its own time, and is said to have."""
    clients = Clients(heard.channel, registration_expires=300, by_device=False, only_one=False, on_change=lambda: None)
    clients.registered(asked(at=10.0, expires="60"))
    assert clients.newest_binding(69.9) is not None
    assert clients.newest_binding(70.0) is None
    active, expired = (message for message in heard.messages() if isinstance(message.event, Binding))
    assert isinstance(expired.event, Binding)
    assert (active.at, expired.event.state, expired.at) == (10.0, "expired", 70.0)


def test_a_contact_is_replaced_by_one_request(heard: Heard) -> None:
    """pjsua registers its address outside the NAT and removes the one inside, in two Contact lines."""
    clients = Clients(heard.channel, registration_expires=300, by_device=False, only_one=False, on_change=lambda: None)
    clients.registered(asked(contact="<sip:alice@10.0.0.2:1>"))
    clients.registered(asked(contact="<sip:alice@198.51.100.2:1>, <sip:alice@10.0.0.2:1>;expires=0"))
    events = [message.event for message in heard.messages()]
    assert [(event.id, event.state) for event in events if isinstance(event, Binding)] == [
        ("b1", "active"),
        ("b2", "active"),
        ("b1", "removed"),
    ]
    assert "contact=$(hdr(Contact)[*]{s.encode.base64})" in configuration()  # all of them, not the first alone


@pytest.mark.parametrize(("limit", "at", "given_up"), [(None, 60.0, 0), (3, 60.0, 1), (3, 304.5, 0)])
def test_a_binding_that_ends_before_its_time_was_given_up(
    limit: int | None, at: float, given_up: int, heard: Heard
) -> None:
    """If Kamailio gives contacts up at all."""
    clients = Clients(
        heard.channel,
        registration_expires=300,
        by_device=False,
        only_one=False,
        on_change=lambda: None,
        gives_up_after=limit,
    )
    one = asked(contact="<sip:alice@10.0.0.2:1>", expires="300")
    clients.registered(one)
    clients.unregistered("alice", "sip:alice@10.0.0.2:1", at=one.at + at - 5)
    events = [message.event for message in heard.messages()]
    told = [event for event in events if isinstance(event, ClientGivenUp)]
    assert told == [ClientGivenUp(flow="f1", misses=3)] * given_up
    (ended,) = (event for event in events if isinstance(event, Binding) and event.state != "active")
    assert ended.state == ("removed" if at == 60.0 else "expired")  # without a limit its connection has ended


def test_what_kamailio_cannot_do_is_not_run() -> None:
    """With the reason; the scripted server can do all of it."""
    path = ROOT / "scenarios" / "article" / "server-keeps-alive.yaml"
    for software in names():
        reasons = {cell.name: why_unsupported(cell) for cell in load(path, server=software).cells}
        expected = {"server-crlf-25s"} if software == "kamailio" else set()
        assert {name for name, reason in reasons.items() if reason} == expected


@pytest.mark.parametrize(
    ("fault", "unsupported"),
    [
        (ServerMute(at=When(offset=1.0)), True),
        (ServerSlow(at=When(offset=1.0), by=Seconds(2)), True),
        (ServerRestart(at=When(offset=1.0), keeps_state=True), True),
        (ExpiredCertificate(at=When(offset=1.0)), False),
        (ServerRestart(at=When(offset=1.0), keeps_state=False), False),
        (ServerClose(at=When(offset=1.0)), False),
    ],
)
def test_faults(fault: Any, unsupported: bool) -> None:
    path = ROOT / "scenarios" / "article" / "idle-subscription.yaml"
    cell = dataclasses.replace(load(path, server="kamailio").cells[0], faults=(fault,))
    assert bool(why_unsupported(cell)) == unsupported


@pytest.mark.parametrize(
    ("settings", "reason"),
    [
        ({"registrar": Registrar(matches_by=MatchesBy.INSTANCE)}, ""),
        ({"registrar": Registrar(matches_by=MatchesBy.CONNECTION)}, "not by connection"),
        ({"registrar": Registrar(at_most=1)}, ""),
        ({"registrar": Registrar(at_most=2)}, "no oldest"),
        ({"registrar": Registrar(at_most=2, when_full=WhenFull.REFUSE)}, ""),
        ({"registrar": Registrar(removes_closed=True, least_expires=Seconds(60))}, ""),
        ({"on_gone_connection": GoneConnection.CONNECT}, "would connect there"),
        ({"on_gone_connection": GoneConnection.CONNECT, "notify_route": NotifyRoute.CONTACT}, ""),
        ({"on_gone_connection": GoneConnection.FAIL, "notify_route": NotifyRoute.CONTACT}, ""),
        ({"on_gone_connection": GoneConnection.WAIT, "wait": Seconds(5)}, ""),
    ],
)
def test_registrars(settings: dict[str, Any], reason: str) -> None:
    """What Kamailio's modules offer no way to do is said; the scripted server does all of it."""
    path = ROOT / "scenarios" / "article" / "idle-subscription.yaml"
    for software in names():
        cell = load(path, server=software).cells[0]
        changed = dataclasses.replace(cell, server=dataclasses.replace(cell.server, **settings))
        said = why_unsupported(changed)
        assert (reason in said) if software == "kamailio" and reason else not said


@pytest.mark.parametrize(("route", "unsupported"), [(NotifyRoute.FLOW, False), (NotifyRoute.CONTACT, True)])
def test_a_server_that_connects_by_itself_cannot_move(route: NotifyRoute, unsupported: bool) -> None:
    """By contact it connects to the client, which a server that has moved does from its new address."""
    path = ROOT / "scenarios" / "field" / "dns-change.yaml"
    cell = load(path, server="kamailio").cells[0]
    changed = dataclasses.replace(cell, server=dataclasses.replace(cell.server, notify_route=route))
    assert ("from which" in why_unsupported(changed)) == unsupported


def test_who_is_not_told_names() -> None:
    """A client of the author's is told an address, whichever server there is."""
    path = ROOT / "scenarios" / "article" / "idle-subscription.yaml"
    cell = load(path).cells[0]
    named = dataclasses.replace(cell, server=dataclasses.replace(cell.server, by_name=True))
    assert why_unsupported(named) == ""
    kamailio = dataclasses.replace(named, server=dataclasses.replace(named.server, software="kamailio"))
    assert why_unsupported(kamailio) == ""
    for one in (named, kamailio):
        own = dataclasses.replace(one, client=dataclasses.replace(cell.client, command=("true",)))
        assert "its name" in why_unsupported(own)


def test_it_asks_for_certificates() -> None:
    path = ROOT / "scenarios" / "field" / "revoked-client-certificate.yaml"
    assert {why_unsupported(cell) for cell in load(path, server="kamailio").cells} == {""}


def test_a_host_without_it_is_told_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(child, "program", lambda: None)
    with pytest.raises(HostNotCapable, match="kamailio") as caught:
        child.check_host()
    assert "apt-get install kamailio kamailio-tls-modules" in caught.value.fix


def test_children_are_found() -> None:
    pid = os.fork()
    if pid == 0:
        signal.pause()
    try:
        assert pid in child._children(os.getpid())
    finally:
        os.kill(pid, 9)
        os.waitpid(pid, 0)
