"""Handles the two sides of a measured middlebox: sockets inside and outside, and flows between them."""

from __future__ import annotations

import asyncio
import socket
from typing import Any

from lab.errors import LabFault
from lab.network.apply import Network

SERVER = "203.0.113.10"
ARRIVES_WITHIN_S = 1.5
"""Without delay on any link a packet arrives at once, or, if it was lost on the way, never."""

_STREAM_AFTER = 2.5  # Linux takes a UDP flow for answered when it is 2 s old (nf_conntrack_proto_udp.c)


class Ends:
    """Sockets of a client, a server and a stranger.

    Args:
        network: it has nodes of these names.
        first_s: a UDP mapping that is new lives longer than this, in seconds.
    """

    def __init__(self, network: Network, *, first_s: float) -> None:
        self._network, self._first_s = network, first_s
        self._loop = asyncio.get_running_loop()
        self._socks: list[socket.socket] = []
        self._listening = self.sock("server", socket.SOCK_STREAM)
        self._listening.bind((SERVER, 0))
        self._listening.listen(256)
        self._opening = asyncio.Lock()

    def close(self) -> None:
        """Close all sockets."""
        for sock in self._socks:
            sock.close()

    def sock(self, node: str, kind: socket.SocketKind) -> socket.socket:
        """Return a socket of a node."""
        with self._network.entered(node):
            sock = socket.socket(socket.AF_INET, kind)
        sock.settimeout(0)
        self._socks.append(sock)
        return sock

    def at(self, address: str) -> socket.socket:
        """Return a new UDP socket outside, on its own port."""
        sock = self.sock("server" if address == SERVER else "stranger", socket.SOCK_DGRAM)
        sock.bind((address, 0))
        return sock

    async def tcp_pair(self) -> tuple[socket.socket, socket.socket]:
        """Open a TCP flow from the client to the server; return both ends."""
        near = self.sock("client", socket.SOCK_STREAM)
        async with self._opening:  # so that what is accepted is what was just opened
            await self._loop.sock_connect(near, self._listening.getsockname())
            far, _ = await self._loop.sock_accept(self._listening)
        self._socks.append(far)
        await self._loop.sock_sendall(near, b"!")
        await self._loop.sock_recv(far, 1)
        return near, far

    async def udp_pair(self, *, answered: bool) -> tuple[socket.socket, socket.socket, Any]:
        """Open a UDP flow from the client to the server; return both ends, and the client's as it is mapped."""
        near, far = self.sock("client", socket.SOCK_DGRAM), self.at(SERVER)
        mapped = await self.seen_from(near, far)
        if answered:
            await self.delivered(far, near, mapped)
            await asyncio.sleep(min(_STREAM_AFTER, self._first_s))
            await self.seen_from(near, far)
            await self.delivered(far, near, mapped)
        return near, far, mapped

    async def seen_from(self, near: socket.socket, far: socket.socket) -> Any:
        """Send out; the address and port it came from."""
        near.sendto(b"!", far.getsockname())
        source = await self.heard(far)
        if source is None:
            raise LabFault("measure the middlebox", detail="what the client sent did not come out")
        return source

    async def delivered(self, far: socket.socket, near: socket.socket, mapped: Any) -> bool:
        """Return whether a datagram to a mapped endpoint arrives inside."""
        far.sendto(b"?", mapped)
        return await self.heard(near) is not None

    async def heard(self, sock: socket.socket) -> Any:
        """Return the source of the next datagram; None if none comes."""
        ready = asyncio.Event()
        self._loop.add_reader(sock, ready.set)
        try:
            await asyncio.wait_for(ready.wait(), ARRIVES_WITHIN_S)
        except asyncio.TimeoutError:
            return None
        finally:
            self._loop.remove_reader(sock)
        _, source = sock.recvfrom(64)
        return source

    async def reaches(self, far: socket.socket, near: socket.socket) -> bool:
        """Return whether a byte sent on a TCP flow arrives."""
        try:
            await self._loop.sock_sendall(far, b"?")
            return await asyncio.wait_for(self._loop.sock_recv(near, 1), ARRIVES_WITHIN_S) == b"?"
        except (OSError, asyncio.TimeoutError):
            return False
