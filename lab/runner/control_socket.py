"""Takes commands for a running cell on a socket in its folder: a connection is one command, one answer, and its end.

Both are one line of JSON. An answer can bring descriptors of namespaces. The connection stays open until the asker
closes it, so that an asker who goes on working in the cell sees the cell's end.
"""

from __future__ import annotations

import asyncio
import json
import os
import socket
import traceback
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lab.errors import LabError

FILE_NAME = "control"
_LONGEST = 1 << 16
"""Bytes of a command; a fault with all its keys has some hundred."""
_WAITING = 16
"""Askers whose connection is not yet accepted."""


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer to an asker.

    Attributes:
        told: JSON values.
        descriptors: sent beside.
    """

    told: dict[str, Any]
    descriptors: tuple[int, ...] = ()


class ControlSocket:
    """The socket; it listens from its creation on.

    Args:
        folder: where it is made.
        answer: answers a command; a LabError that it raises is the answer.
    """

    def __init__(self, folder: Path, answer: Callable[[dict[str, Any]], Awaitable[Answer]]) -> None:
        self._answer = answer
        self._talks: set[asyncio.Task[None]] = set()
        self._sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._sock.settimeout(0)
        place = os.open(folder, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            self._sock.bind(f"/proc/self/fd/{place}/{FILE_NAME}")  # a socket's address has 107 bytes at most (unix(7))
        finally:
            os.close(place)
        self._sock.listen(_WAITING)
        self._accepting = asyncio.ensure_future(self._accept())

    def close(self) -> None:
        """End all connections."""
        self._accepting.cancel()
        for talk in self._talks:
            talk.cancel()
        self._sock.close()

    async def _accept(self) -> None:
        while True:
            connection, _ = await asyncio.get_running_loop().sock_accept(self._sock)  # which is non-blocking, too
            talk = asyncio.ensure_future(self._talk(connection))
            self._talks.add(talk)
            talk.add_done_callback(self._talks.discard)

    async def _talk(self, connection: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        with connection, suppress(ConnectionError):
            asked = b""
            while b"\n" not in asked and len(asked) < _LONGEST:
                data = await loop.sock_recv(connection, _LONGEST)
                if not data:
                    return
                asked += data
            answer = await self._answered(asked)
            line = json.dumps(answer.told).encode() + b"\n"
            if answer.descriptors:  # with the first byte; a socket that is just connected takes one
                socket.send_fds(connection, [line[:1]], [*answer.descriptors])
                line = line[1:]
            await loop.sock_sendall(connection, line)
            await loop.sock_recv(connection, 1)  # the asker closes

    async def _answered(self, asked: bytes) -> Answer:
        try:
            return await self._answer(json.loads(asked))
        except LabError as error:
            return _error(error.side, error.exit_code, str(error))
        except Exception:  # noqa: BLE001  (a bug of ours: the asker is told, and the cell stays up)
            return _error(LabError.side, LabError.exit_code, traceback.format_exc())


def _error(side: str, exit_code: int, text: str) -> Answer:
    return Answer({"error": {"side": side, "exit_code": exit_code, "text": text}})
