"""Kamailio as a process of the lab: commands in, the server's life."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Coroutine
from pathlib import Path
from typing import Any

from lab.actors.channel import Channel, Lines
from lab.actors.kamailio.server import KamailioServer
from lab.actors.sip_server.settings import Settings
from lab.errors import LabFault


class _Actor:
    """The process: commands in, the server's life."""

    def __init__(self, sock: socket.socket, loop: asyncio.AbstractEventLoop) -> None:
        self._sock = sock
        self._loop = loop
        self._lines = Lines()
        self._server: KamailioServer | None = None
        self._over: asyncio.Future[bool] = loop.create_future()  # True: in order

    async def run(self) -> None:
        """Serve until told to stop, or the runner is gone.

        Raises:
            Exception: whatever went wrong; a defect of the server must not pass as a silent client.
        """
        self._loop.set_exception_handler(self._defect)
        self._loop.add_reader(self._sock, self._readable)
        in_order = False
        try:
            in_order = await self._over
        finally:
            if self._server is not None:
                if in_order:
                    self._server.close()
                else:
                    self._server.kill()

    def _defect(self, _: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        self._fail(context.get("exception") or LabFault("running Kamailio", detail=str(context.get("message"))))

    def _fail(self, error: BaseException) -> None:
        if not self._over.done():
            self._over.set_exception(error)

    def _readable(self) -> None:
        try:
            data = self._sock.recv(65536)
        except ConnectionResetError:
            data = b""
        if not data:
            self._end(in_order=False)
            return
        for command in self._lines.feed(data):
            self._do(command)

    def _end(self, *, in_order: bool) -> None:
        self._loop.remove_reader(self._sock)
        if not self._over.done():
            self._over.set_result(in_order)

    def _do(self, command: dict[str, Any]) -> None:
        match command, self._server:
            case {"do": "start", "folder": str(folder), **rest}, None:
                settings = Settings.read(rest)
                self._server = KamailioServer(settings, Path(folder), Channel(self._sock), self._loop, self._fail)
                self._begin(self._server.listen())
            case {"do": "notify", "probe": str(probe), "within": within}, KamailioServer() as server:
                server.notify(probe, within)
            case {
                "do": "options" | "message" as kind,
                "probe": str(probe),
                "within": within,
            }, KamailioServer() as server:
                server.probe(kind, probe, within)
            case {"do": "invite", "probe": str(probe), "within": within, "hold": hold}, KamailioServer() as server:
                server.invite(probe, within, hold)
            case {"do": "close"}, KamailioServer() as server:
                server.close_newest()
            case {"do": "go-down", "keeps_state": False}, KamailioServer() as server:
                server.go_down()
            case {"do": "come-up"}, KamailioServer() as server:
                self._begin(server.come_up())
            case {"do": "statistics", "file": str(file)}, KamailioServer() as server:
                self._begin(server.statistics(file))
            case {"do": "stop"}, _:
                self._end(in_order=True)
            case _:
                raise LabFault("commanding Kamailio", detail=repr(command))

    def _begin(self, work: Coroutine[Any, Any, None]) -> None:
        assert self._server is not None
        self._server.do(work)


def main(sock: socket.socket) -> None:
    """Be the server: read commands from ``sock``, write events to it. Returns after ``stop`` or end of file.

    Raises:
        LabFault: a command makes no sense, or Kamailio does not do its part.
    """

    async def run() -> None:
        await _Actor(sock, asyncio.get_running_loop()).run()

    asyncio.run(run())
