"""Other releases of pjsip: fetched once, by hash, and an error that says what to do if that fails."""

from __future__ import annotations

import os
import re
import signal
import stat
import sys
from pathlib import Path

import pytest

from lab import leftovers
from lab.clients.pjsip import wheels
from lab.clients.pjsip.interpreters import Interpreter
from lab.clients.pjsip.releases import DEFAULT, RELEASES
from lab.errors import HostNotCapable
from lab.leftovers import Removed
from lab.lock_file import requirements
from lab.mitigations import classes
from tests.e2e.lab_command import ROOT

PACKAGE = RELEASES["2.10"].package
OWN = Interpreter("", str(sys.implementation.cache_tag))


def hashes(lines: str) -> set[str]:
    return set(re.findall(r"sha256:\w+", lines))


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache of the test's own."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    return tmp_path / "lab" / "pjsip"


@pytest.fixture
def pip(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An interpreter whose pip does what its script says, one line each; by default it makes the folder."""
    script = tmp_path / "python"
    monkeypatch.setattr(sys, "executable", str(script))
    return script


def does(script: Path, commands: str) -> None:
    script.write_text(f"#!/bin/sh\n{commands}\n")
    script.chmod(script.stat().st_mode | stat.S_IXUSR)


def test_pins_are_of_the_releases() -> None:
    """What is pinned is what scenarios can name; hashes, and no place to fetch from."""
    text = wheels.PINS.read_text()
    others = {release.package for name, release in RELEASES.items() if name != DEFAULT}
    assert set(re.findall(r"pjsua2-python==(\S+)", text)) == others
    assert text.count("--hash=sha256:") >= len(others)
    assert "http" not in text


def test_pins_of_a_client_alone_are_what_is_installed_with_the_lab() -> None:
    """The lab's own release, and msgspec besides, which the client's process imports: as in the lab's lock file."""
    alone, lock = (requirements(file.read_text()) for file in (wheels.ALONE, ROOT / "requirements.lock"))
    assert set(alone) == {"msgspec", "pjsua2-python"}
    assert f"=={RELEASES[DEFAULT].package} " in alone["pjsua2-python"]
    for name, lines in alone.items():
        assert hashes(lines) == hashes(lock[name])
    assert wheels.pins(PACKAGE, alone=False) == wheels.PINS.read_text()
    assert "msgspec==" in wheels.pins(PACKAGE, alone=True)


def test_mitigations_that_are_lacking_exist() -> None:
    """A release lacks only what there is."""
    for release in RELEASES.values():
        assert set(release.lacks) <= set(classes())


def test_fetched_once(cache: Path, pip: Path) -> None:
    """The second time nothing is asked for and nothing is said."""
    does(pip, 'for a; do [ "$p" = --target ] && mkdir -p "$a"; p=$a; done; echo "$@" >> ${0}.log')
    said: list[str] = []
    first = wheels.find_or_fetch(PACKAGE, OWN, said.append)
    assert first.is_dir()
    assert first.is_relative_to(cache)
    assert "--require-hashes" in Path(f"{pip}.log").read_text()
    assert wheels.find_or_fetch(PACKAGE, OWN, said.append) == first
    assert len(said) == 1
    assert [path.name for path in first.parent.iterdir()] == [first.name]


def test_not_reachable(cache: Path, pip: Path) -> None:
    """The host's fault, with pip's last word and the way out; nothing half-made stays."""
    does(pip, "echo first >&2; echo 'No matching distribution found' >&2; exit 1")
    with pytest.raises(HostNotCapable, match="No matching distribution found") as caught:
        wheels.find_or_fetch(PACKAGE, OWN, lambda _: None)
    assert "package index" in caught.value.fix
    assert not list((cache / PACKAGE).iterdir())


def test_cache_that_cannot_be_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """So is that."""
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    with pytest.raises(HostNotCapable) as caught:
        wheels.find_or_fetch(PACKAGE, OWN, lambda _: None)
    assert "XDG_CACHE_HOME" in caught.value.fix


def test_a_killed_fetch_is_cleaned(cache: Path, pip: Path) -> None:
    """What it had unpacked goes with the next run or `lab clean`."""
    does(pip, 'for a; do [ "$p" = --target ] && mkdir -p "$a"; p=$a; done; kill -9 $PPID')
    pid = os.fork()
    if pid == 0:
        wheels.find_or_fetch(PACKAGE, OWN, lambda _: None)
        os._exit(0)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == -signal.SIGKILL
    assert len(list((cache / PACKAGE).iterdir())) == 1
    assert [sentence.split()[0] for sentence in leftovers.clean(lambda _: Removed()).undone] == ["removed", "closed"]
    assert not list((cache / PACKAGE).iterdir())
