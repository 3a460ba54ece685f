"""Runs the sentinel: two idle TCP flows through the same middleboxes as the client, without any keep-alive.

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
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Literal

from lab.errors import LabFault
from lab.model.endpoint import Endpoint
from lab.model.impairment import Impairment
from lab.model.sentinel_time import attempts, followed_s, opened_within_s, retransmits_within_s
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

_IP_RECVERR = 11  # linux/in.h


@dataclass(frozen=True, slots=True)
class _Flow:
    name: SentinelFlow
    client: socket.socket
    server: socket.socket
    quiet_since: float


class Sentinel:
    """The two flows; what becomes of them goes into the record."""

    def __init__(self, flows: tuple[_Flow, _Flow], emit: Emit, *, followed_s: float) -> None:
        self._flows = flows
        self._emit = emit
        self._followed_s = followed_s

    @classmethod
    async def open(
        cls, *, client: int, server: int, address: str, emit: Emit, impairments: Sequence[Impairment] = ()
    ) -> Sentinel:
        """Establish both flows and exchange one byte each way on each.

        Args:
            client: descriptor of the client node's namespace.
            server: descriptor of the server node's namespace.
            address: the server's.
            emit: where events go.
            impairments: of the path: a long one needs time, and one that loses packets several attempts.

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
                flow = await _opened(name, client, listening, address, impairments)
                flows.append(flow)
                local, remote = Endpoint.of(flow.client.getsockname()), Endpoint.of(flow.client.getpeername())
                emit(SentinelOpened(flow=name, local=local, remote=remote))
        except (OSError, asyncio.TimeoutError) as problem:
            raise LabFault("open the sentinel's flows", detail=str(problem) or "no connection in time") from problem
        finally:
            listening.close()
        first, second = flows
        return cls((first, second), emit, followed_s=followed_s(impairments))

    async def challenge(self) -> None:
        """Send on both flows, one from each side, and report what comes of it within the time it is followed."""
        from_inside, from_outside = self._flows
        await asyncio.gather(
            self._send(from_inside, from_inside.client, from_inside.server),
            self._send(from_outside, from_outside.server, from_outside.client),
        )

    def close(self) -> None:
        """Drop both flows at once, so that no retransmission outlives the challenge."""
        for flow in self._flows:
            _drop(flow.client, flow.server)

    async def _send(self, flow: _Flow, sender: socket.socket, receiver: socket.socket) -> None:
        start = time.monotonic()
        idle = round(start - flow.quiet_since, 6)
        self._emit(SentinelChallenged(flow=flow.name, idle=idle, found=_found(sender)), at=start)
        sent, arrived = await _follow(sender, receiver, self._followed_s)
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


async def _follow(sender: socket.socket, receiver: socket.socket, within: float) -> tuple[Outcome, Outcome]:
    """Send one byte; wait until it arrives, or the sender hears of an error, or the time is over."""
    loop = asyncio.get_running_loop()
    try:
        await loop.sock_sendall(sender, b"?")
    except OSError as problem:
        return problem, None
    reads = [asyncio.ensure_future(_read(sock)) for sock in (sender, receiver)]
    await asyncio.wait(reads, timeout=within, return_when=asyncio.FIRST_COMPLETED)
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


async def _opened(
    name: SentinelFlow, client: int, listening: socket.socket, address: str, impairments: Sequence[Impairment]
) -> _Flow:
    """Open a flow; where packets are lost, try again on another connection rather than wait for TCP's back-off.

    Raises:
        OSError: no connection.
        asyncio.TimeoutError: none in time.
    """
    failure: Exception | None = None
    for _ in range(attempts(impairments)):
        with netns.entered(client):
            sock = _socket()
        try:
            flow = await asyncio.wait_for(_establish(name, sock, listening, address), opened_within_s(impairments))
        except (OSError, asyncio.TimeoutError) as problem:
            _drop(sock)
            failure = problem
            continue
        timeouts = [_retransmits_after_s(end) for end in (flow.client, flow.server)]
        if max(timeouts) <= retransmits_within_s(impairments):
            return flow
        _drop(flow.client, flow.server)  # what is lost on it would be sent again too late
    raise failure or asyncio.TimeoutError


async def _establish(name: SentinelFlow, client: socket.socket, listening: socket.socket, address: str) -> _Flow:
    """Connect, and exchange a word each way; connections of attempts that were given up are dropped."""
    loop = asyncio.get_running_loop()
    word = os.urandom(8)
    found: asyncio.Future[socket.socket] = loop.create_future()
    accepted: list[socket.socket] = []
    tasks: list[asyncio.Task[None]] = []

    async def accept() -> None:
        while True:
            server, _ = await loop.sock_accept(listening)
            accepted.append(server)
            tasks.append(asyncio.create_task(hear(server)))

    async def hear(server: socket.socket) -> None:
        with suppress(OSError):
            if await loop.sock_recv(server, len(word)) == word and not found.done():
                found.set_result(server)

    tasks.append(asyncio.create_task(accept()))
    try:
        await loop.sock_connect(client, (address, SENTINEL_PORT))
        await loop.sock_sendall(client, word)
        server = await found
        await loop.sock_sendall(server, b"!")
        await loop.sock_recv(client, 1)
        accepted.remove(server)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        _drop(*accepted)
    return _Flow(name, client, server, time.monotonic())


def _retransmits_after_s(sock: socket.socket) -> float:
    """Return the retransmission timeout of a connection: ``tcpi_rto`` of linux/tcp.h, in microseconds."""
    (rto,) = struct.unpack_from("=I", sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 104), 8)
    return float(rto) / 1e6


def _drop(*socks: socket.socket) -> None:
    """End connections at once, without a word that waits for an answer."""
    for sock in socks:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        sock.close()


def _socket() -> socket.socket:
    sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    sock.settimeout(0)
    sock.setsockopt(socket.IPPROTO_IP, _IP_RECVERR, 1)  # or TCP would keep ICMP errors to itself until it gives up
    return sock
