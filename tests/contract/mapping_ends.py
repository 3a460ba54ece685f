"""Ends mappings of one middlebox in every way, and notes what an observer on both sides sees; a job for a world.

Nothing here looks into the middlebox: only at what arrives that is sent from outside to the old endpoint, and from
which port the next packet from inside comes out.
"""

from __future__ import annotations

import asyncio
import dataclasses
import json
import socket
import struct
from collections.abc import Awaitable, Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from lab.actors.aging import Aging
from lab.backends.base import OpenBackend
from lab.backends.netns import bare
from lab.faults.base import Fault
from lab.faults.evict_flow import EvictFlow
from lab.faults.port_remap import PortRemap
from lab.faults.reboot import Reboot
from lab.middlebox.measure import TOPOLOGY
from lab.model import wire
from lab.model.endpoint import Endpoint
from lab.model.middlebox import (
    FilteringBehavior,
    Hairpinning,
    MappingBehavior,
    Middlebox,
    PortAssignment,
    RefreshDirection,
)
from lab.model.when import When
from lab.network.apply import Network, apply
from lab.network.cut import cut
from lab.network.plan import plan
from lab.record.flows import Flow
from lab.runner.cell import guarded
from lab.units import Seconds

JOB = f"{__name__}:run"
BOX_FILE, ROWS_FILE = "box.json", "rows.json"
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


def run(folder: Path, open_backend: OpenBackend = bare) -> int:
    """Try the middlebox in ``folder``; return the exit status."""
    return guarded(_run, folder)


def _run(folder: Path) -> None:
    box = wire.from_json(Middlebox, json.loads((folder / BOX_FILE).read_text("utf-8")))
    rows: list[Row] = []
    for changes, ways in WAYS:
        changed = dataclasses.replace(box, **changes)
        network = apply(plan(TOPOLOGY, {"box": changed}))
        try:
            rows += asyncio.run(_try(ways, changed, network))
        finally:
            network.close()
    (folder / ROWS_FILE).write_text(json.dumps([dataclasses.asdict(row) for row in rows]), encoding="utf-8")


async def _try(ways: list[Callable[[Try], Awaitable[None]]], box: Middlebox, network: Network) -> list[Row]:
    aging = None
    if not box.ages_in_kernel:
        aging = Aging(box, namespace=network.namespaces["box"], inside="lan", outside="access")
        aging.watch()
    trial = Try(box, network)
    try:
        for way in ways:
            await way(trial)
    finally:
        trial.close()
        if aging is not None:
            aging.close()
    return trial.rows


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


def moved(end: str, host: str) -> str:
    """Return the outside address after an end."""
    return host if end != "new address" else SECOND if host == FIRST else FIRST


async def one_session(trial: Try) -> None:
    """A UDP mapping with one session ends in each way."""
    for end in ENDS:
        near, far, stranger = trial.near(), trial.far(), trial.far(STRANGER)
        mapped = await trial.answered(near, far)
        remapped = None
        if end == "idle":
            await asyncio.sleep(float(trial.box.udp_mapping_timer) + 1)
        else:
            proof = trial.inject(end, near, far, mapped, "udp").proof
            remapped = getattr(proof, "after", None)
        await trial.dead(end, near, mapped, [far, stranger])
        after = await trial.out(near, far)
        trial.row(f"{end}: address", wanted=moved(end, mapped[0]), seen=after[0])
        if remapped is None:
            trial.next_port(end, near, mapped, after)
        else:
            trial.row("remap: the port it says", wanted=remapped.port, seen=after[1])
        came_in = await trial.gets_in(far, near, after)
        trial.row(f"{end}: the next mapping lets its remote in", wanted=True, seen=came_in)
        admitted = trial.admits([far.getsockname()], stranger.getsockname())
        came_in = await trial.gets_in(stranger, near, after)
        trial.row(f"{end}: the next mapping lets a stranger in", wanted=admitted, seen=came_in)
        if after != mapped:
            await trial.dead(f"{end}, with the next mapping", near, mapped, [far, stranger])


async def unanswered(trial: Try) -> None:
    """A UDP mapping that nobody answered ends by the shorter timer."""
    near, far, stranger = trial.near(), trial.far(), trial.far(STRANGER)
    mapped = await trial.out(near, far)
    await asyncio.sleep(float(trial.box.new_udp_timer) + 1)
    await trial.dead("unanswered", near, mapped, [far, stranger])
    trial.next_port("unanswered", near, mapped, await trial.out(near, far))


