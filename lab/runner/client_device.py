"""Does to the client what the system of its device does: stops its process, takes its network, hands it pushes."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Literal

from lab.faults._running_cell import PushWatch, TakesPush
from lab.model.push import Push
from lab.model.scenario import Cell
from lab.network.apply import Network
from lab.network.drop_rules import DropRules, at_node
from lab.record.entry import TimedEvent
from lab.record.events import (
    SENTINEL_PORT,
    ClientAddresses,
    ClientNetwork,
    ClientProcess,
    ClientRadio,
    Event,
    Packet,
    Probe,
)
from lab.record.writer import RecordWriter
from lab.runner.actor_handle import ActorHandle
from lab.runner.push_service import PushService

SEEDS = 2**32
"""A seed is below that (``lab.model.rules.Seed``)."""


class ClientDevice:
    """The part of a testbed that is the client's device; see `RunningCell` for what its functions are for.

    Attributes:
        push_service: brings pushes to it.
    """

    cell: Cell
    record: RecordWriter
    network: Network
    client: ActorHandle
    client_node: str
    push_service: PushService
    _block: DropRules
    _calls: set[str]
    _lives = 1
    _suspended = False
    _go_on: asyncio.Handle | None = None
    _usable: frozenset[str]
    _left: frozenset[str] = frozenset()

    def watch_device(self, tell_server: Callable[..., None]) -> None:
        """Follow the client's calls, and the pushes that the server asks for."""
        self._calls = set()
        ends = [dict(link.ends)[self.client_node] for link in self.cell.topology.client_links()]
        self._usable = frozenset(str(end.ip) for end in ends)
        self.record.watch(self._see_calls)
        self.push_service = PushService(
            self.cell.push or Push(),
            self.cell.seed,
            self.record,
            self.client_node,
            tell_client=self._tell_client,
            tell_server=tell_server,
        )

    def suspend_client(self) -> bool:  # noqa: D102
        if self.client.over:
            return False
        self._suspended = True
        self._stay_asleep()
        stopped = self.client.freeze()
        self.record.take(self.client_node, ClientProcess(state="suspended"))
        return stopped

    def resume_client(self) -> None:
        """See `RunningCell`. What it is told in the same turn of the loop, such as a push, is there when it goes on.

        Else chance would decide in which order it reads that and what had waited for it, such as a change of networks.
        """
        if self._suspended:  # not one that was killed and started again since
            self._suspended = False
            self.record.take(self.client_node, ClientProcess(state="resumed"))
            self._go_on = asyncio.get_running_loop().call_soon(self._thaw)

    def _thaw(self) -> None:
        if self.client.frozen and not self.client.over:
            self.client.thaw()

    def _stay_asleep(self) -> None:
        if self._go_on is not None:
            self._go_on.cancel()

    def kill_client(self) -> int:  # noqa: D102
        self._suspended = False
        status = 0 if self.client.over else self.client.put_down()
        self.record.take(self.client_node, ClientProcess(state="killed"))
        return status

    def start_client_again(self) -> None:  # noqa: D102
        self._lives += 1
        self.record.take(self.client_node, ClientProcess(state="started"))
        self.client = self.new_client(self._lives)
        self.client.attach()
        self.start_client(seed=(self.cell.seed + self._lives) % SEEDS)

    def new_client(self, life: int) -> ActorHandle:
        """Make a process of the client's program; ``life`` counts from 1."""
        raise NotImplementedError

    def start_client(self, *, seed: int) -> None:
        """Tell the client its part of the cell; ``seed`` is for what it draws."""
        raise NotImplementedError

    def block_client(self) -> int:  # noqa: D102
        port = SENTINEL_PORT
        spared = ("meta l4proto != { tcp, udp }", f"th sport {port}", f"th dport {port}")
        self._block = at_node("client-blocked", self.network.namespaces[self.client_node], spared)
        self.record.take(self.client_node, ClientNetwork(state="blocked"))
        return self._block.rules

    def unblock_client(self) -> int:  # noqa: D102
        self.record.take(self.client_node, ClientNetwork(state="open"))
        return self._block.end()

    def note_addresses(self, addresses: ClientAddresses, at: float) -> None:  # noqa: D102
        usable = frozenset(addresses.usable)
        self._left = (self._left | self._usable) - usable
        self._usable = usable
        self.record.take(self.client_node, addresses, at=at)

    def watch_data_for_client(self, hears: Callable[[float], None]) -> Callable[[], None]:  # noqa: D102
        links = {link.name for link in self.cell.topology.client_links()}

        def see(happening: TimedEvent[Event]) -> None:
            packet = happening.event
            if not isinstance(packet, Packet) or packet.link not in links or packet.from_ == self.client_node:
                return
            if packet.dst.host in self._left:  # it is seen on its way, and nobody takes it
                return
            if packet.payload > 0 and packet.src.port != SENTINEL_PORT:
                hears(happening.at)

        return self.record.watch(see)

    def watch_client_packets(self, hears: Callable[[float], None]) -> Callable[[], None]:  # noqa: D102
        links = {link.name for link in self.cell.topology.client_links()}

        def see(happening: TimedEvent[Event]) -> None:
            packet = happening.event
            if not isinstance(packet, Packet) or packet.link not in links:
                return
            if SENTINEL_PORT not in (packet.src.port, packet.dst.port):
                hears(happening.at)

        return self.record.watch(see)

    def note_radio(self, state: Literal["idle", "paged", "connected"]) -> None:  # noqa: D102
        self.record.take(self.client_node, ClientRadio(state=state))

    def watch_pushes(self, takes: TakesPush) -> PushWatch:  # noqa: D102
        return self.push_service.device.watch(takes)

    def in_call(self) -> bool:  # noqa: D102
        return bool(self._calls)

    def _tell_client(self, do: str) -> None:
        """Send a command to the process that is the client now."""
        self.client.tell(do)

    def _see_calls(self, happening: TimedEvent[Event]) -> None:
        probe = happening.event
        if isinstance(probe, Probe) and probe.kind == "invite":
            if probe.state in ("ringing", "talking", "ending"):
                self._calls.add(probe.probe)
            elif probe.state in ("answered", "failed"):
                self._calls.discard(probe.probe)
