"""Runs an actor without a runner, for people who want to watch it and send it commands.

Its events are shown as they come. A socket in the file system takes commands, one JSON object per connection, and
passes on every later event, so that whoever asked sees what comes of it. A file appears when the actor is ready.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lab.actors.channel import Message, Messages
from lab.record import codec
from lab.record.events import Event

Command = dict[str, Any]
Show = Callable[[float, Event], None]
"""Takes an event and when it happened (CLOCK_MONOTONIC)."""
_PIECE = 65536
_LOST_WITHIN_S = 10.0
"""An actor that has been told to stop has this long; then it is killed."""


class TakenError(Exception):
    """Another actor stands in this place, or its files are somebody else's."""


@dataclass(frozen=True, slots=True)
class StandalonePaths:
    """The files by which a stand-alone actor is reached.

    Attributes:
        control: the socket that takes commands.
        ready: the file that appears.
    """

    control: Path
    ready: Path


def run(
    actor: Callable[[socket.socket], None],
    start: Command,
    *,
    place: StandalonePaths,
    ready_at: type[Event],
    show: Show,
) -> int:
    """Run an actor until it ends or this process gets SIGINT or SIGTERM; return its exit status.

    Args:
        actor: its main function; runs in a child.
        start: the ``start`` command.
        place: where commands and readiness go.
        ready_at: the type of the event from which on it counts as ready.
        show: given each event and when it happened.

    Raises:
        TakenError: another stands in this place.
    """
    _clear(place)
    ours, theirs = socket.socketpair()
    pid = os.fork()
    if pid == 0:
        ours.close()
        status = 70
        try:
            signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent's to handle
            os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # standard output is for events
            actor(theirs)
            status = 0
        finally:
            os._exit(status)
    theirs.close()
    with ours:
        asyncio.run(_Runner(ours, pid, place, ready_at, show).run(start))
    _, status = os.waitpid(pid, 0)
    code = os.waitstatus_to_exitcode(status)
    return code if code >= 0 else 128 - code


def _clear(place: StandalonePaths) -> None:
    """Remove what one that has been killed has left.

    Raises:
        TakenError: it lives, or its files are somebody else's.
    """
    try:
        with socket.socket(socket.AF_UNIX) as sock, suppress(FileNotFoundError, ConnectionRefusedError):
            sock.connect(str(place.control))
            raise TakenError(f"another one listens on {place.control}")
        place.control.unlink(missing_ok=True)
        place.ready.unlink(missing_ok=True)
    except PermissionError as problem:
        raise TakenError(f"{problem.filename or place.control} is another user's") from None


def tell(place: StandalonePaths, command: Command, *, until: Callable[[Event], bool], within: float) -> Message | None:
    """Give an actor that stands alone a command; returns the first message that ``until`` accepts, None if none comes.

    Args:
        place: where it is.
        command: one it understands.
        until: whether this event is what was waited for.
        within: seconds to wait.

    Raises:
        OSError: there is nobody.
    """
    messages = Messages()
    with socket.socket(socket.AF_UNIX) as sock:
        sock.settimeout(within)
        sock.connect(str(place.control))
        sock.sendall(json.dumps(command).encode() + b"\n")
        with suppress(TimeoutError):
            while data := sock.recv(_PIECE):
                for message in messages.feed(data):
                    if until(message.event):
                        return message
    return None


class _Runner:
    def __init__(
        self, sock: socket.socket, pid: int, place: StandalonePaths, ready_at: type[Event], show: Show
    ) -> None:
        self._sock, self._pid, self._place, self._ready_at, self._show = sock, pid, place, ready_at, show
        self._messages = Messages()
        self._listeners: set[asyncio.StreamWriter] = set()

    async def run(self, start: Command) -> None:
        loop = asyncio.get_running_loop()
        self._over: asyncio.Future[None] = loop.create_future()
        for number in (signal.SIGINT, signal.SIGTERM):
            if signal.getsignal(number) is not signal.SIG_IGN:  # as in a script's background jobs: it stays ignored
                loop.add_signal_handler(number, self._stop)
        self._sock.setblocking(False)  # noqa: FBT003  (the stdlib's signature)
        loop.add_reader(self._sock, self._readable)
        server = await asyncio.start_unix_server(self._listener, self._place.control)
        try:
            self._send(start)
            await self._over
        finally:
            self._place.ready.unlink(missing_ok=True)
            self._place.control.unlink(missing_ok=True)
            server.close()
            for writer in self._listeners:
                writer.close()

    def _send(self, command: Command) -> None:
        with suppress(BrokenPipeError, ConnectionResetError):  # its end is noticed by `_readable`
            self._sock.sendall(json.dumps(command).encode() + b"\n")

    def _stop(self) -> None:
        self._send({"do": "stop"})
        asyncio.get_running_loop().call_later(_LOST_WITHIN_S, os.kill, self._pid, signal.SIGKILL)

    def _readable(self) -> None:
        try:
            data = self._sock.recv(_PIECE)
        except BlockingIOError:
            return
        except ConnectionResetError:
            data = b""
        if not data:
            asyncio.get_running_loop().remove_reader(self._sock)
            self._over.set_result(None)
            return
        for at, event in self._messages.feed(data):
            self._show(at, event)
            if isinstance(event, self._ready_at):
                self._place.ready.touch()
            for writer in self._listeners:
                writer.write(codec.to_message(event, at=at))

    async def _listener(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._listeners.add(writer)
        try:
            if line := await reader.readline():
                self._send(json.loads(line))
            await reader.read()  # until it has heard enough
        except (ConnectionResetError, ValueError):
            pass
        finally:
            self._listeners.discard(writer)
            writer.close()
