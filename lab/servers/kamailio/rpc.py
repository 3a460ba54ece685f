"""Sends JSON-RPC to Kamailio: one datagram each way, over the loopback interface of the server's node."""

from __future__ import annotations

import asyncio
import json
import socket
from typing import Any

from lab.errors import LabFault
from lab.servers.kamailio.config import RPC_PORT

ANSWERED_WITHIN_S = 10.0
"""Kamailio answers within milliseconds; the commands used wait for nothing."""


class Rpc:
    """The interface; all methods are called in the running loop."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._waiting: dict[int, asyncio.Future[Any]] = {}
        self._count = 0
        self._sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._sock.settimeout(0)
        self._sock.connect(("127.0.0.1", RPC_PORT))
        loop.add_reader(self._sock, self._readable)

    def close(self) -> None:
        """Let go of the socket; what has not been answered never will be."""
        self._loop.remove_reader(self._sock)
        self._sock.close()
        for future in self._waiting.values():
            future.cancel()
        self._waiting.clear()

    async def call(self, method: str, *parameters: object) -> Any:
        """Call a method and return its result.

        Raises:
            LabFault: Kamailio refuses, or says nothing.
        """
        self._count += 1
        number = self._count
        future = self._waiting[number] = self._loop.create_future()
        request = {"jsonrpc": "2.0", "method": method, "params": parameters, "id": number}
        try:
            self._sock.send(json.dumps(request).encode())
            answer = await asyncio.wait_for(future, ANSWERED_WITHIN_S)
        except (OSError, asyncio.TimeoutError) as problem:
            detail = str(problem) or f"nothing for {ANSWERED_WITHIN_S:g} s"
            raise LabFault(f"asking Kamailio for {method}", detail=detail) from problem
        finally:
            self._waiting.pop(number, None)
        if "error" in answer:
            raise LabFault(f"asking Kamailio for {method}", detail=str(answer["error"].get("message")))
        return answer.get("result")

    def _readable(self) -> None:
        try:
            answer = json.loads(self._sock.recv(1 << 16))
        except (BlockingIOError, ConnectionRefusedError, ValueError):
            return  # nothing we can use; whoever waits for it says so
        future = self._waiting.get(answer.get("id"))
        if future is not None and not future.done():
            future.set_result(answer)
