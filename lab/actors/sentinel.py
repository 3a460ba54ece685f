"""Two plain TCP flows, client to server through the same middleboxes as everything else, without keepalive of any kind.

They show what the middleboxes really do to an idle flow, so that a verdict need not take the scenario's word. Opened
when the cell starts, left alone, then challenged: one is sent something from inside, the other from outside.
In the runner's process; the sockets are the nodes'.
"""

from __future__ import annotations

import asyncio
import errno
import os
import socket
import struct
import time
from dataclasses import dataclass
from typing import Literal

from lab.errors import LabFault
from lab.model.endpoint import Endpoint
from lab.network import netns
from lab.record.events import (
    SENTINEL_PORT,
    SentinelChallenged,
    SentinelFlow,
    SentinelOpened,
    SentinelOutcome,
    SentinelState,
)
from lab.record.writer import Emit

FOLLOWED_S = 3.0
"""How long a challenge waits for an outcome: the first retransmissions come at 0.2 s, 0.6 s and 1.4 s (RFC 6298)."""

_IP_RECVERR = 11  # linux/in.h

_OPENED_WITHIN_S = 10.0  # room for three lost SYNs (1 s, 2 s, 4 s; RFC 6298 §2.1)


@dataclass(frozen=True, slots=True)
class _Flow:
    name: SentinelFlow
    client: socket.socket
    server: socket.socket
    quiet_since: float


class Sentinel:
    """The two flows; what becomes of them goes into the record."""

    def __init__(self, flows: tuple[_Flow, _Flow], emit: Emit) -> None:
        self._flows = flows
        self._emit = emit

    @classmethod
    async def open(cls, *, client: int, server: int, address: str, emit: Emit) -> Sentinel:
        """Establish both flows and exchange one byte each way on each.

        Args:
            client: descriptor of the client node's namespace.
            server: descriptor of the server node's namespace.
            address: the server's.
            emit: where events go.

        Raises:
            LabFault: no connection.
        """
        with netns.entered(server):
            listening = _socket()
        flows: list[_Flow] = []
        try:
            listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listening.bind((address, SENTINEL_PORT))
            listening.listen()
            names: tuple[SentinelFlow, ...] = ("from-inside", "from-outside")
            for name in names:
                with netns.entered(client):
                    sock = _socket()
                flows.append(await asyncio.wait_for(_establish(name, sock, listening, address), _OPENED_WITHIN_S))
                local, remote = Endpoint.of(sock.getsockname()), Endpoint.of(sock.getpeername())
                emit(SentinelOpened(flow=name, local=local, remote=remote))
        except (OSError, asyncio.TimeoutError) as problem:
            raise LabFault("open the sentinel's flows", detail=str(problem) or "no connection in time") from problem
        finally:
            listening.close()
        first, second = flows
        return cls((first, second), emit)

    async def challenge(self) -> None:
        """Send on both flows, one from each side, and report what comes of it; takes 3 s at most."""
        from_inside, from_outside = self._flows
        await asyncio.gather(
            self._send(from_inside, from_inside.client, from_inside.server),
            self._send(from_outside, from_outside.server, from_outside.client),
        )

    def close(self) -> None:
        """Drop both flows at once, so that no retransmission outlives the challenge."""
        for flow in self._flows:
            for sock in (flow.client, flow.server):
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                sock.close()

    async def _send(self, flow: _Flow, sender: socket.socket, receiver: socket.socket) -> None:
        start = time.monotonic()
        idle = round(start - flow.quiet_since, 6)
        self._emit(SentinelChallenged(flow=flow.name, idle=idle, found=_found(sender)), at=start)
        sent, arrived = await _follow(sender, receiver)
        state: SentinelState = "silent"
        reason = ""
        if arrived == "data":
            state = "delivered"
        elif sent == "end":
            state = "closed"
        elif isinstance(sent, (ConnectionResetError, BrokenPipeError)):
            state = "reset"
        elif isinstance(sent, OSError) and sent.errno in (errno.EHOSTUNREACH, errno.ENETUNREACH):
            state = "unreachable"
        elif isinstance(sent, OSError):
            state, reason = "failed", os.strerror(sent.errno or 0)
        self._emit(
            SentinelOutcome(
                flow=flow.name,
                state=state,
                reason=reason,
                peer="reset" if isinstance(arrived, ConnectionResetError) else "",
                took=round(time.monotonic() - start, 6),
            )
        )


def _found(sock: socket.socket) -> Literal["open", "reset", "closed"]:
    try:
        return "open" if sock.recv(1, socket.MSG_PEEK) else "closed"
    except BlockingIOError:
        return "open"
    except ConnectionResetError:
        return "reset"


Outcome = OSError | str | None
"""Of a read: an error, ``data``, ``end``, or None if nothing came."""


async def _follow(sender: socket.socket, receiver: socket.socket) -> tuple[Outcome, Outcome]:
    """Send one byte; wait until it arrives, or the sender hears of an error, or 3 s have passed."""
    loop = asyncio.get_running_loop()
    try:
        await loop.sock_sendall(sender, b"?")
    except OSError as problem:
        return problem, None
    reads = [asyncio.ensure_future(_read(sock)) for sock in (sender, receiver)]
    await asyncio.wait(reads, timeout=FOLLOWED_S, return_when=asyncio.FIRST_COMPLETED)
    outcomes: list[Outcome] = []
    for read in reads:
        outcomes.append(read.result() if read.done() else None)
        read.cancel()
    await asyncio.gather(*reads, return_exceptions=True)
    return outcomes[0], outcomes[1]


async def _read(sock: socket.socket) -> Outcome:
    try:
        return "data" if await asyncio.get_running_loop().sock_recv(sock, 1) else "end"
    except OSError as problem:
        return problem


async def _establish(name: SentinelFlow, client: socket.socket, listening: socket.socket, address: str) -> _Flow:
    loop = asyncio.get_running_loop()
    await loop.sock_connect(client, (address, SENTINEL_PORT))
    server, _ = await loop.sock_accept(listening)
    await loop.sock_sendall(client, b"!")
    await loop.sock_recv(server, 1)
    await loop.sock_sendall(server, b"!")
    await loop.sock_recv(client, 1)
    return _Flow(name, client, server, time.monotonic())


def _socket() -> socket.socket:
    sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    sock.settimeout(0)
    sock.setsockopt(socket.IPPROTO_IP, _IP_RECVERR, 1)  # or TCP would keep ICMP errors to itself until it gives up
    return sock