async def one_of_several(trial: Try) -> None:
    """One of three sessions of an inside endpoint is evicted, then the others."""
    near, far, beside, stranger = trial.near(), trial.far(), trial.far(), trial.far(STRANGER)
    mapped = await trial.answered(near, far)
    others = {other: await trial.answered(near, other) for other in (beside, stranger)}
    for other, its in others.items():
        shared = trial.shares(far.getsockname(), other.getsockname())
        trial.row("a second session shares the mapping", wanted=shared, seen=its == mapped)
    trial.inject("eviction", near, far, mapped, "udp")
    lives = [other.getsockname() for other in others if trial.shares(far.getsockname(), other.getsockname())]
    wanted = bool(lives) and trial.admits(lives, far.getsockname())
    trial.row("evicted: gets in by others", wanted=wanted, seen=await trial.gets_in(far, near, mapped))
    after = await trial.out(near, far)
    if lives:
        trial.row("evicted: the mapping that others share", wanted=mapped, seen=after)
    else:
        trial.next_port("evicted", near, mapped, after)
    for other, its in {**others, far: after}.items():
        trial.inject("eviction", near, other, its, "udp")
    await trial.dead("all evicted", near, mapped, [far, beside, stranger])
    trial.next_port("all evicted", near, mapped, await trial.out(near, stranger))


async def the_last_to_go(trial: Try) -> None:
    """A mapping lasts until its last session is idle; a younger one with a shorter timer does not shorten that."""
    near, far, beside, stranger = trial.near(), trial.far(), trial.far(), trial.far(STRANGER)
    answered, new = float(trial.box.udp_mapping_timer), float(trial.box.new_udp_timer)
    mapped = await trial.answered(near, far)
    await trial.out(near, beside)
    await asyncio.sleep(new + 5)
    third = await trial.out(near, stranger)
    shared = trial.shares(far.getsockname(), stranger.getsockname())
    trial.row("the longer timer counts", wanted=shared, seen=third == mapped)
    trial.row("the first is alive", wanted=True, seen=await trial.gets_in(far, near, mapped))
    await asyncio.sleep(answered + 1)
    await trial.dead("the last is idle", near, mapped, [far, beside, stranger])
    trial.next_port("the last is idle", near, mapped, await trial.out(near, far))


async def only_outbound(trial: Try) -> None:
    """Where only outbound packets refresh, nobody outside keeps a mapping."""
    near, far, stranger = trial.near(), trial.far(), trial.far(STRANGER)
    mapped = await trial.answered(near, far)
    for _ in range(5):
        await asyncio.sleep(float(trial.box.udp_mapping_timer) / 6)
        await trial.gets_in(far, near, mapped)
        await trial.gets_in(stranger, near, mapped)
    await asyncio.sleep(float(trial.box.udp_mapping_timer) / 6)
    await trial.dead("refreshed from outside", near, mapped, [far, stranger])
    trial.next_port("refreshed from outside", near, mapped, await trial.out(near, far))


async def lost_at_the_door(trial: Try) -> None:
    """What is lost before it is in the middlebox keeps no mapping, from whichever side it came."""
    timer = float(trial.box.udp_mapping_timer)
    for link, node in (("lan", "client"), ("access", "internet")):
        near, far, stranger = trial.near(), trial.far(), trial.far(STRANGER)
        mapped = await trial.answered(near, far)
        losses = cut(link, (trial.network.namespaces[node], trial.network.namespaces["box"]))
        await asyncio.sleep(timer / 2)
        if link == "lan":
            near.sendto(b"lost", far.getsockname())
        else:
            far.sendto(b"lost", mapped)
        await asyncio.sleep(timer / 2 - WITHIN_S)
        trial.row(f"{link} is down: packets lost", wanted=1, seen=losses.end())
        await asyncio.sleep(WITHIN_S + 1)
        await trial.dead(f"{link} was down", near, mapped, [far, stranger])


