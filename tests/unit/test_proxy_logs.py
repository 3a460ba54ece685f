"""What the logs of nginx and haproxy say becomes events, line by line."""

from __future__ import annotations

from pathlib import Path

import pytest

from lab.model.endpoint import Endpoint
from lab.model.proxy import ProxyMode
from lab.proxies.base import Plan
from lab.proxies.catalog import find, names
from lab.record.proxy_events import TIMEOUT, ProxyConnection

CLIENT, FRONT, OWN = Endpoint("198.51.100.2", 40000), Endpoint("203.0.113.10", 5060), Endpoint("192.0.2.1", 50308)
HEAD = "2026/11/29 00:55:59 [info] 20985#20985: *1"
TAIL = f'client: {CLIENT.host}, server: {FRONT}, upstream: "192.0.2.10:5060", bytes from/to client:3/1'
ACCEPTED = f"{HEAD} client {CLIENT} connected to {FRONT}"
CONNECTED = f"{HEAD} proxy {OWN} connected to 192.0.2.10:5060"
LUA = f"@lab connected {CLIENT} {FRONT} {OWN}"


PEM = Path("/run/server.pem")
Settings = dict[str, float | None]


def plan(mode: ProxyMode = ProxyMode.TCP, settings: Settings | None = None, pem: Path = PEM) -> Plan:
    ports = {5060: 5060, 5061: 5061} if mode is ProxyMode.TCP else {80: 80, 443: 80}
    return Plan(Path("/cell"), FRONT.host, OWN.host, "192.0.2.10", mode, ports, pem, pem, settings or {})


def read(
    name: str, *lines: str, mode: ProxyMode = ProxyMode.TCP, settings: Settings | None = None
) -> list[ProxyConnection]:
    reader = find(name).reader(plan(mode, settings))
    return [event for line in lines for event in reader.read(line)]


def end(events: list[ProxyConnection]) -> tuple[str, str, str, str]:
    last = events[-1]
    assert (last.client, last.front) == (CLIENT, FRONT)
    return last.state, last.by, last.reason, last.setting


def test_nginx_tells_both_connections_of_a_pair() -> None:
    first, second = read("nginx", ACCEPTED, CONNECTED)
    assert (first.state, first.own) == ("accepted", None)
    assert second == ProxyConnection(id="1", state="connected", client=CLIENT, front=FRONT, own=OWN)


@pytest.mark.parametrize(
    ("lines", "told"),
    [
        (
            [CONNECTED, f"{HEAD} connection timed out (110: Connection timed out) while proxying connection, {TAIL}"],
            ("closed", "proxy", TIMEOUT, "proxy_timeout"),
        ),
        (
            [CONNECTED, f"{HEAD} client disconnected, bytes from/to client:3/0, bytes from/to upstream:0/3"],
            ("closed", "client", "", ""),
        ),
        (
            [CONNECTED, f"{HEAD} upstream disconnected, bytes from/to client:3/0, bytes from/to upstream:0/3"],
            ("closed", "server", "", ""),
        ),
        (
            [
                CONNECTED,
                f"{HEAD} recv() failed (104: Connection reset by peer) while proxying and reading from client, {TAIL}",
                f"{HEAD} client disconnected, bytes from/to client:3/0, bytes from/to upstream:0/3",
            ],
            ("closed", "client", "reset", ""),
        ),
        (
            [
                f"{HEAD} connect() failed (111: Connection refused) while connecting to upstream, {TAIL}".replace(
                    "info", "error"
                )
            ],
            ("failed", "server", "Connection refused", ""),
        ),
        (
            [f"{HEAD} upstream timed out (110: Connection timed out) while connecting to upstream, {TAIL}"],
            ("failed", "server", TIMEOUT, ""),
        ),
    ],
    ids=["timeout", "client", "server", "reset", "refused", "unreachable"],
)
def test_how_nginx_ends_a_pair(lines: list[str], told: tuple[str, str, str, str]) -> None:
    assert end(read("nginx", ACCEPTED, *lines)) == told


def test_nginx_lines_of_nobody() -> None:
    """Lines of a connection that was not accepted, and all other lines, say nothing."""
    assert read("nginx", CONNECTED, "2026/11/29 00:55:58 [notice] 1#1: OS: Linux", "") == []


@pytest.mark.parametrize(
    ("how", "settings", "told"),
    [
        ("cD", {}, ("closed", "proxy", TIMEOUT, "timeout client")),
        ("sD", {}, ("closed", "proxy", TIMEOUT, "timeout server")),
        ("cD", {"timeout_tunnel": 3600.0}, ("closed", "proxy", TIMEOUT, "timeout tunnel")),
        ("cD", {"timeout_tunnel": None}, ("closed", "proxy", TIMEOUT, "timeout client")),
        ("CD", {}, ("closed", "client", "reset", "")),
        ("SD", {}, ("closed", "server", "reset", "")),
        ("--", {}, ("closed", "", "", "")),
        ("PR", {}, ("closed", "proxy", "PR", "")),
    ],
)
def test_how_haproxy_ends_a_pair(how: str, settings: Settings, told: tuple[str, str, str, str]) -> None:
    events = read("haproxy", LUA, f"@lab closed {CLIENT} {FRONT} {OWN} {how}", settings=settings)
    assert [event.own for event in events] == [OWN, OWN]
    assert end(events) == told


