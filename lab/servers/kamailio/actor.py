"""Runs the actor process of Kamailio: handles the runner's commands."""

from __future__ import annotations

import asyncio
import socket
from pathlib import Path
from typing import Any

from lab.actors.channel import Channel
from lab.actors.command_loop import CommandLoop
from lab.errors import LabFault
from lab.servers.kamailio.server import KamailioServer
from lab.servers.probe_report import came_too_late
from lab.servers.refusal import Refusal
from lab.servers.settings import Settings


class _Actor:
    """The process: what each command means."""

    def __init__(self, sock: socket.socket, loop: asyncio.AbstractEventLoop) -> None:
        self._channel = Channel(sock)
        self._loop = loop
        self._commands = CommandLoop(sock, loop, doing="running Kamailio", obey=self._obey)
        self._server: KamailioServer | None = None

    async def run(self) -> None:
        """Serve until told to stop, or the runner is gone."""
        in_order = False
        try:
            in_order = await self._commands.run()
        finally:
            if self._server is not None:
                if in_order:
                    self._server.close()
                else:
                    self._server.kill()

    def _obey(self, command: dict[str, Any]) -> None:  # noqa: C901  (one case per command)
        if came_too_late(command, self._channel):
            return
        match command, self._server:
            case {"do": "start", "folder": str(folder), **rest}, None:
                settings = Settings.read(rest)
                self._server = KamailioServer(settings, Path(folder), self._channel, self._loop, self._commands.fail)
                self._server.do(self._server.listen())
            case {"do": "notify", "probe": str(probe), "within": within}, KamailioServer() as server:
                server.notify(probe, within)
            case {
                "do": "options" | "message" as kind,
                "probe": str(probe),
                "within": within,
            }, KamailioServer() as server:
                server.probe(kind, probe, within)
            case {
                "do": "invite",
                "probe": str(probe),
                "within": within,
                "hold": hold,
                **more,
            }, KamailioServer() as server:
                server.invite(probe, within, hold, ring=more.get("ring", 0.0))
            case {"do": "close", "flow": str(flow) | (None as flow)}, KamailioServer() as server:
                server.close_flow(flow)
            case {"do": "go-down", "keeps_state": False}, KamailioServer() as server:
                server.go_down()
            case {"do": "come-up"}, KamailioServer() as server:
                server.do(server.come_up())
            case {
                "do": "refuse",
                "method": str(method),
                "code": int(code),
                "retry_after": after,
            }, KamailioServer() as server:
                server.do(server.refuse(Refusal(method, code, after)))
            case {"do": "push-refused", "push": str(push)}, KamailioServer() as server:
                server.pushes.refused(push)
            case {"do": "certificate", "expired": bool(expired)}, KamailioServer() as server:
                server.do(server.serve_certificate(expired=expired))
            case {"do": "revocation", "listed": bool(listed)}, KamailioServer() as server:
                server.do(server.heed_revocation(listed=listed))
            case {"do": "statistics", "file": str(file)}, KamailioServer() as server:
                server.do(server.statistics(file))
            case _:
                raise LabFault("commanding Kamailio", detail=repr(command))


def main(sock: socket.socket) -> None:
    """Run the server: read commands from ``sock``, write events to it. Returns after ``stop`` or end of file.

    Raises:
        LabFault: a command makes no sense, or Kamailio does not do its part.
    """

    async def run() -> None:
        await _Actor(sock, asyncio.get_running_loop()).run()

    asyncio.run(run())