async def lifetime(trial: Try) -> None:
    """A mapping in use ends at its age, with all its sessions, and the next one has an age of its own."""
    age = float(trial.box.lifetime or 0)
    near, far, beside, stranger = trial.near(), trial.far(), trial.far(), trial.far(STRANGER)
    begun = asyncio.get_running_loop().time()
    mapped = await trial.answered(near, far)
    await _used(trial, near, far, until=begun + age / 2)
    other = await trial.answered(near, beside)
    await _used(trial, near, far, until=begun + age - 1)
    trial.row("just before its age", wanted=mapped, seen=await trial.out(near, far))
    await asyncio.sleep(begun + age + 1 - asyncio.get_running_loop().time())
    shared = trial.shares(far.getsockname(), beside.getsockname())
    await trial.dead("lifetime", near, mapped, [far, stranger, *([beside] if shared else [])])
    if not shared:
        trial.row("a younger mapping", wanted=True, seen=await trial.gets_in(beside, near, other))
    trial.next_port("lifetime", near, mapped, await trial.out(near, far))


async def lifetime_anew(trial: Try) -> None:
    """The age counts from the mapping that lives, whatever ended the one before."""
    age = float(trial.box.lifetime or 0)
    for end in ("eviction", "reboot"):
        near, far, stranger = trial.near(), trial.far(), trial.far(STRANGER)
        first = asyncio.get_running_loop().time()
        mapped = await trial.answered(near, far)
        await _used(trial, near, far, until=first + age / 2)
        trial.inject(end, near, far, mapped, "udp")
        begun = asyncio.get_running_loop().time()
        after = await trial.answered(near, far)
        await _used(trial, near, far, until=begun + age - 1)
        trial.row(f"{end}: as old as the one before would be, and older", wanted=after, seen=await trial.out(near, far))
        await asyncio.sleep(begun + age + 1 - asyncio.get_running_loop().time())
        await trial.dead(f"{end}, then lifetime", near, after, [far, stranger])


async def _used(trial: Try, near: socket.socket, far: socket.socket, *, until: float) -> None:
    while (left := until - asyncio.get_running_loop().time()) > 0:
        await asyncio.sleep(min(15.0, left))
        await trial.out(near, far)


async def tcp(trial: Try) -> None:
    """A TCP mapping ends in each way; the next connection from the same inside endpoint gets the port of the rule."""
    age = trial.box.lifetime
    for end in ENDS[:-1] if age is None else ("lifetime",):
        near, far, mapped = await trial.tcp()
        if end not in ("idle", "lifetime"):
            trial.inject(end, near, far, mapped, "tcp")
        else:
            await asyncio.sleep(float(trial.box.established_idle_timeout or 0) if age is None else float(age))
            await asyncio.sleep(1)
        await asyncio.get_running_loop().sock_sendall(far, b"?")
        trial.row(f"tcp {end}: gets in", wanted=False, seen=await trial.heard(near) is not None)
        port = near.getsockname()[1]
        for sock in (near, far):
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            sock.close()
        anew, _, after = await trial.tcp(port)
        trial.row(f"tcp {end}: address", wanted=moved(end, mapped[0]), seen=after[0])
        if end != "remap":  # whose mapping lives
            trial.next_port(f"tcp {end}", anew, mapped, after)


async def hairpin(trial: Try) -> None:
    """Hairpinning goes on at a new address, and ends with the mapping."""
    if trial.box.hairpinning is Hairpinning.UNSUPPORTED:
        return
    near, caller, far = trial.near(), trial.near(), trial.far()
    mapped = await trial.answered(near, far)
    trial.inject("new address", near, far, mapped, "udp")
    caller.sendto(b"?", mapped)
    trial.row("hairpin: the old address", wanted=None, seen=await trial.heard(near))
    after = await trial.out(near, far)
    caller.sendto(b"?", after)
    source = await trial.heard(near)
    trial.row("hairpin: the new address", wanted=moved("new address", mapped[0]), seen=source and source[0])
    trial.inject("reboot", near, far, after, "udp")
    caller.sendto(b"?", after)
    trial.row("hairpin: an ended mapping", wanted=None, seen=await trial.heard(near))


WAYS: list[tuple[dict[str, Any], list[Callable[[Try], Awaitable[None]]]]] = [
    ({}, [one_session, unanswered, one_of_several, the_last_to_go, lost_at_the_door, tcp, hairpin]),
    ({"refresh_direction": RefreshDirection.OUTBOUND}, [only_outbound]),
    ({"lifetime": Seconds(100)}, [lifetime, lifetime_anew, tcp]),
]
"""What is changed in the middlebox, and what is tried then, on one network."""
