"""Runs the actor process of a proxy: starts the program, and turns its log into events.

Commands: ``start`` (see ``lab.proxies.start``) and ``stop``. An event's time is when its line was read. The
actor waits for lines, so that is when the program wrote it.
"""

from __future__ import annotations

import asyncio
import os
import socket
from pathlib import Path
from typing import Any

from lab.actors.channel import Channel
from lab.actors.command_loop import CommandLoop
from lab.actors.logged_program import LoggedProgram
from lab.errors import LabFault
from lab.proxies import start
from lab.proxies.base import LogReader, ProxyProgram
from lab.proxies.catalog import find
from lab.record.proxy_events import ProxyReady

LOG = "proxy.log"
"""In the cell's folder."""


class _Actor:
    """The process: one program, from ``start`` to the end."""

    def __init__(self, sock: socket.socket, loop: asyncio.AbstractEventLoop) -> None:
        self._channel = Channel(sock)
        self._loop = loop
        self._commands = CommandLoop(sock, loop, doing="running the proxy", obey=self._obey)
        self._child: LoggedProgram | None = None
        self._reader: LogReader | None = None
        self._program: ProxyProgram | None = None
        self._ready = False

    async def run(self) -> None:
        """Run until told to stop, or the runner is gone."""
        try:
            await self._commands.run()
        finally:
            if self._child is not None:
                self._child.end()

    def _obey(self, command: dict[str, Any]) -> None:
        match command:
            case {"do": "start", "program": str(name), **told} if self._child is None:
                self._start(find(name), told)
            case _:
                raise LabFault("commanding the proxy", detail=repr(command))

    def _start(self, program: ProxyProgram, told: dict[str, Any]) -> None:
        if (lack := program.lack()) is not None:
            raise LabFault("starting the proxy", detail=str(lack))
        plan = start.plan(told)
        for name, text in program.files(plan).items():
            _write(plan.folder / name, text)
        self._program, self._reader = program, program.reader(plan)
        self._child = LoggedProgram(
            program.command(plan),
            plan.folder / LOG,
            self._loop,
            on_line=self._line,
            on_end=self._died,
            folder=plan.folder,
        )

    def _line(self, data: bytes) -> None:
        assert self._reader is not None  # it is made before the child
        assert self._program is not None
        line = data.decode("utf-8", "replace").strip()
        if not self._ready and self._reader.listens(line):
            self._ready = True
            self._channel.emit(ProxyReady(software=self._program.name, version=self._reader.version))
        for event in self._reader.read(line):
            self._channel.emit(event)

    def _died(self, how: str) -> None:
        self._child = None
        self._commands.fail(LabFault("running the proxy", detail=how))


def _write(path: Path, text: str) -> None:
    """Write a file that only this user may read: it may hold a key."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)


def main(sock: socket.socket) -> None:
    """Run the proxy: read commands from ``sock``, write events to it. Returns after ``stop`` or end of file.

    Raises:
        LabFault: a command makes no sense, or the program does not run.
    """

    async def run() -> None:
        await _Actor(sock, asyncio.get_running_loop()).run()

    asyncio.run(run())
