"""Clients that are programs of the machine: there or not, and what they are told."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

import lab
from lab.clients import catalog, installed_program
from lab.clients.baresip.settings import Settings as BaresipSettings
from lab.clients.installed_program import InstalledProgram
from lab.clients.linphone.settings import Settings as LinphoneSettings
from lab.model.scenario import Cell, Transport

PROGRAMS = [
    name
    for name in catalog.names()
    if isinstance(catalog.find(name), InstalledProgram) and not catalog.find(name).takes_script  # see test_sipp_client
]
TOLD = {
    "server": "203.0.113.10",
    "port": 5060,
    "transport": "tcp",
    "user": "alice",
    "peer": "bob",
    "domain": "example.com",
    "registers": True,
    "subscribes": False,
}


def cell(name: str) -> Cell:
    content = {
        "title": "t",
        "topology": "home-nat",
        "middlebox": "never-forgets",
        "client": {"name": name, "account": "register"},
        "probes": [{"at": "30 s"}],
        "ends": "60 s",
    }
    (only,) = lab.build(content).cells
    return only


@pytest.mark.parametrize("name", PROGRAMS)
def test_not_installed(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The cell says which command installs it; a worker does not offer it; nothing identifies it."""
    program = catalog.find(name)
    assert isinstance(program, InstalledProgram)
    monkeypatch.setattr(type(program), "is_there", lambda _: False)
    prepared = program.prepare(cell(name), lambda _: None)
    assert prepared.unsupported == (
        f"{name} is not installed; `apt-get install --no-install-recommends {' '.join(program.packages)}`"
    )
    assert program.installed() == ()
    assert program.identity(cell(name)) is None


@pytest.mark.parametrize("name", PROGRAMS)
def test_installed(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    program = catalog.find(name)
    assert isinstance(program, InstalledProgram)
    monkeypatch.setattr(type(program), "is_there", lambda _: True)
    assert program.prepare(cell(name), lambda _: None).unsupported == ""
    assert program.installed() == (name,)


def test_identity_follows_the_files(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Another build in the place of a package's file is another client, and so is another library below it."""
    file, versions = tmp_path / "program", {"libc6": "1"}
    file.write_text("one")

    def dpkg(*command: str) -> str:
        if command[1] == "-L":
            return f"{tmp_path}\n{file}\n"
        return "libc6 (>= 1)" if command[3] == "${Depends}" else versions[command[4]]

    monkeypatch.setattr(installed_program, "_dpkg", dpkg)
    identities = set()
    for content, version in (("one", "1"), ("two", "1"), ("two", "2")):
        file.write_text(content)
        versions["libc6"] = version
        installed_program._identity.cache_clear()
        identities.add(installed_program._identity(("phone",)))
    installed_program._identity.cache_clear()
    assert len(identities) == 3


@pytest.mark.parametrize("name", PROGRAMS)
def test_no_websocket(name: str) -> None:
    """Nor is anything started to find that out."""
    here = replace(cell(name), transport=Transport("wss"))
    assert catalog.find(name).unsupported(here) == f"{name} has no WebSocket"


@pytest.mark.parametrize("name", PROGRAMS)
def test_facts(name: str) -> None:
    """`lab show` tells release and licence, and how it does each mitigation that it offers."""
    program = catalog.find(name)
    facts = dict(program.facts)
    assert {"release", "licence", "settings"} <= facts.keys()
    assert program.offers is not None
    assert program.how.keys() == program.offers


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"registers": False}, "regint=0"),
        ({"expires": 60}, "regint=60"),
        ({"password": "secret"}, "auth_pass=secret"),
        ({"outbound": True}, "sipnat=outbound"),
        ({"transport": "tls"}, "transport=tls"),
    ],
)
def test_account_of_baresip(change: dict[str, object], word: str) -> None:
    """Each setting is in the account's line, and only then."""
    plain = BaresipSettings(**TOLD)  # type: ignore[arg-type]
    assert word not in plain.account()
    assert word in replace(plain, **change).account()  # type: ignore[arg-type]


def test_files_of_baresip(tmp_path: Path) -> None:
    """It subscribes only if the account does; its certificate and key are in one file."""
    for part in ("certificate", "key"):
        (tmp_path / part).write_text(f"{part}\n")
    files = BaresipSettings(
        **{**TOLD, "subscribes": True},  # type: ignore[arg-type]
        ca="ca.pem",
        certificate=str(tmp_path / "certificate"),
        key=str(tmp_path / "key"),
    )
    files.write(tmp_path / "baresip")
    assert (tmp_path / "baresip" / "own.pem").read_text() == "certificate\nkey\n"
    config = (tmp_path / "baresip" / "config").read_text()
    assert "sip_cafile ca.pem" in config
    assert "presence.so" in config
    assert "presence=p2p" in (tmp_path / "baresip" / "contacts").read_text()
    silent = replace(files, subscribes=False)
    assert "presence" not in silent.config(tmp_path) + silent.contact()


@pytest.mark.parametrize(
    ("change", "line"),
    [
        ({"registers": False}, "reg_sendregister=0"),
        ({"expires": 60}, "reg_expires=60"),
        ({"password": "secret"}, "passwd=secret"),
        ({"keep_alive": 0}, "keepalive_period=0"),
        ({"subscribes": True}, "subscribe=1"),
        ({"ca": "ca.pem"}, "root_ca=ca.pem"),
        ({"certificate": "own.pem"}, "client_cert_chain=own.pem"),
        ({"key": "own.key"}, "client_cert_key=own.key"),
    ],
)
def test_file_of_linphone(change: dict[str, object], line: str) -> None:
    """Each setting is a line, and only then."""
    plain = LinphoneSettings(**TOLD)  # type: ignore[arg-type]
    assert line not in plain.text().splitlines()
    assert line in replace(plain, **change).text().splitlines()  # type: ignore[arg-type]
