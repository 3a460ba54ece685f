"""Actors that stand alone: what they say is shown, what they are told is done, and nothing is left."""

from __future__ import annotations

import json
import os
import signal
import socket
import threading
from pathlib import Path
from typing import Any

import pytest

from lab.actors import standalone
from lab.actors.channel import Channel, Lines, Message
from lab.cli import standalone as command
from lab.clients import start as start_client
from lab.errors import HostNotCapable, ScenarioError
from lab.model.authentication import PASSWORD, USER
from lab.model.endpoint import Endpoint
from lab.model.scenario import Account, Client, Strategy, Transport
from lab.record.events import Event, Obeyed, ServerFlow, ServerReady


def _echo(sock: socket.socket) -> None:
    """Says that it is ready once started, repeats every command, ends at ``stop`` with its status."""
    channel, lines = Channel(sock), Lines()
    while data := sock.recv(65536):
        for told in lines.feed(data):
            if told["do"] == "stop":
                os._exit(told.get("status", 0))
            os.write(1, b"a library's noise")
            if told["do"] == "start":
                channel.emit(ServerReady(ports={}))
            else:
                channel.emit(Obeyed(do=told["do"], mode=told["song"]))


@pytest.fixture
def place(tmp_path: Path) -> standalone.StandalonePaths:
    return standalone.StandalonePaths(control=tmp_path / "control", ready=tmp_path / "ready")


def test_it_is_ready_takes_commands_and_ends_when_told(
    place: standalone.StandalonePaths, capfd: pytest.CaptureFixture[str]
) -> None:
    shown: list[Event] = []
    answers: list[Message | None] = []

    def tell() -> None:
        command = {"do": "sing", "song": "seven"}
        answers.append(standalone.tell(place, command, until=lambda event: isinstance(event, Obeyed), within=20))
        os.kill(os.getpid(), signal.SIGTERM)

    teller = threading.Thread(target=tell)

    def show(_at: float, event: Event) -> None:
        shown.append(event)
        if isinstance(event, ServerReady):
            assert not place.ready.exists()  # only after this
            teller.start()

    status = standalone.run(_echo, {"do": "start"}, place=place, ready_at=ServerReady, show=show)
    teller.join()
    assert status == 0
    assert shown == [ServerReady(ports={}), Obeyed(do="sing", mode="seven")]
    assert answers[0] is not None
    assert answers[0].event == shown[1]
    assert not place.ready.exists()
    assert not place.control.exists()
    assert capfd.readouterr().out == ""


def test_its_exit_status_is_the_actors(place: standalone.StandalonePaths) -> None:
    start = {"do": "stop", "status": 3}
    assert standalone.run(_echo, start, place=place, ready_at=ServerReady, show=lambda _at, _event: None) == 3


def test_one_of_a_kind_in_a_place(place: standalone.StandalonePaths) -> None:
    """A second is refused, and the first is left alone; what a killed one has left is no hindrance."""
    with socket.socket(socket.AF_UNIX) as first:
        first.bind(str(place.control))
        first.listen()
        with pytest.raises(standalone.TakenError, match="another one listens on"):
            standalone.run(_echo, {"do": "stop"}, place=place, ready_at=ServerReady, show=lambda _at, _event: None)
    assert place.control.exists()
    place.ready.touch()
    assert standalone.run(_echo, {"do": "stop"}, place=place, ready_at=ServerReady, show=lambda _at, _event: None) == 0
    assert not place.ready.exists()


def test_each_kind_has_a_place_of_its_own() -> None:
    """So that a server and a client stand on one machine, and a probe is asked of the server."""
    files = [file for place in command.PLACES.values() for file in (place.control, place.ready)]
    assert len(set(files)) == len(files) == 6


