"""Runs the actor process of a proxy: starts the program, and turns its log into events.

Commands: ``start`` (see ``lab.proxies.start``), ``proxy-down`` (the program ends as if killed), ``proxy-up`` and ``stop``.
An event's time is when its line was read. The actor waits for lines, so that is when the program wrote it.
"""

from __future__ import annotations

import asyncio
import os
import socket
from pathlib import Path
from typing import Any

import msgspec

from lab.actors.channel import Channel
from lab.actors.command_loop import CommandLoop
from lab.actors.logged_program import LoggedProgram
from lab.errors import LabFault
from lab.proxies import start
from lab.proxies.base import LogReader, Plan, ProxyProgram
from lab.proxies.catalog import find
from lab.record.events import Obeyed
from lab.record.proxy_events import KILLED, ProxyConnection, ProxyReady

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
        self._plan: Plan | None = None
        self._ready = False
        self._pairs: dict[str, ProxyConnection] = {}

    async def run(self) -> None:
        """Run until told to stop, or the runner is gone."""
        try:
            await self._commands.run()
        finally:
            if self._child is not None:
                self._child.end()

    def _obey(self, command: dict[str, Any]) -> None:
        match command:
            case {"do": "start", "program": str(name), **told} if self._plan is None:
                self._program, self._plan = find(name), start.plan(told)
                self._start()
            case {"do": "proxy-down"} if self._child is not None:
                self._go_down(self._child)
            case {"do": "proxy-up"} if self._child is None and self._plan is not None:
                self._plan = self._plan._replace(life=self._plan.life + 1)
                self._start()
            case _:
                raise LabFault("commanding the proxy", detail=repr(command))

    def _start(self) -> None:
        program, plan = self._program, self._plan
        assert program is not None
        assert plan is not None
        if (lack := program.lack()) is not None:
            raise LabFault("starting the proxy", detail=str(lack))
        for name, text in program.files(plan).items():
            _write(plan.folder / name, text)
        self._ready, self._reader = False, program.reader(plan)
        self._child = LoggedProgram(
            program.command(plan),
            plan.folder / LOG,
            self._loop,
            on_line=self._line,
            on_end=self._died,
            folder=plan.folder,
        )

    def _go_down(self, child: LoggedProgram) -> None:
        child.end()
        self._child = None
        for pair in self._pairs.values():
            self._channel.emit(msgspec.structs.replace(pair, state="closed", by="proxy", reason=KILLED))
        self._pairs.clear()
        self._channel.emit(Obeyed(do="proxy-down"))

    def _line(self, data: bytes) -> None:
        assert self._reader is not None  # it is made before the child
        assert self._program is not None
        assert self._plan is not None
        line = data.decode("utf-8", "replace").strip()
        if not self._ready and self._reader.listens(line):
            self._ready = True
            self._channel.emit(ProxyReady(software=self._program.name, version=self._reader.version))
        for event in self._reader.read(line):
            life = self._plan.life  # a program counts its connections from the beginning in each of its lives
            pair = msgspec.structs.replace(event, id=f"{life + 1}.{event.id}") if life else event
            self._pairs[pair.id] = pair
            if pair.state in ("closed", "failed"):
                del self._pairs[pair.id]
            self._channel.emit(pair)

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
