"""The scripted SIP server as a process: commands in, the server's life."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Coroutine
from typing import Any

from lab.actors.channel import Channel, Lines
from lab.actors.sip_server.names import Mode
from lab.actors.sip_server.server import Manner, SipServer
from lab.actors.sip_server.settings import Settings
from lab.errors import LabFault


class _Actor:
    """The process: commands in, the server's life."""

    def __init__(self, sock: socket.socket, loop: asyncio.AbstractEventLoop) -> None:
        self._sock = sock
        self._loop = loop
        self._lines = Lines()
        self._server: SipServer | None = None
        self._over: asyncio.Future[bool] = loop.create_future()  # True: in order
        self._starting: asyncio.Task[None] | None = None

    async def run(self) -> None:
        """Serve until told to stop, or the runner is gone.

        Raises:
            Exception: whatever went wrong in a callback; a defect of the server must not pass as a silent client.
        """
        self._loop.set_exception_handler(self._defect)
        self._loop.add_reader(self._sock, self._readable)
        if await self._over and self._server is not None:
            self._server.close()
            await asyncio.sleep(0)  # transports close their sockets in the next turn of the loop

    def _defect(self, _: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        if not self._over.done():
            error = context.get("exception")
            self._over.set_exception(error or LabFault("serving SIP", detail=str(context.get("message"))))

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

    def _do(self, command: dict[str, Any]) -> None:  # noqa: C901  (one case per command)
        match command, self._server:
            case {"do": "start"}, None:
                self._server = SipServer(Settings.read(command), Channel(self._sock), self._loop)
                self._begin(self._server.listen())
            case {"do": "notify", "probe": str(probe), "within": within}, SipServer() as server:
                server.notify(probe, within)
            case {"do": "options" | "message" as kind, "probe": str(probe), "within": within}, SipServer() as server:
                server.probe(kind, probe, within)
            case {"do": "invite", "probe": str(probe), "within": within, "hold": hold, **more}, SipServer() as server:
                server.probe("invite", probe, within, hold, ring=more.get("ring", 0.0))
            case {"do": "close"}, SipServer() as server:
                server.close_newest()
            case {"do": "answer", "mode": "at-once" | "late" | "mute" as mode, "by": by}, SipServer() as server:
                server.answer(Manner(mode, by or 0.0))
            case {"do": "go-down", "keeps_state": bool(keeps_state)}, SipServer() as server:
                server.go_down(keeps_state=keeps_state)
            case {"do": "come-up"}, SipServer() as server:
                self._begin(server.come_up())
            case {"do": "certificate", "expired": bool(expired)}, SipServer() as server:
                server.serve_certificate(expired=expired)
            case {"do": "names", "mode": "true" | "servfail" | "silent" as mode}, SipServer() as server:
                server.answer_names(Mode(mode))
            case {"do": "move-name", "address": str(address)}, SipServer() as server:
                server.move_name(address)
            case {"do": "revocation", "listed": bool(listed)}, SipServer() as server:
                server.heed_revocation(listed=listed)
            case {"do": "stop"}, _:
                self._end(in_order=True)
            case _:
                raise LabFault("commanding the SIP server", detail=repr(command))

    def _begin(self, listening: Coroutine[Any, Any, None]) -> None:
        self._starting = self._loop.create_task(listening)
        self._starting.add_done_callback(self._started)

    def _started(self, task: asyncio.Task[None]) -> None:
        if not task.cancelled() and (error := task.exception()) is not None and not self._over.done():
            self._over.set_exception(error)


def main(sock: socket.socket) -> None:
    """Be the server: read commands from ``sock``, write events to it. Returns after ``stop`` or end of file.

    Raises:
        LabFault: a command makes no sense.
        OSError: an address cannot be bound, or a file cannot be read.
    """

    async def run() -> None:
        await _Actor(sock, asyncio.get_running_loop()).run()

    asyncio.run(run())
