"""What signals do to a run: those that end it, those that were ignored, and Ctrl-Z."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import pytest

from lab.engine import world_jobs
from lab.worlds import suspension
from tests.e2e.lab_command import wait_until


@dataclass
class Run:
    """A process that does one thing until it is told to end.

    Attributes:
        pid: its process id.
        said: what it says, line by line.
        tells: the other end of what it waits for.
    """

    pid: int
    said: IO[str]
    tells: int

    def ended(self) -> int:
        """Let it end; returns how it did."""
        os.close(self.tells)
        return os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])


class _Guest:
    def __init__(self, say: int) -> None:
        self._say = say

    def suspend(self) -> None:
        os.write(self._say, b"suspended\n")

    def resume(self) -> None:
        os.write(self._say, b"resumed\n")


async def _wait(told: int, say: int) -> dict[Path, Any]:
    end = asyncio.Event()
    asyncio.get_running_loop().add_reader(told, end.set)
    os.write(say, b"runs\n")
    await end.wait()
    return {}


@contextmanager
def _started(*ignored: signal.Signals) -> Iterator[Run]:
    """Fork such a process, with some signals ignored."""
    (hear, say), (told, tells) = os.pipe(), os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            os.close(tells)
            signal.signal(signal.SIGINT, signal.default_int_handler)
            for number in (signal.SIGTERM, signal.SIGHUP):  # whatever ran the tests may ignore them
                signal.signal(number, signal.SIG_DFL)
            for number in ignored:
                signal.signal(number, signal.SIG_IGN)
            came_of_it = asyncio.run(world_jobs._interruptible([_wait(told, say)], [_Guest(say)]))  # type: ignore[list-item]
            os.write(say, f"{came_of_it}\n".encode())
        finally:
            os._exit(0)
    os.close(say)
    os.close(told)
    with os.fdopen(hear) as said:
        assert said.readline() == "runs\n"
        yield Run(pid, said, tells)


ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@pytest.mark.parametrize("number", ENDING)
def test_a_signal_to_end_interrupts(number: signal.Signals) -> None:
    with _started() as run:
        os.kill(run.pid, number)
        assert run.said.readline() == "[None]\n"
        assert run.ended() == 0


@pytest.mark.parametrize("number", [*ENDING, signal.SIGTSTP])
def test_a_signal_that_was_ignored_stays_ignored(number: signal.Signals) -> None:
    """As SIGHUP is by nohup, and SIGINT in a script's background jobs."""
    with _started(number) as run:
        os.kill(run.pid, number)
        assert run.ended() == 0
        assert run.said.readline() == "[{}]\n"


def test_guests_stop_with_the_lab() -> None:
    """On Ctrl-Z the process stops after its guests, and they go on with it."""
    with _started() as run:
        os.kill(run.pid, signal.SIGTSTP)
        assert os.WIFSTOPPED(os.waitpid(run.pid, os.WUNTRACED)[1])
        assert run.said.readline() == "suspended\n"
        os.kill(run.pid, signal.SIGCONT)
        assert run.said.readline() == "resumed\n"
        assert run.ended() == 0
        assert run.said.readline() == "[{}]\n"


def _state(pid: int) -> str:
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]


def test_all_of_a_guest_is_stopped() -> None:
    """The process that stands for it, and what descends from it."""
    with subprocess.Popen(["sh", "-c", "sleep 60 & echo $!; wait"], stdout=subprocess.PIPE, text=True) as shell:
        assert shell.stdout is not None
        child = int(shell.stdout.readline())
        try:
            suspension.suspend(shell.pid)
            wait_until("both stopped", lambda: [_state(shell.pid), _state(child)] == ["T", "T"])
            suspension.resume(shell.pid)
            wait_until("both go on", lambda: "T" not in [_state(shell.pid), _state(child)])
        finally:
            os.kill(child, signal.SIGKILL)
            shell.kill()