@pytest.mark.parametrize(("how", "reason"), [("SC", "refused"), ("sC", TIMEOUT), ("cC", TIMEOUT)])
def test_haproxy_does_not_reach_the_server(how: str, reason: str) -> None:
    assert end(read("haproxy", f"@lab closed {CLIENT} {FRONT} -:- {how}")) == ("failed", "server", reason, "")


def test_haproxy_pairs_by_port() -> None:
    """The same client's port may come back: it is another pair then."""
    over = f"@lab closed {CLIENT} {FRONT} {OWN} --"
    assert [event.id for event in read("haproxy", LUA, over, LUA, over)] == ["1", "1", "2", "2"]


@pytest.mark.parametrize(
    ("name", "line", "version"),
    [
        ("nginx", "2026/11/29 00:55:58 [notice] 20985#20985: nginx/1.22.1", "nginx/1.22.1"),
        ("haproxy", "@lab version 2.6.12-1+deb12u4", "haproxy/2.6.12-1+deb12u4"),
    ],
)
def test_when_it_listens(name: str, line: str, version: str) -> None:
    reader = find(name).reader(plan())
    assert not reader.listens("[warn] something else")
    assert reader.listens(line)
    assert reader.version == version


REQUEST = HEAD.replace("info", "notice") + f' "@lab" matches "@lab {CLIENT} {FRONT}", client: {CLIENT.host}, server: '
DEBUG = HEAD.replace("info", "debug")
UPGRADED = f'{DEBUG} http proxy status 101 "101 Switching Protocols"'
UPSTREAM = 'server: , request: "GET / HTTP/1.1", upstream: "http://192.0.2.10:80/"'


def test_nginx_tells_both_connections_of_an_upgrade() -> None:
    """Its port to the server is made of the number of the client's connection."""
    first, second = read("nginx", REQUEST, UPGRADED, mode=ProxyMode.HTTP)
    assert (first.state, first.own) == ("accepted", None)
    own = Endpoint(OWN.host, 40001)
    assert second == ProxyConnection(id="1", state="connected", client=CLIENT, front=FRONT, own=own)


@pytest.mark.parametrize(
    ("lines", "told"),
    [
        (
            [
                UPGRADED,
                (
                    f"{HEAD} upstream timed out (110: Connection timed out) while proxying upgraded connection, "
                    f"client: {CLIENT.host}, {UPSTREAM}"
                ),
                f"{DEBUG} close http connection: 7",
            ],
            ("closed", "proxy", TIMEOUT, "proxy_read_timeout"),
        ),
        (
            [UPGRADED, f'{DEBUG} http run request: "/?"', f"{DEBUG} http upstream upgraded done"],
            ("closed", "client", "", ""),
        ),
        (
            [UPGRADED, f'{DEBUG} http upstream request: "/?"', f"{DEBUG} http upstream upgraded done"],
            ("closed", "server", "", ""),
        ),
        ([f'{DEBUG} http proxy status 400 "400 Bad Request"'], ("failed", "server", "answered 400", "")),
        (
            [
                (
                    f"{HEAD} connect() failed (111: Connection refused) while connecting to upstream, "
                    f"client: {CLIENT.host}, {UPSTREAM}"
                )
            ],
            ("failed", "server", "Connection refused", ""),
        ),
        (
            [
                (
                    f"{HEAD} upstream timed out (110: Connection timed out) while connecting to upstream, "
                    f"client: {CLIENT.host}, {UPSTREAM}"
                )
            ],
            ("failed", "server", TIMEOUT, ""),
        ),
        ([f"{DEBUG} close http connection: 7"], ("failed", "client", "", "")),
    ],
    ids=["timeout", "client", "server", "refused", "closed", "unreachable", "left"],
)
def test_how_nginx_ends_an_upgraded_pair(lines: list[str], told: tuple[str, str, str, str]) -> None:
    assert end(read("nginx", REQUEST, *lines, mode=ProxyMode.HTTP)) == told


@pytest.mark.parametrize("mode", ProxyMode)
@pytest.mark.parametrize("name", names())
def test_all_that_a_program_writes_goes_into_the_cell(name: str, mode: ProxyMode, tmp_path: Path) -> None:
    """No daemon, no other folder, no other user; each setting that it takes is in its configuration."""
    pem = tmp_path / "server.pem"
    pem.write_text("certificate and key")
    program = find(name)
    settings: Settings = {field: 7.0 + number for number, field in enumerate(program.takes[mode])}
    files = program.files(plan(mode, settings, pem))
    assert {*files} <= {*program.writes}
    text = "".join(files.values())
    for field, seconds in settings.items():
        assert f"{program.takes[mode][field]} {seconds:.0f}s" in text
    text = text.replace("user root;", "").replace(str(pem), "")  # no other user, and a file of the run
    assert not any(word in text for word in ("/var", "/run", "chroot", "user ", "daemon on"))
    configuration, *_ = files
    assert f"/cell/{configuration}" in program.command(plan(mode, settings))
