"""Runs the loop of an asyncio actor: handles the runner's commands until ``stop``, or until the runner is gone."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable, Coroutine
from typing import Any

from lab.actors.channel import Lines, RunnerGone
from lab.errors import LabFault


class CommandLoop:
    """Commands, and the failures of whatever they began: the first of these ends the loop.

    Args:
        sock: the actor's end of the channel.
        loop: the event loop, in which all of this runs.
        doing: what the actor does, for its faults.
        obey: called with each command but ``stop``, which is the loop's own.
    """

    def __init__(
        self,
        sock: socket.socket,
        loop: asyncio.AbstractEventLoop,
        *,
        doing: str,
        obey: Callable[[dict[str, Any]], None],
    ) -> None:
        self._sock = sock
        self._loop = loop
        self._doing = doing
        self._obey = obey
        self._lines = Lines()
        self._queue: list[dict[str, Any]] = []
        self._first: asyncio.Task[None] | None = None
        self._working: set[asyncio.Task[None]] = set()
        self._over: asyncio.Future[bool] = loop.create_future()

    async def run(self) -> bool:
        """Obey until it is over; True: told to stop, False: the runner is gone.

        Raises:
            Exception: whatever went wrong in a callback; a defect of an actor must not pass as a silent one.
        """
        self._loop.set_exception_handler(self._defect)
        self._loop.add_reader(self._sock.fileno(), self._readable)
        return await self._over

    def begin(self, work: Coroutine[Any, Any, None], *, first: bool = False) -> None:
        """Do it in the background; ``first``: no further command is obeyed before it is done."""
        task = self._loop.create_task(work)
        self._working.add(task)
        self._first = task if first else self._first
        task.add_done_callback(self._done)

    def fail(self, error: BaseException) -> None:
        """End the loop with this, unless it is over; a runner that is gone ends it as the end of its commands does."""
        if isinstance(error, RunnerGone):
            self._end(in_order=False)
        elif not self._over.done():
            self._over.set_exception(error)

    def _done(self, task: asyncio.Task[None]) -> None:
        self._working.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            self.fail(error)
        if task is self._first:
            self._first = None
            self._work_off()

    def _defect(self, _: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        self.fail(context.get("exception") or LabFault(self._doing, detail=str(context.get("message"))))

    def _readable(self) -> None:
        try:
            data = self._sock.recv(65536)
        except ConnectionResetError:
            data = b""
        if not data:
            self._end(in_order=False)
            return
        self._queue += self._lines.feed(data)
        self._work_off()

    def _work_off(self) -> None:
        while self._queue and self._first is None:
            command = self._queue.pop(0)
            if command == {"do": "stop"}:
                self._end(in_order=True)
            else:
                self._obey(command)

    def _end(self, *, in_order: bool) -> None:
        self._loop.remove_reader(self._sock)
        if not self._over.done():
            self._over.set_result(in_order)
