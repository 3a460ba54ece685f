"""Drives another client program as a child process, and translates between it and the actor protocol.

The program shows in its output what it does; what it is told goes to its standard input. Nothing here polls: the
process sleeps until the program writes, a command comes or the program ends.
"""

from __future__ import annotations

import os
import selectors
import signal
import socket
import subprocess
import sys
import time
from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, NoReturn

from lab.actors.channel import Channel, Lines
from lab.backends.base import CLIENT_MARK
from lab.backends.child import die_with
from lab.errors import LabFault
from lab.record.events import ClientEvent

_RECEIVE_SIZE = 65536


class Driver(ABC):
    """The part that is particular to one program."""

    @abstractmethod
    def ready(self) -> ClientEvent:
        """Return the event that answers ``start``."""

    @abstractmethod
    def command(self) -> Sequence[str]:
        """Write the program's files, and return its command line."""

    @abstractmethod
    def read(self, output: bytes) -> Iterable[ClientEvent]:
        """Return the events that the next piece of the program's output completes."""

    def environment(self) -> dict[str, str]:
        """Return what the program has in its environment besides that of the lab."""
        return {}

    def obey(self, command: dict[str, Any]) -> bytes:
        """Return what is written to the program when the runner says something; it need not heed it."""
        return b""

    def due(self) -> float | None:
        """Return when `act` is to be called, on CLOCK_MONOTONIC; None: not before something else happens."""
        return None

    def act(self) -> bytes:
        """Do what is due, and return what is written to the program."""
        return b""


class ProgramLog:
    """The program's output in the client's log, each line with CLOCK_MONOTONIC before it."""

    def __init__(self, path: str) -> None:
        self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o644)
        self._at_start = True

    def write(self, data: bytes) -> None:
        """Append a piece of output."""
        stamp = f"{time.monotonic():.6f} ".encode()
        lines = data.split(b"\n")
        stamped = [(stamp + line if line and (number or self._at_start) else line) for number, line in enumerate(lines)]
        os.write(self._file, b"\n".join(stamped))
        self._at_start = not lines[-1]


def first_command(sock: socket.socket, lines: Lines) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Wait for ``start``; return it, and what came with it. Ends the process if the runner is gone."""
    while data := sock.recv(_RECEIVE_SIZE):
        if commands := lines.feed(data):
            first, *others = commands
            if first.get("do") != "start":
                raise LabFault("client", detail=f"the first command is `start`, not {first!r}")
            return first, others
    os._exit(0)


def run(sock: socket.socket, lines: Lines, driver: Driver, log: str, others: Iterable[dict[str, Any]] = ()) -> None:
    """Run the program until ``stop``, the end of the socket, or its own end."""
    channel = Channel(sock)
    channel.emit(driver.ready())
    _Program(channel, driver, log).run(lines, others)


class _Program:
    """The running program.

    Args:
        channel: to the runner.
        driver: of the program.
        log: the file for what it writes.
    """

    def __init__(self, channel: Channel, driver: Driver, log: str) -> None:
        self._channel = channel
        self._driver = driver
        self._log = ProgramLog(log)
        parent = os.getpid()
        environment = {**os.environ, **driver.environment(), CLIENT_MARK[0]: CLIENT_MARK[1]}
        self._program = subprocess.Popen(
            list(driver.command()),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            bufsize=0,
            env=environment,
            preexec_fn=lambda: die_with(parent),  # noqa: PLW1509  (this process has one thread)
        )
        assert self._program.stdin is not None
        assert self._program.stdout is not None
        self._told, self._shown = self._program.stdin, self._program.stdout

    def run(self, lines: Lines, others: Iterable[dict[str, Any]]) -> None:
        """Run it; ``others`` are commands that came with the first."""
        sock = self._channel.sock
        with selectors.DefaultSelector() as selector:
            selector.register(sock, selectors.EVENT_READ)
            selector.register(self._shown, selectors.EVENT_READ)
            going = self._obey(others)
            while going:
                ready = {key.fileobj for key, _ in selector.select(_until(self._driver.due()))}
                if _until(self._driver.due()) == 0:
                    self._told.write(self._driver.act())
                if self._shown in ready:
                    self._show()
                if sock in ready:
                    data = sock.recv(_RECEIVE_SIZE)
                    going = bool(data) and self._obey(lines.feed(data))
        self._program.send_signal(signal.SIGKILL)
        self._program.wait()

    def _obey(self, commands: Iterable[dict[str, Any]]) -> bool:
        """Pass commands on; return whether to go on."""
        for command in commands:
            if command.get("do") == "stop":
                return False
            if data := self._driver.obey(command):
                self._told.write(data)
        return True

    def _show(self) -> None:
        """Read what the program has written."""
        output = os.read(self._shown.fileno(), _RECEIVE_SIZE)
        if not output:
            _ended(self._program)
        self._log.write(output)
        for event in self._driver.read(output):
            self._channel.emit(event)


def _until(due: float | None) -> float | None:
    """Return how long it is until then; None: for ever."""
    return None if due is None else max(0.0, due - time.monotonic())


def _ended(program: subprocess.Popen[bytes]) -> NoReturn:
    status = program.wait()
    command = program.args[0]  # type: ignore[index]  # it was started with a list
    print(f"{Path(str(command)).name} has ended with {status}", file=sys.stderr, flush=True)
    os._exit(1)
