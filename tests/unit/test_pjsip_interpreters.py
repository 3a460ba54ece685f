"""The Python that runs pjsip: the lab's own where it can, else another one of this machine, else what to do."""

from __future__ import annotations

import dataclasses
import json
import stat
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from lab.clients.pjsip import CLIENT, interpreters
from lab.clients.pjsip.interpreters import Interpreter
from lab.errors import HostNotCapable
from tests.records import cell

Make = Callable[[str, str], Path]


@pytest.fixture
def make(tmp_path: Path) -> Make:
    """Makes a program that says of itself that it is a Python with this cache tag."""

    def make(name: str, tag: str) -> Path:
        program = tmp_path / "bin" / name
        program.parent.mkdir(exist_ok=True)
        program.write_text(f"#!/bin/sh\necho {tag}\necho {program}\n")
        program.chmod(program.stat().st_mode | stat.S_IXUSR)
        return program

    return make


@pytest.fixture(autouse=True)
def nothing_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine with Python 3.13 and no other, but for what a test makes."""
    monkeypatch.delenv(interpreters.VARIABLE, raising=False)
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setattr(sys.implementation, "cache_tag", "cpython-313")
    monkeypatch.setattr(sys, "version_info", (3, 13, 5, "final", 0))


def test_the_own_one_if_it_fits(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys.implementation, "cache_tag", "cpython-310")
    make("python3.12", "cpython-312")
    assert interpreters.find() == Interpreter("", "cpython-310")
    assert len(CLIENT.modules) == 2


def test_else_the_latest_in_path(make: Make) -> None:
    make("python3.10", "cpython-310")
    make("python3.11", "cpython-313")  # such as a link somebody bent
    assert interpreters.find() == Interpreter(str(make("python3.10", "cpython-310")), "cpython-310")
    newest = make("python3.12", "cpython-312")
    assert interpreters.find() == Interpreter(str(newest), "cpython-312")
    assert len(CLIENT.modules) == 1


@pytest.mark.parametrize(
    "place",
    [".pyenv/versions/3.11.7/bin/python3.11", ".local/share/uv/python/cpython-3.11.9-linux-x86_64-gnu/bin/python3.11"],
)
def test_else_what_tools_have_installed_elsewhere(make: Make, tmp_path: Path, place: str) -> None:
    program = tmp_path / "home" / place
    program.parent.mkdir(parents=True)
    make("other", "cpython-311").rename(program)
    assert interpreters.find().tag == "cpython-311"


def test_one_that_is_named_goes_first(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where the lab's own would do."""
    monkeypatch.setattr(sys.implementation, "cache_tag", "cpython-312")
    named = make("mine", "cpython-311")
    monkeypatch.setenv(interpreters.VARIABLE, str(named))
    assert interpreters.find() == Interpreter(str(named), "cpython-311")


@pytest.mark.parametrize("tag", ["cpython-313", "pypy311", ""])
def test_one_that_is_named_and_does_not_fit(make: Make, monkeypatch: pytest.MonkeyPatch, tag: str) -> None:
    monkeypatch.setenv(interpreters.VARIABLE, str(make("mine", tag)))
    with pytest.raises(HostNotCapable, match=r"LAB_PJSIP_PYTHON is `.*mine`, which is no CPython 3.10, 3.11 or 3.12"):
        interpreters.find()


def test_none_at_all() -> None:
    with pytest.raises(
        HostNotCapable, match=r"for CPython 3\.10 to 3\.12; this is 3\.13, and no other was found"
    ) as caught:
        interpreters.find()
    assert "--backend docker" in caught.value.fix


def test_a_client_in_another_python_has_the_lab_and_none_of_its_packages(tmp_path: Path) -> None:
    """Those are built for the lab's own Python."""
    there = dataclasses.replace(cell(), wheel=str(tmp_path), interpreter="/opt/py/bin/python3.12")
    program = CLIENT.program(there)
    assert not callable(program)
    assert program.argv[0] == "/opt/py/bin/python3.12"
    (first,), others = json.loads(program.argv[program.argv.index("lab.actors.stdio") - 1])
    assert first == str(tmp_path)
    assert others
    assert [path for path in others if (Path(path) / "msgspec").exists()] == []
    assert [path for path in others if (Path(path) / "lab" / "actors").exists()] == others
    assert set(CLIENT.visible(there)) == {tmp_path, Path("/opt/py")}
