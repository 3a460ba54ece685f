"""What this machine lacks is its fault, wherever it is met, in one sentence; any other surprise is the lab's."""

from __future__ import annotations

import errno
import os
import resource
import signal
from pathlib import Path
from typing import Any

import pytest

from lab.cli import ending
from lab.errors import HostNotCapable, LabFault
from lab.machine_limits import allow_open_files, end_fault, machine_fault
from lab.runner import cell, progress

LACKS = {
    errno.ENOSPC: "no room left to write at /somewhere/record.jsonl",
    errno.EDQUOT: "no room left to write at /somewhere/record.jsonl",
    errno.EMFILE: "too many open files",
    errno.ENFILE: "too many open files",
    errno.ENOMEM: "not enough memory",
    errno.EFBIG: "a file becomes larger than it may at /somewhere/record.jsonl",
}


def fails(number: int) -> OSError:
    return OSError(number, os.strerror(number), "/somewhere/record.jsonl")


@pytest.mark.parametrize("number", LACKS, ids=errno.errorcode.get)
def test_what_the_system_says(number: int) -> None:
    fault = machine_fault(fails(number))
    assert isinstance(fault, HostNotCapable)
    assert fault.missing.startswith(LACKS[number])
    assert fault.fix
    assert "\n" not in str(fault)


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (MemoryError(), "not enough memory"),
        (RuntimeError("can't start new thread"), "no further process"),
        (ImportError("libx.so.1: cannot open shared object file: Too many open files"), "too many open files"),
        (FileNotFoundError(2, "No usable temporary directory found in ['/tmp']"), "no temporary folder"),
    ],
)
def test_what_python_makes_of_it(error: Exception, said: str) -> None:
    fault = machine_fault(error)
    assert isinstance(fault, HostNotCapable)
    assert fault.missing.startswith(said)


@pytest.mark.parametrize(
    "error",
    [
        fails(errno.EACCES),
        fails(errno.ENOENT),
        OSError("something"),
        ValueError("28"),
        RuntimeError("a loop"),
        ImportError("No module named x"),
        BlockingIOError(errno.EAGAIN, "a socket has nothing to read"),
    ],
)
def test_another_error(error: Exception) -> None:
    assert machine_fault(error) is None


def test_no_further_process() -> None:
    """EAGAIN means that where a process was to be made: the line says ``fork``."""
    error = BlockingIOError(errno.EAGAIN, os.strerror(errno.EAGAIN))
    try:
        raise error  # as of os.fork(), which has no frame of its own
    except BlockingIOError:
        fault = machine_fault(error)
    assert isinstance(fault, HostNotCapable)
    assert fault.missing.startswith("no further process can be started")


def test_behind_an_error_of_ours() -> None:
    """The cause of a fault of the lab's decides whose it is."""
    fault = LabFault("start an actor")
    fault.__cause__ = fails(errno.EMFILE)
    assert isinstance(machine_fault(fault), HostNotCapable)


def test_the_limit_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resource, "getrlimit", lambda _: (32, 32))
    assert "the limit is 32 files" in str(machine_fault(fails(errno.EMFILE)))


@pytest.mark.parametrize(
    ("status", "words", "said"),
    [
        (-signal.SIGXFSZ, "", "larger"),
        (128 + signal.SIGXFSZ, "", "larger"),
        (1, "setup_physmem - mapping 390070272 bytes of memory failed - errno = -12", "memory"),
        (1, "ImportError: libgcc_s.so.1: Too many open files\nreboot: System halted", "open files"),
    ],
)
def test_a_program_that_ended_for_want_of_something(status: int, words: str, said: str) -> None:
    assert said in str(end_fault(status, words))


def test_a_program_that_ended_for_another_reason() -> None:
    assert end_fault(1, "Kernel panic - not syncing: errno = -122") is None


def test_open_files_are_allowed_as_far_as_they_may(monkeypatch: pytest.MonkeyPatch) -> None:
    """A low limit that this user may raise is raised; one that he may not is named before anything starts."""
    limits = [(64, 1024)]
    monkeypatch.setattr(resource, "getrlimit", lambda _: limits[-1])
    monkeypatch.setattr(resource, "setrlimit", lambda _, new: limits.append(new))
    assert allow_open_files(256) is None
    assert limits[-1] == (256, 1024)
    limits.append((64, 64))
    assert str(allow_open_files(256)) == "256 open files are needed, and 64 are allowed; allow more: `ulimit -n 1024`"
    assert allow_open_files(64) is None
    limits.append((resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    assert allow_open_files(256) is None


def test_a_deleted_current_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "gone").mkdir()
    monkeypatch.chdir(tmp_path / "gone")
    (tmp_path / "gone").rmdir()
    with pytest.raises(FileNotFoundError) as caught:
        Path.cwd()
    assert "current folder" in str(machine_fault(caught.value))


@pytest.mark.parametrize(
    ("error", "status", "said"),
    [
        (fails(errno.ENOSPC), 3, "host error: no room"),
        (LabFault("a world"), 4, "lab error: a world"),
        (fails(errno.EACCES), 4, "bug"),
    ],
)
def test_the_command(error: Exception, status: int, said: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Met by ``lab`` itself, as when it writes the reports."""

    def command() -> None:
        raise error

    with pytest.raises(SystemExit) as ended:
        ending.reported(command)
    assert ended.value.code == status
    printed = capsys.readouterr()
    assert said in printed.err
    assert printed.out == ""


@pytest.mark.parametrize(("number", "side"), [(errno.EDQUOT, "host"), (errno.EACCES, "lab")])
def test_a_cell(number: int, side: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Met by a cell's process, as when it writes its record."""
    said: list[dict[str, Any]] = []
    monkeypatch.setattr(os, "setsid", lambda: None)
    monkeypatch.setattr(progress, "say", lambda what, **fields: said.append({"what": what, **fields}))

    def job(folder: Path) -> None:
        raise fails(number)

    status = cell.guarded(job, Path("/somewhere"))
    (told,) = said
    assert (told["what"], told["side"], told["exit_code"]) == ("error", side, status)
    assert status == {"host": 3, "lab": 4}[side]
