"""Mitigations of baresip and linphone that are no setting of theirs."""

from __future__ import annotations

import socket
from pathlib import Path
from random import Random
from typing import Any

import pytest

import lab
from lab.clients import baresip, catalog
from lab.clients.baresip.client import Baresip
from lab.clients.linphone.reconnecting import FAILED, OK, Reconnecting
from lab.clients.linphone.sockets import keep_alive
from lab.clients.phone_settings import common
from lab.loader.unsupported import why_unsupported

START: dict[str, Any] = {
    "server": "203.0.113.10",
    "port": 5060,
    "transport": "tcp",
    "account": "register",
    "user": "alice",
    "peer": "bob",
    "domain": "203.0.113.10",
    "password": None,
    "ca": None,
    "seed": 1,
    "mitigations": [],
}
REGISTERED = (
    "\x1b[36;1m00:00#\nTCP 203.0.113.10:5060 -> 10.0.0.2:40000\nSIP/2.0 200 OK\r\nCSeq: 1 REGISTER\r\nCall-ID: c\r\n"
    "Content-Length: 0\r\n\r\n\x1b[;m\n"
)


def driver(folder: Path, *mitigations: dict[str, Any]) -> Baresip:
    return Baresip({**START, "log": str(folder / "client.log"), "mitigations": list(mitigations)})


def test_baresip_sends_options_once_it_is_registered(tmp_path: Path) -> None:
    """Through its menu, every so often; without the mitigation nothing is ever due."""
    silent, pings = driver(tmp_path), driver(tmp_path, {"kind": "options-ping", "interval": 25.0})
    assert pings.due() is None
    for each in (silent, pings):
        list(each.read(REGISTERED.encode()))
    assert silent.due() is None
    first = pings.due()
    assert first is not None
    assert pings.act() == b"/options sip:bob@203.0.113.10\n"
    assert pings.due() == first + 25


def test_baresip_has_keepalive_from_a_library(tmp_path: Path) -> None:
    """The kernel's own count is left alone where none is asked for."""
    assert driver(tmp_path).environment() == {}
    asked = {"kind": "tcp-keepalive", "idle": 25.0, "interval": 5.0, "count": None}
    environment = driver(tmp_path, asked).environment()
    assert (environment["KEEPIDLE"], environment["KEEPINTVL"]) == ("25", "5")
    assert "KEEPCNT" not in environment
    assert driver(tmp_path, {**asked, "count": 3}).environment()["KEEPCNT"] == "3"


def cell(client: str, strategy: dict[str, Any] | str, account: str = "register") -> Any:
    content = {
        "title": "t",
        "topology": "home-nat",
        "middlebox": "never-forgets",
        "client": {"name": client, "account": account},
        "strategy": {"name": "s", "mitigations": [strategy]},
        "probes": [{"at": "30 s"}],
        "ends": "60 s",
    }
    return lab.build(content).cells[0]


def test_baresip_without_that_library(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Its cells with TCP keep-alive say what installs it; others do not need it."""
    monkeypatch.setattr(type(baresip.CLIENT), "is_there", lambda _: True)
    monkeypatch.setattr(baresip, "LIBKEEPALIVE", str(tmp_path / "none"))
    asks = cell("baresip", {"tcp-keepalive": {"idle": "25 s", "interval": "5 s"}})
    assert "apt-get install libkeepalive0" in (baresip.CLIENT.prepare(asks, lambda _: None).unsupported or "")
    other = cell("baresip", {"options-ping": {"interval": "25 s"}})
    assert baresip.CLIENT.prepare(other, lambda _: None).unsupported == ""


@pytest.mark.parametrize(
    ("client", "kind", "why"),
    [
        ("linphone", {"options-ping": {"interval": "25 s"}}, "does not offer options-ping"),
        ("baresip", "reconnect", "does not offer reconnect"),
        ("linphone", "reconnect", ""),
    ],
)
def test_what_they_lack(client: str, kind: Any, why: str) -> None:
    assert why in why_unsupported(cell(client, kind))
    assert bool(why) == bool(why_unsupported(cell(client, kind)))


def test_linphone_reconnects_by_registering() -> None:
    """So an account that does not register has nothing to do it with."""
    assert "by registering" in why_unsupported(cell("linphone", "reconnect", account="subscribe"))
    assert catalog.find("linphone").offers is not None


def test_pauses_of_linphone() -> None:
    """They double up to the longest, times 0.5 to 1; a registration that stands ends them."""
    again = Reconnecting(2.0, 5.0, Random(1))
    now, pauses = 0.0, []
    for _ in range(3):
        again.registration(FAILED, now)
        again.registration(FAILED, now)  # the same failure, told again
        began = now
        while not again.due(now):
            now += 0.01
        pauses.append(now - began)
        assert not again.due(now + 60)
    for pause, longest in zip(pauses, (2.0, 4.0, 5.0), strict=True):
        assert longest / 2 - 0.01 <= pause <= longest + 0.02
    again.registration(FAILED, now)
    again.registration(OK, now)
    assert not again.due(now + 60)


@pytest.mark.parametrize(("count", "seen"), [(3, 3), (None, 9)])
def test_options_of_linphones_sockets(count: float | None, seen: int) -> None:
    """Those to the server's port, and no others."""
    with socket.create_server(("127.0.0.1", 0)) as server, socket.create_server(("127.0.0.1", 0)) as other:
        port = server.getsockname()[1]
        with (
            socket.create_connection(server.getsockname()) as one,
            socket.create_connection(other.getsockname()) as spared,
        ):
            keep_alive(port, idle=25.0, interval=5.0, count=count)
            assert one.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE) == 1
            assert one.getsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE) == 25
            assert one.getsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL) == 5
            assert one.getsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPCNT) == seen
            assert spared.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE) == 0


def test_what_every_phone_is_told() -> None:
    """`register` asks for its own time, and makes a phone register that would not."""
    plain = common({**START, "account": "subscribe"}, registers_for_s=3600)
    asked = common(
        {**START, "account": "subscribe", "mitigations": [{"kind": "register", "expiry": 90.0}]}, registers_for_s=3600
    )
    assert (plain["registers"], plain["expires"]) == (False, 3600)
    assert (asked["registers"], asked["expires"]) == (True, 90)