class Started(Exception):
    """Carries the ``start`` command of an actor that would run now."""


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have no actor run."""

    def run(_main: Any, start: dict[str, Any], **_: Any) -> int:
        raise Started(start)

    monkeypatch.setattr(standalone, "run", run)
    monkeypatch.setattr("lab.network.local_interface.interface_with", lambda _: "lo")


@pytest.mark.parametrize(
    ("account", "strategy", "bindings_only"),
    [("subscribe", "none", False), ("register", "none", True), ("subscribe", "register-300s", True)],
)
def test_a_server_knows_accounts(started: None, account: str, strategy: str, *, bindings_only: bool) -> None:
    """And asks who sends a request, if it is to."""
    with pytest.raises(Started) as caught:
        command.run_server(
            address="127.0.0.1", account=account, authentication="SHA-256", strategy=strategy, share=None, json=False
        )
    (start,) = caught.value.args
    assert start["bindings_only"] is bindings_only
    asked = start["authentication"]
    assert (asked["algorithm"], asked["user"], asked["password"]) == ("SHA-256", USER, PASSWORD)


def test_a_client_has_the_password_that_is_asked_for() -> None:
    for authenticates in (True, False):
        start = start_client.command(
            Client(account=Account.REGISTER),
            Strategy(name="none"),
            Transport.UDP,
            server="127.0.0.1",
            ca=None,
            seed=1,
            log=Path("client.log"),
            authenticates=authenticates,
        )
        password = PASSWORD if authenticates else None
        assert (start["user"], start["password"], start["account"]) == (USER, password, "register")


def test_telling_nobody_is_the_hosts_fault(monkeypatch: pytest.MonkeyPatch, place: standalone.StandalonePaths) -> None:
    monkeypatch.setitem(command.PLACES, "server", place)
    with pytest.raises(HostNotCapable, match="no server stands here"):
        command.tell_server("notify", within=1, hold=1, json=False)


def test_all_that_is_wrong_with_a_middlebox_is_said_at_once() -> None:
    with pytest.raises(ScenarioError) as caught:
        command.run_middlebox(profile="aws-natgv", inside="here", outside="::1", forgets_after="soon", json=False)
    said = str(caught.value)
    assert [word in said for word in ("--inside", "--outside", "did you mean `aws-natgw`", "--forgets-after")] == [
        True
    ] * 4


def test_a_strategy_that_cannot_be_had_is_refused() -> None:
    with pytest.raises(ScenarioError, match="exists on tcp, tls, ws and wss only"):
        command.run_client(
            server="198.18.0.10",
            transport="udp",
            account="subscribe",
            authentication="",
            strategy="crlf-10s",
            gateway="",
            share=None,
            json=False,
        )


def test_what_the_container_was_not_given_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """The settings of this machine are not those of a middlebox; the way out names compose's variables."""
    monkeypatch.setattr("lab.network.local_interface.interface_with", lambda _: "lo")
    with pytest.raises(HostNotCapable, match="nf_conntrack_tcp_loose is ") as caught:
        command.run_middlebox(
            profile="repickup-60s" if _loose() == "0" else "silent-60s",
            inside="10.77.0.2",
            outside="198.18.0.2",
            forgets_after="",
            json=False,
        )
    assert "LAB_TCP_LOOSE=" in str(caught.value)


def _loose() -> str:
    path = Path("/proc/sys/net/netfilter/nf_conntrack_tcp_loose")
    return path.read_text().strip() if path.exists() else ""


@pytest.mark.parametrize("json", [False, True])
def test_events_are_lines(capsys: pytest.CaptureFixture[str], json: bool) -> None:
    event = ServerFlow(
        id="f1", state="accepted", transport="udp", peer=Endpoint("10.0.0.2", 7), own=Endpoint("10.0.0.1", 8), reason=""
    )
    command._Printer(json=json).event(0.0, event)
    line = capsys.readouterr().out
    fields = {"id": "f1", "state": "accepted", "transport": "udp", "peer": "10.0.0.2:7", "own": "10.0.0.1:8"}
    if json:
        assert _parsed(line) == {"at": 0.0, "ev": "flow", **fields, "reason": "", "subject": ""}
    else:
        assert line.endswith(f"s  flow                 {' '.join(f'{key}={value}' for key, value in fields.items())}\n")


def _parsed(line: str) -> Any:
    return json.loads(line)
