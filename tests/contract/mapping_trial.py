"""Sends through one middlebox, ends its mappings as the lab does, and notes what an observer on both sides sees.

Nothing here looks into the middlebox: only at what arrives that is sent from outside to the old endpoint, and from
which port the next packet from inside comes out.
"""

from __future__ import annotations

import asyncio
import dataclasses
import socket
from types import SimpleNamespace
from typing import Any

from lab.faults.base import Fault
from lab.faults.evict_flow import EvictFlow
from lab.faults.port_remap import PortRemap
from lab.faults.reboot import Reboot
from lab.middlebox.measure import TOPOLOGY
from lab.model.endpoint import Endpoint
from lab.model.middlebox import FilteringBehavior, MappingBehavior, Middlebox, PortAssignment
from lab.model.when import When
from lab.network.apply import Network
from lab.record.flows import Flow

SERVER, STRANGER, FIRST, SECOND = "203.0.113.10", "192.0.2.10", "198.51.100.2", "198.51.100.77"
WITHIN_S = 0.5
"""Without delay on any link a packet arrives at once, or never."""
STREAM_AFTER_S = 2.5
"""Linux takes a UDP flow for answered when it is 2 s old."""

Address = tuple[str, int]


@dataclasses.dataclass(frozen=True)
class Row:
    """One observation."""

    what: str
    wanted: str
    seen: str


class Try:
    """What is tried on one network."""

    def __init__(self, box: Middlebox, network: Network) -> None:
        self.box, self.network = box, network
        self.rows: list[Row] = []
        self._socks: list[socket.socket] = []

    def close(self) -> None:
        for sock in self._socks:
            sock.close()

    # -- what the box says of itself

    @property
    def preserves(self) -> bool:
        return self.box.port_assignment is PortAssignment.PRESERVATION

    def shares(self, first: Address, second: Address) -> bool:
        """Whether one inside endpoint's sessions with two remotes have one mapping."""
        if self.box.mapping is MappingBehavior.ADDRESS_AND_PORT_DEPENDENT:
            return first == second
        return self.box.mapping is MappingBehavior.ENDPOINT_INDEPENDENT or first[0] == second[0]

    def admits(self, known: list[Address], sender: Address) -> bool:
        """Whether somebody outside may send to a mapping that has sessions with these."""
        if self.box.filtering is FilteringBehavior.ENDPOINT_INDEPENDENT:
            return True
        by_address = self.box.filtering is FilteringBehavior.ADDRESS_DEPENDENT
        return sender in known or (by_address and sender[0] in {host for host, _ in known})

    # -- what is seen

    def row(self, what: str, *, wanted: object, seen: object) -> None:
        self.rows.append(Row(what, str(wanted), str(seen)))

    async def dead(self, what: str, near: socket.socket, mapped: Address, senders: list[socket.socket]) -> None:
        """Nobody gets in at the old endpoint."""
        for number, sender in enumerate(senders):
            self.row(f"{what}: sender {number} gets in", wanted=False, seen=await self.gets_in(sender, near, mapped))

    def next_port(self, what: str, near: socket.socket, before: Address, after: Address, *, free: bool = True) -> None:
        """The next mapping's port is what the rule says."""
        inside = near.getsockname()[1]
        if self.preserves and free:
            self.row(f"{what}: preserves the port", wanted=inside, seen=after[1])
        else:
            self.row(f"{what}: another port", wanted=True, seen=after[1] not in (before[1], inside))

    # -- sockets

    def near(self) -> socket.socket:
        sock = self._sock("client")
        sock.bind(("10.0.0.2", 0))
        return sock

    def far(self, host: str = SERVER) -> socket.socket:
        sock = self._sock("server" if host == SERVER else "stranger")
        sock.bind((host, 0))
        return sock

    def _sock(self, node: str, kind: socket.SocketKind = socket.SOCK_DGRAM) -> socket.socket:
        with self.network.entered(node):
            sock = socket.socket(socket.AF_INET, kind)
        sock.setblocking(False)
        self._socks.append(sock)
        return sock

    async def out(self, near: socket.socket, far: socket.socket) -> Address:
        """Send from inside; where it comes from, as the outside sees it."""
        near.sendto(b"out", far.getsockname())
        source = await self.heard(far)
        assert source is not None, "what was sent from inside did not come out"
        return source

    async def gets_in(self, far: socket.socket, near: socket.socket, mapped: Address) -> bool:
        far.sendto(b"in", mapped)
        return await self.heard(near) is not None

    async def heard(self, sock: socket.socket) -> Address | None:
        loop = asyncio.get_running_loop()
        ready = asyncio.Event()
        loop.add_reader(sock, ready.set)
        try:
            await asyncio.wait_for(ready.wait(), WITHIN_S)
        except asyncio.TimeoutError:
            return None
        finally:
            loop.remove_reader(sock)
        source: Address = sock.recvfrom(64)[1]
        return source

    async def answered(self, near: socket.socket, far: socket.socket) -> Address:
        """A session that was answered and is past its first seconds."""
        mapped = await self.out(near, far)
        await self.gets_in(far, near, mapped)
        await asyncio.sleep(STREAM_AFTER_S)
        self.row("a live session's port stays", wanted=mapped, seen=await self.out(near, far))
        self.row("a live session lets its remote in", wanted=True, seen=await self.gets_in(far, near, mapped))
        return mapped

    async def tcp(self, port: int = 0) -> tuple[socket.socket, socket.socket, Address]:
        loop = asyncio.get_running_loop()
        listening, near = self._sock("server", socket.SOCK_STREAM), self._sock("client", socket.SOCK_STREAM)
        listening.bind((SERVER, 0))
        listening.listen()
        near.bind(("10.0.0.2", port))
        await loop.sock_connect(near, listening.getsockname())
        far, mapped = await loop.sock_accept(listening)
        self._socks.append(far)
        await loop.sock_sendall(near, b"!")
        await loop.sock_recv(far, 1)
        return near, far, mapped

    # -- what the lab does to it

    def inject(self, end: str, near: socket.socket, far: socket.socket, mapped: Address, proto: str) -> Any:
        other = SECOND if mapped[0] == FIRST else FIRST
        fault: Fault = FAULTS.get(end) or Reboot(at=NOW, node="box", address=other)
        ends = [Endpoint.of(address) for address in (far.getsockname(), mapped, near.getsockname())]
        flow = Flow(id="f1", proto=proto, own=ends[0], peer=ends[1], hops=(ends[2],))
        cell: Any = SimpleNamespace(
            current_flow=lambda: flow,
            namespaces=self.network.namespaces,
            cell=SimpleNamespace(topology=TOPOLOGY, middleboxes=(("box", self.box),)),
        )
        return fault.begin(0, cell)


NOW = When(offset=0.0)
FAULTS = {
    "eviction": EvictFlow(at=NOW, node="box"),
    "reboot": Reboot(at=NOW, node="box"),
    "remap": PortRemap(at=NOW, node="box"),
}
ENDS = ("idle", *FAULTS, "new address", "idle")
