"""Runs the actor process of the scripted SIP server: handles the runner's commands."""

from __future__ import annotations

import asyncio
import socket
from typing import Any

from lab.actors.channel import Channel
from lab.actors.command_loop import CommandLoop
from lab.errors import LabFault
from lab.servers.probe_report import came_too_late
from lab.servers.refusal import Refusal
from lab.servers.scripted.response_policy import ResponsePolicy
from lab.servers.scripted.server import SipServer
from lab.servers.settings import Settings


class _Actor:
    """The process: what each command means."""

    def __init__(self, sock: socket.socket, loop: asyncio.AbstractEventLoop) -> None:
        self._channel = Channel(sock)
        self._loop = loop
        self._commands = CommandLoop(sock, loop, doing="serving SIP", obey=self._obey)
        self._server: SipServer | None = None

    async def run(self) -> None:
        """Serve until told to stop, or the runner is gone."""
        if await self._commands.run() and self._server is not None:
            self._server.close()
            await asyncio.sleep(0)  # transports close their sockets in the next turn of the loop

    def _obey(self, command: dict[str, Any]) -> None:  # noqa: C901  (one case per command)
        if came_too_late(command, self._channel):
            return
        match command, self._server:
            case {"do": "start"}, None:
                self._server = SipServer(Settings.read(command), self._channel, self._loop)
                self._commands.begin(self._server.listen())
            case {"do": "notify", "probe": str(probe), "within": within}, SipServer() as server:
                server.notify(probe, within)
            case {"do": "options" | "message" as kind, "probe": str(probe), "within": within}, SipServer() as server:
                server.probe(kind, probe, within)
            case {"do": "invite", "probe": str(probe), "within": within, "hold": hold, **more}, SipServer() as server:
                server.probe("invite", probe, within, hold, ring=more.get("ring", 0.0))
            case {"do": "close", "flow": str(flow) | (None as flow)}, SipServer() as server:
                server.close_flow(flow)
            case {"do": "answer", "mode": "at-once" | "late" | "mute" as mode, "by": by}, SipServer() as server:
                server.answer(ResponsePolicy(mode, by or 0.0))
            case {
                "do": "refuse",
                "method": str(method),
                "code": int(code),
                "retry_after": after,
            }, SipServer() as server:
                server.refuse(Refusal(method, code, after))
            case {"do": "go-down", "keeps_state": bool(keeps_state)}, SipServer() as server:
                server.go_down(keeps_state=keeps_state)
            case {"do": "come-up"}, SipServer() as server:
                self._commands.begin(server.come_up(), first=True)
            case {"do": "certificate", "expired": bool(expired)}, SipServer() as server:
                server.serve_certificate(expired=expired)
            case {"do": "move", "address": str(address)}, SipServer() as server:
                server.move(address)
            case {"do": "push-refused", "push": str(push)}, SipServer() as server:
                server.pushes.refused(push)
            case {"do": "revocation", "listed": bool(listed)}, SipServer() as server:
                server.heed_revocation(listed=listed)
            case _:
                raise LabFault("commanding the SIP server", detail=repr(command))


def main(sock: socket.socket) -> None:
    """Run the server: read commands from ``sock``, write events to it. Returns after ``stop`` or end of file.

    Raises:
        LabFault: a command makes no sense.
        OSError: an address cannot be bound, or a file cannot be read.
    """

    async def run() -> None:
        await _Actor(sock, asyncio.get_running_loop()).run()

    asyncio.run(run())
