"""SIP.js as a client of the lab: what it is unsupported for, what pins it, what is installed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

import lab
from lab.clients import sipjs
from lab.clients.sipjs import install, packages
from lab.errors import HostNotCapable
from lab.loader.unsupported import why_unsupported

SCENARIO: dict[str, Any] = {
    "title": "t",
    "topology": "home-nat",
    "middlebox": "never-forgets",
    "client": "sipjs",
    "transport": "ws",
    "probes": [{"at": "45 s"}],
    "ends": "60 s",
}


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine that has Node and the packages."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(packages, "node", lambda: "/usr/bin/node")
    packages.folder().mkdir(parents=True)
    return packages.folder()


def why(**more: Any) -> str:
    (cell,) = lab.build({**SCENARIO, **more}).cells
    return why_unsupported(cell)


@pytest.mark.usefixtures("installed")
def test_it_has_websocket_only() -> None:
    assert why() == why(transport="wss") == ""
    assert "WebSocket only" in why(transport="tls")
    assert "name server" in why(server={"by-name": True})


@pytest.mark.usefixtures("installed")
def test_what_it_offers() -> None:
    assert why(strategy="reconnect") == ""
    assert why(strategy="hold-transport") == "the scenario's client does not offer hold-transport"


@pytest.mark.parametrize("client", ["pjsip", "plain"])
def test_others_have_no_websocket(client: str) -> None:
    assert "WebSocket" in why(client=client)


def test_where_it_is_not_installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The reason has the commands that install it; nothing is fetched by itself."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(packages, "node", lambda: "/usr/bin/node")
    assert why() == f"SIP.js is not installed; {packages.INSTALL}"
    assert sipjs.CLIENT.installed() == ()
    monkeypatch.setattr(packages, "node", lambda: "")
    assert why() == f"Node is not installed; {packages.INSTALL}"
    assert list(tmp_path.iterdir()) == []


def test_without_npm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(HostNotCapable):
        packages.install()
    assert install.main() == 3
    assert "npm" in capsys.readouterr().err


def test_npm_that_fails_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    npm = tmp_path / "npm"
    npm.write_text("#!/bin/sh\necho 'npm error network' >&2\nexit 1\n")
    npm.chmod(0o755)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    with pytest.raises(HostNotCapable, match="npm error network"):
        packages.install()
    assert list((tmp_path / "cache" / "lab" / "sipjs").iterdir()) == []


def test_the_lock_file_names_no_registry() -> None:
    """Each package is pinned by its hash, and comes from whichever registry the machine has."""
    text = (Path(sipjs.__file__).parent / "package-lock.json").read_text("utf-8")
    found = {name: each for name, each in json.loads(text)["packages"].items() if name}
    assert set(found) == {"node_modules/sip.js", "node_modules/ws"}
    assert all(each["integrity"].startswith("sha512-") for each in found.values())
    assert "http" not in text


@pytest.mark.usefixtures("installed")
def test_another_package_is_another_identity(installed: Path) -> None:
    (cell,) = lab.build(SCENARIO).cells
    before = sipjs.CLIENT.identity(cell)
    (installed / "more.js").write_text("1")
    assert sipjs.CLIENT.identity(cell) != before
    assert installed in sipjs.CLIENT.visible(cell)
