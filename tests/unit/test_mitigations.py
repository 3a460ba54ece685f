"""Mitigations against a client that only records; the real client is in tests/contract/test_pjsip_*.py."""

from __future__ import annotations

import re
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from pydantic import TypeAdapter, ValidationError

import lab.mitigations
from lab.mitigations import classes
from lab.mitigations.base import ClientSide, SocketOption, TransportState
from lab.mitigations.catalog import unsupported
from lab.mitigations.crlf_keepalive import CrlfKeepalive
from lab.mitigations.hold_transport import HoldTransport
from lab.mitigations.idle_time import IdleTime
from lab.mitigations.on_wake import OnWake, Reaction
from lab.mitigations.options_ping import OptionsPing
from lab.mitigations.pong_watchdog import PongWatchdog
from lab.mitigations.push_contact import PushContact
from lab.mitigations.refresh_subscription import RefreshSubscription
from lab.mitigations.register import Register
from lab.mitigations.resubscribe import Resubscribe
from lab.mitigations.session_timer import SessionTimer
from lab.mitigations.short_expiry import ShortExpiry
from lab.mitigations.tcp_keepalive import TcpKeepalive
from lab.mitigations.tcp_switch import TcpSwitch
from lab.mitigations.tcp_user_timeout import TcpUserTimeout
from lab.mitigations.tsx_timers import TsxTimers
from lab.mitigations.udp_keepalive import UdpKeepalive
from lab.model.wire import from_json, to_json
from lab.units import Seconds
from tests.unit.recording_client import RecordingClient

FIRST, SECOND = 0x1000, 0x2000


@pytest.fixture
def client() -> RecordingClient:
    return RecordingClient()


def test_options_ping_starts_when_the_client_is_set_up(client: RecordingClient) -> None:
    """Nothing before; then the interval, and one OPTIONS at each tick."""
    OptionsPing(interval=Seconds(25)).attach(client)
    client.advance(30)
    client.subscribed()
    client.advance(24.9)
    assert client.done == []
    client.advance(25.2)
    assert client.done == ["OPTIONS", "OPTIONS"]


@pytest.mark.parametrize(
    ("states", "done"),
    [
        ("connected", ["+1000"]),
        ("connected disconnected", ["+1000", "-1000"]),
        ("connected disconnected shutdown destroyed", ["+1000", "-1000"]),
        ("connected shutdown disconnected destroyed", ["+1000", "-1000"]),
        ("connected destroyed", ["+1000"]),  # the whole endpoint ends: the transport is gone already
        ("disconnected shutdown destroyed", []),  # never connected
        ("connected disconnected destroyed connected", ["+1000", "-1000", "+1000"]),  # the handle is used again
    ],
)
def test_hold_transport_gives_back_exactly_once(client: RecordingClient, states: str, done: list[str]) -> None:
    """One reference from the connection to its end, never two given back."""
    HoldTransport().attach(client)
    for state in states.split():
        client.transport(FIRST, TransportState(state))
    assert client.done == done


def test_hold_transport_takes_the_next_while_the_last_is_still_ending(client: RecordingClient) -> None:
    """Transports overlap at a reconnection; each has its own reference."""
    HoldTransport().attach(client)
    client.transport(FIRST, TransportState.CONNECTED)
    client.transport(SECOND, TransportState.CONNECTED)
    client.transport(FIRST, TransportState.SHUTDOWN)
    client.transport(SECOND, TransportState.DISCONNECTED)
    assert client.done == ["+1000", "+2000", "-1000", "-2000"]


def test_two_clients_do_not_share_references() -> None:
    """One mitigation value, attached to two clients, keeps their transports apart."""
    mitigation, one, other = HoldTransport(), RecordingClient(), RecordingClient()
    mitigation.attach(one)
    mitigation.attach(other)
    one.transport(FIRST, TransportState.CONNECTED)
    other.transport(FIRST, TransportState.SHUTDOWN)
    assert (one.done, other.done) == (["+1000"], [])


def test_every_module_of_the_folder_is_in_the_catalog() -> None:
    """A file is found by being there, under the name it has."""
    folder = Path(lab.mitigations.__path__[0])
    files = {path.stem.replace("_", "-") for path in folder.glob("[!_]*.py")}
    assert set(classes()) == files - {"base", "catalog"}
    assert all(kind == cls.kind for kind, cls in classes().items())


