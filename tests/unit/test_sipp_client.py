"""SIPp as a client: its script, its command line, its trace."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import lab
from lab.backends.base import BackendKind
from lab.clients import catalog
from lab.clients.sipp.client import Sipp
from lab.clients.sipp.trace import Trace
from lab.engine import prepare
from lab.errors import ScenarioError
from lab.loader.unsupported import why_unsupported
from lab.model.endpoint import Endpoint
from lab.model.scenario import Cell, Scenario, Transport
from lab.record.events import Registered
from lab.worlds.clock import Clock

START: dict[str, Any] = {
    "server": "127.0.0.1",
    "port": 5060,
    "transport": "udp",
    "user": "alice",
    "peer": "bob",
    "domain": "127.0.0.1",
    "password": None,
}
TRACED = (
    b"Resolving remote host... Done.\n----------------------------------------------- 2026-11-29 04:53:55.129310\n"
    b"UDP message sent (%d bytes):\n\n%b\n----------------------------------------------- 2026-11-29 04:53:55.133496\n"
    b"UDP message received [%d] bytes :\n\n%b\n"
)
REQUEST = b"REGISTER sip:a SIP/2.0\r\nCall-ID: c\r\nCSeq: 1 REGISTER\r\nContent-Length: 0\r\n\r\n"
ANSWER = b"SIP/2.0 200 OK\r\nCall-ID: c\r\nCSeq: 1 REGISTER\r\nContent-Length: 0\r\n\r\n"
OUTPUT = TRACED % (len(REQUEST), REQUEST, len(ANSWER), ANSWER)
HERE, THERE = Endpoint("10.0.0.2", 5060), Endpoint("203.0.113.10", 5060)


def scenario(client: Any, folder: Path = Path("/")) -> Scenario:
    content = {
        "title": "t",
        "topology": "home-nat",
        "middlebox": "never-forgets",
        "transport": "udp",
        "client": client,
        "probes": [{"at": "30 s"}],
        "ends": "60 s",
    }
    built = lab.build(content)
    return replace(built, cells=tuple(replace(cell, folder=str(folder)) for cell in built.cells))


def cell(folder: Path = Path("/")) -> Cell:
    (only,) = scenario({"name": "sipp", "account": "register", "script": "one.xml"}, folder).cells
    return only


@pytest.mark.parametrize("size", [1, 7, 1000])
def test_trace(size: int) -> None:
    """Whatever pieces the output comes in; a message ends where its length says."""
    trace = Trace(HERE, THERE)
    pieces = [OUTPUT[start : start + size] for start in range(0, len(OUTPUT), size)]
    found = [message for piece in pieces for message in trace.feed(piece)]
    assert [(each.sent, each.data) for each in found] == [(True, REQUEST), (False, ANSWER)]
    assert {(each.transport, each.local, each.remote) for each in found} == {("udp", HERE, THERE)}


def test_what_is_no_sip_is_left_out() -> None:
    """A script may send it."""
    broken = TRACED % (3, b"\0\0\0", len(ANSWER), ANSWER)
    assert [each.data for each in Trace(HERE, THERE).feed(broken)] == [ANSWER]


def test_registered_by_its_messages() -> None:
    events = list(Sipp(START, Path("/one.xml")).read(OUTPUT))
    assert any(isinstance(event, Registered) for event in events)


@pytest.mark.parametrize(("change", "words"), [
    ({}, ("-sf", "/one.xml")),
    ({}, ("-t", "u1")),
    ({"transport": "tcp"}, ("-t", "t1")),
    ({}, ("-key", "user", "alice")),
    ({"password": "secret"}, ("-au", "alice", "-ap", "secret")),
])  # fmt: skip
def test_command(change: dict[str, Any], words: tuple[str, ...]) -> None:
    command = Sipp({**START, **change}, Path("/one.xml")).command()
    assert " ".join(words) in " ".join(command)
    assert "secret" in command or not change.get("password")


def test_its_label_has_the_scripts_name() -> None:
    assert cell().client.label == "sipp-one"


@pytest.mark.parametrize(
    ("client", "why"),
    [
        ("sipp", "sipp needs a script"),
        ({"name": "sipp"}, "sipp needs a script"),
        ({"name": "baresip", "script": "one.xml"}, "baresip plays no script"),
        ({"command": ["./one"], "script": "one.xml"}, "own plays no script"),
    ],
)
def test_a_script_and_who_plays_it(client: Any, why: str) -> None:
    with pytest.raises(ScenarioError, match=why):
        scenario(client)


def test_what_it_is_unsupported_for() -> None:
    assert why_unsupported(cell()) == ""
    assert "UDP and TCP only" in why_unsupported(replace(cell(), transport=Transport.TLS))


def test_the_script_identifies_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another script is another client; without one it is missing."""
    program = catalog.find("sipp")
    monkeypatch.setattr(type(program), "is_there", lambda _: True)
    monkeypatch.setattr("lab.clients.installed_program._identity", lambda _: "sipp 3")
    assert program.missing(cell(tmp_path)) == str(tmp_path / "one.xml")
    found = set()
    for text in ("one", "two"):
        (tmp_path / "one.xml").write_text(text)
        found.add(program.identity(cell(tmp_path)))
    assert len(found) == 2
    assert program.missing(cell(tmp_path)) == ""
    assert program.visible(cell(tmp_path)) == (tmp_path,)


@pytest.mark.parametrize("clock", Clock)
def test_real_time_only(monkeypatch: pytest.MonkeyPatch, clock: Clock) -> None:
    """In virtual time its cells say why not, and how they can run."""
    monkeypatch.setattr(type(catalog.find("sipp")), "is_there", lambda _: True)
    whole = scenario({"name": "sipp", "script": "one.xml"})
    (prepared,) = prepare.fetched(whole, BackendKind.NETNS, lambda _: None, clock).cells
    assert ("--clock real" in (prepared.unsupported or "")) == (clock is Clock.VIRTUAL)