def test_every_mitigation_is_a_sourced_value() -> None:
    """Frozen dataclasses that name who recommends them: an RFC section or an issue."""
    for cls in classes().values():
        assert getattr(cls, "__dataclass_params__").frozen, cls  # noqa: B009  (typeshed does not know it)
        assert re.search(r"RFC \d+ §\d|#\d+", cls.source), cls


@pytest.mark.parametrize(
    "mitigation",
    [
        OptionsPing(interval=Seconds(25)),
        HoldTransport(),
        TcpKeepalive(idle=Seconds(25), interval=Seconds(5)),
        TcpKeepalive(idle=Seconds(25), interval=Seconds(5), count=3),
        SessionTimer(expiry=Seconds(120)),
    ],
)
def test_crosses_processes(mitigation: ClientSide) -> None:
    """What the runner sends is what the client gets."""
    plugins = {cls.__name__: cls for cls in classes().values()}
    data = to_json(mitigation)
    assert from_json(plugins[data["kind"]], data) == mitigation


# What cannot be had


CRLF, WATCHDOG = CrlfKeepalive(interval=Seconds(30)), PongWatchdog(interval=Seconds(25))
KEEPALIVE, USER_TIMEOUT = TcpKeepalive(idle=Seconds(25), interval=Seconds(5), count=3), TcpUserTimeout(time=Seconds(30))


@pytest.mark.parametrize(
    ("mitigations", "transport", "registers", "reason"),
    [
        ([], "udp", False, ""),
        ([CRLF, HoldTransport()], "tls", False, ""),
        ([CRLF], "udp", False, "crlf-keepalive exists on tcp, tls, ws and wss only, not on udp"),
        ([KEEPALIVE], "udp", False, "tcp-keepalive exists on tcp, tls, ws and wss only, not on udp"),
        ([UdpKeepalive(interval=Seconds(15))], "tls", True, "udp-keepalive exists on udp only, not on tls"),
        (
            [UdpKeepalive(interval=Seconds(15))],
            "udp",
            False,
            "udp-keepalive works on a registered account only, and this one does not register",
        ),
        ([UdpKeepalive(interval=Seconds(15))], "udp", True, ""),
        ([UdpKeepalive(interval=Seconds(15)), Register(expiry=Seconds(60))], "udp", False, ""),
        (
            [CRLF, WATCHDOG],
            "tcp",
            False,
            "crlf-keepalive and pong-watchdog both set the interval of pjsip's CRLF keep-alive",
        ),
        (
            [KEEPALIVE, USER_TIMEOUT],
            "tcp",
            False,
            "pjsip passes 4 socket options to a socket, not 5: "  # noqa: ISC004  (one sentence)
            "SO_KEEPALIVE, TCP_KEEPIDLE, TCP_KEEPINTVL, TCP_KEEPCNT, TCP_USER_TIMEOUT",
        ),
        ([TcpKeepalive(idle=Seconds(25), interval=Seconds(5)), USER_TIMEOUT], "tcp", False, ""),
    ],
)
def test_unsupported(mitigations: list[Any], transport: str, registers: bool, reason: str) -> None:
    """Why a strategy cannot be had in a cell, in words for its author."""
    assert unsupported(mitigations, transport=transport, registers=registers, subscribes=True) == reason


@pytest.mark.parametrize(
    "mitigation",
    [Resubscribe(interval=Seconds(25)), RefreshSubscription(interval=Seconds(25)), ShortExpiry(expiry=Seconds(60))],
    ids=lambda one: str(one.kind),
)
def test_account_without_subscription(mitigation: Any) -> None:
    """What acts on a subscription alone cannot be had with an account that only registers."""
    reason = unsupported([mitigation], transport="tls", registers=True, subscribes=False)
    assert reason == f"{mitigation.kind} acts on a subscription, and this account does not subscribe"
    assert not unsupported([mitigation], transport="tls", registers=True, subscribes=True)


@pytest.mark.parametrize(
    ("kind", "parameters"),
    [
        ("crlf-keepalive", {"interval": "0 s"}),
        ("crlf-keepalive", {"interval": "1500 ms"}),
        ("idle-time", {"time": "0 s"}),
        ("udp-keepalive", {"interval": "1 s"}),
        ("session-timer", {"expiry": "89 s"}),
        ("session-timer", {"expiry": "90 s", "min_expiry": "91 s"}),
        ("tsx-timers", {"t1": "0 s", "t2": "4 s"}),
        ("tsx-timers", {"t1": "25 d", "t2": "4 s"}),
        ("tcp-keepalive", {"idle": "32768 s", "interval": "1 s"}),
        ("tcp-keepalive", {"idle": "25 s", "interval": "1 s", "count": 0}),
        ("tcp-user-timeout", {"time": "0 s"}),
        ("outbound", {"reg_id": 0}),
        ("outbound", {"instance_id": "alice"}),
        ("adaptive", {"start": "60 s", "longest": "59 s"}),
    ],
)
def test_parameters_that_pjsip_or_the_kernel_would_not_take(kind: str, parameters: dict[str, Any]) -> None:
    """Refused when the scenario is read, as some of them would flood the network or abort the client."""
    with pytest.raises(ValidationError):
        TypeAdapter(classes()[kind]).validate_python(parameters)


def test_settings_reach_the_client(client: RecordingClient) -> None:
    """Each says what it sets before the client starts."""
    TsxTimers(t1=Seconds(60), t2=Seconds(4)).attach(client)
    TcpSwitch().attach(client)
    IdleTime(time=Seconds(600)).attach(client)
    Register(expiry=Seconds(300)).attach(client)
    assert client.done == ["t1 60 t2 4", "disable tcp switch", "idle 600", "register 300"]
    KEEPALIVE.attach(client)
    USER_TIMEOUT.attach(client)
    assert [client.options[option] for option in KEEPALIVE.socket_options()] == [1, 25, 5, 3]
    assert client.options[SocketOption.TCP_USER_TIMEOUT] == 30000


@pytest.mark.parametrize(
    ("mitigation", "done"),
    [
        (Resubscribe(interval=Seconds(25)), "resubscribe"),
        (RefreshSubscription(interval=Seconds(25)), "refresh"),
    ],
)
def test_renewals_start_when_the_client_is_set_up(client: RecordingClient, mitigation: ClientSide, done: str) -> None:
    """Then one each interval."""
    mitigation.attach(client)
    client.advance(100)
    client.subscribed()
    client.advance(75.1)
    assert client.done == [done] * 3


def test_push_contact_names_the_push_service(client: RecordingClient) -> None:
    """In the URI, so that a registrar finds it there (RFC 8599 §8.7)."""
    PushContact(provider="fcm", param="project", prid="a:b").attach(client)
    account = SimpleNamespace(regConfig=SimpleNamespace(contactUriParams=""))
    for change in client.account_changes:
        change(account)
    assert account.regConfig.contactUriParams == ";pn-provider=fcm;pn-param=project;pn-prid=a:b"


@pytest.mark.parametrize("value", ["", "a;b", "a=b", "a b", "a?", "%4"])
def test_push_parameters_fit_into_a_uri(value: str) -> None:
    """What does not would become another parameter."""
    with pytest.raises(ValidationError, match="not the value of a URI parameter"):
        TypeAdapter(PushContact).validate_python({"prid": value})


@pytest.mark.parametrize(
    ("then", "done"),
    [
        (Reaction.REGISTER, ["reregister"]),
        (Reaction.DROP_AND_REGISTER, ["drop connections", "reregister"]),
        (Reaction.IP_CHANGE, ["handle ip change"]),
    ],
)
def test_on_wake(then: Reaction, done: list[str], client: RecordingClient) -> None:
    """At each push, at once or later; nothing before."""
    OnWake(then=then, after=Seconds(3)).attach(client)
    client.advance(10)
    client.pushed()
    client.advance(2)
    assert client.done == []
    client.advance(1)
    assert client.done == done
    other = RecordingClient()
    OnWake(then=then).attach(other)
    other.pushed()
    other.pushed()
    assert other.done == [*done, *done]
