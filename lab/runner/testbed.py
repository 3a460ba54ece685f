"""Builds the network, the two actors and the observers of one cell, before the event loop runs.

Order matters: actors are forked first (a fork must not copy an event loop), observers open their sockets next, so that
they see the first packet. In containers actors run before the network stands, and wait to be told to start.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from functools import partial
from ipaddress import IPv4Address
from pathlib import Path
from typing import Any

from lab.actors.capture import Capture
from lab.actors.mapping_expiry import MappingExpiry
from lab.actors.mapping_observer import MappingObserver
from lab.actors.sentinel import Sentinel
from lab.backends.base import Actor, ActorSpec, Backend, OpenBackend
from lab.backends.netns import NetnsBackend, bare
from lab.certificates import NAME
from lab.clients import start as start_client
from lab.clients.catalog import client_of
from lab.clients.protocol import ClientLineDecoder
from lab.faults.base import faults_of
from lab.model.endpoint import Endpoint
from lab.model.middlebox import Middlebox
from lab.model.scenario import Cell
from lab.model.topology import Role
from lab.network import loopback
from lab.network.apply import Network, apply
from lab.network.plan import plan, render
from lab.network.socket_checks import open_low_ports
from lab.pcapng import Interface, PcapNg
from lab.proxies import start as start_proxy
from lab.record.events import IpChanged, Obeyed, ProxyReady, Statistics
from lab.record.flows import Flow, Flows
from lab.record.writer import RUNNER, RecordWriter
from lab.runner import parts
from lab.runner.actor_handle import BOUNDS_OF_CLIENTS, ActorHandle, Bounds, LineDecoder, TrustedLineDecoder
from lab.runner.client_device import ClientDevice
from lab.runner.expected_events import ExpectedEvents
from lab.runner.impairments import impair_links
from lab.runner.later_life import LaterLife
from lab.runner.sequence_numbers import SequenceNumbers
from lab.servers import name_server
from lab.servers import start as start_server
from lab.servers.catalog import server_of
from lab.sip.ports import PORTS

NETWORK_FILE = "network.txt"
"""In the cell's folder: the network as it is built, one operation a line."""

TLS_FOLDER = "tls"
"""The run's certificates: below the run folder, which is two levels above a cell's."""


STATISTICS_WITHIN_S = 10.0  # seven questions over the loopback, each answered within milliseconds
OBEYS_WITHIN_S = 5.0  # the server obeys at once; this much later it is broken
IP_CHANGE_WITHIN_S = 10.0  # pjsip does all of it in one call; it waits for no answer


class CellTestbed(ClientDevice):
    """Everything of one cell that has to be undone; `close` undoes it in reverse order.

    For faults it is the `RunningCell`.
    """

    def __init__(self, cell: Cell, folder: Path, record: RecordWriter, open_backend: OpenBackend = bare) -> None:
        self.cell = cell
        self.record = record
        self.flows = Flows()
        record.watch(lambda happening: self.flows.see(happening.at, happening.event))
        self.sequence_numbers = SequenceNumbers()
        record.watch(self.sequence_numbers.see)
        self.expected_events = ExpectedEvents(record)
        self.folder = folder
        self._asking = asyncio.Lock()
        self._undo: list[Callable[[], Any]] = []
        self.client_node = cell.topology.only(Role.CLIENT).name
        self.server_node = cell.topology.only(Role.SERVER).name
        self.front_node = cell.topology.front().name
        self.client_program = client_of(cell)
        self.server_program = server_of(cell)
        try:
            self._build(open_backend)
        except BaseException:
            self.close()
            raise

    def _build(self, open_backend: OpenBackend) -> None:
        further = {self.server_node: tuple(map(IPv4Address, self.cell.further_addresses))}
        operations = plan(self.cell.topology, dict(self.cell.middleboxes), further=further)
        (self.folder / NETWORK_FILE).write_text(render(operations), encoding="utf-8")
        specs = parts.parts(self.cell, self.folder, self.certificates)
        backend = open_backend(self.cell.topology.nodes, specs, self.folder)
        self._undo.append(backend.close)
        self.network: Network = apply(operations, make=backend.make)
        self._undo.append(self.network.close)
        if self.server_program.needs_loopback:
            loopback.take_up(self.network.namespaces[self.server_node])
        self.server = self._actor("server", backend, self.server_node, specs[self.server_node], TrustedLineDecoder())
        self.proxy = None
        if self.cell.proxy is not None:
            self.proxy = self._actor("proxy", backend, self.front_node, specs[self.front_node], TrustedLineDecoder())
        self._backend, self._client_spec = backend, specs[self.client_node]
        self.client = self.new_client()
        self.watch_device(self.tell_server)
        self.name_server = self._name_server() if self.cell.server.by_name else None
        for fault in faults_of(self.cell):
            fault.prepare()  # after the forks, which would copy what it loads
        self.observers = [self._observer(name) for name, _ in self.cell.middleboxes]
        self.agings = {name: self._aging(name, box) for name, box in self.cell.middleboxes if not box.ages_in_kernel}
        self.captures = [self._capture(link.name) for link in self.cell.topology.links]
        impair_links(
            self.cell, self.network.namespaces
        )  # after the captures, which each wait for a packet of their own on the link

    async def open_sentinel(self) -> None:
        """Open the sentinel's flows; the server node's address must be reachable.

        They end in a proxy's node, beside its program: through the program they would show its timeouts, too.
        """
        self._sentinel = await Sentinel.open(
            client=self.network.namespaces[self.client_node],
            server=self.network.namespaces[self.front_node],
            address=self.front_address,
            emit=partial(self.record.take, RUNNER),
            impairments=self.cell.impairments,
        )
        self._undo.append(self._sentinel.close)

    async def challenge_sentinel(self) -> None:
        """Send on the sentinel's flows and record what comes of it."""
        await self._sentinel.challenge()

    def attach(self) -> None:
        """Start listening to everything, in the running loop."""
        for observer in self.observers:
            observer.watch()
        for aging in self.agings.values():
            aging.watch()
        for capture in self.captures:
            capture.watch()
        for actor in (self.name_server, self.server, self.proxy, self.client):
            if actor is not None:
                actor.attach()

    def observe_now(self) -> None:
        """Take into the record everything that has happened up to this moment."""
        for observer in self.observers:
            observer.observe_now()
        for capture in self.captures:
            capture.drain()

    def close(self) -> None:
        """Undo everything, newest first; the first failure is raised after all has been tried."""
        failure: BaseException | None = None
        while self._undo:
            undo = self._undo.pop()
            try:
                undo()
            except Exception as problem:  # noqa: BLE001  (raised below: one failure must not keep the rest standing)
                failure = failure or problem
        if failure is not None:
            raise failure

    async def start_name_server(self, patience: float) -> None:
        """Start the name server, if the client knows the server by name.

        Raises:
            LabFault: it does not answer after ``patience`` seconds.
        """
        if self.name_server is not None:
            names = {"name": NAME, "address": self.front_address}
            await self._ask("the name server", self.name_server, patience, "start", **names)

    def start_server(self) -> None:
        """Tell the server its part of the cell."""
        asks = parts.shows_certificate(self.cell)
        command = start_server.command(
            self.cell.server,
            self.cell.strategy,
            transport=self.cell.server_transport,
            address=self.address_of_server,
            further=self.cell.further_addresses,
            bindings_only=self.cell.registers,
            certificate=self.certificates / "server.pem",
            key=self.certificates / "server.key",
            expired=self.certificates / "expired.pem",
            client_ca=self.certificates / "ca.pem" if asks else None,
            revoked=self.certificates / "revoked.pem",
            keylog=self.folder / "tls.keys",
            seed=self.cell.seed,
        )
        self.server.tell(**command, **self.server_program.start(self.folder))

    async def start_proxy(self, patience: float) -> None:
        """Start the proxy, if there is one, and wait until it listens.

        Raises:
            LabFault: it does not after ``patience`` seconds.
        """
        if self.proxy is not None:
            ready = self.expected_events.next(ProxyReady)
            self.proxy.tell(**start_proxy.command(self.cell, self.folder, self.certificates))
            await self.expected_events.within(patience, ready, "the proxy to listen")

    async def server_statistics(self) -> None:
        """Make the server write its counters into the cell's folder, if it can."""
        if self.server_program.statistics and not self.server.frozen:
            said = self.expected_events.next(Statistics)
            self.server.tell("statistics", file=self.server_program.statistics)
            await self.expected_events.within(STATISTICS_WITHIN_S, said, "the server's statistics")

    def new_client(self, life: int = 1) -> ActorHandle:
        """See `ClientDevice`. Of its later lives the lab tells the connections from those of the first."""
        ears: LineDecoder = ClientLineDecoder() if life == 1 else LaterLife(ClientLineDecoder(), life)
        return self._actor("client", self._backend, self.client_node, self._client_spec, ears, BOUNDS_OF_CLIENTS)

    def start_client(self, *, seed: int | None = None) -> None:
        """See `ClientDevice`; the first seed is the cell's."""
        shows, (certificate, key) = parts.shows_certificate(self.cell), parts.client_files(self.certificates)
        command = start_client.command(
            self.cell.client,
            self.cell.strategy,
            self.cell.transport,
            server=self.front_address,
            name=NAME if self.cell.server.by_name else "",
            ca=self.certificates / "ca.pem",
            certificate=certificate if shows else None,
            key=key if shows else None,
            seed=self.cell.seed if seed is None else seed,
            log=self.folder / "client.log",
            authenticates=self.cell.server.authentication is not None,
            keylog=self.folder / "tls.keys" if self.cell.server_transport is not self.cell.transport else None,
        )
        self.client.tell(**command)

    @property
    def certificates(self) -> Path:
        """The folder of the run's certificates."""
        return self.folder.parent.parent / TLS_FOLDER

    @property
    def address_of_server(self) -> str:
        """The server's address."""
        return str(self.cell.topology.address(self.server_node).ip)

    @property
    def front_address(self) -> str:
        """The address to which the client connects: a proxy's, or the server's."""
        return str(self.cell.topology.front_address())

    # What faults see and do: see `RunningCell`

    @property
    def namespaces(self) -> Mapping[str, int]:  # noqa: D102
        return self.network.namespaces

    @property
    def server_endpoint(self) -> Endpoint:  # noqa: D102
        return Endpoint(self.address_of_server, PORTS[self.cell.server_transport.value])

    @property
    def server_name(self) -> str:  # noqa: D102
        return NAME

    def current_flow(self) -> Flow | None:  # noqa: D102
        return self.flows.in_use()

    def next_sequence_number(self, link: str, source: Endpoint, target: Endpoint) -> int | None:  # noqa: D102
        return self.sequence_numbers.next(link, source, target)

    async def ask_server(self, do: str, **fields: Any) -> Obeyed:  # noqa: D102
        async with self._asking:
            return await self._ask("the server", self.server, OBEYS_WITHIN_S, do, **fields)

    def tell_server(self, do: str, **fields: Any) -> None:  # noqa: D102
        self.server.tell(do, **fields)

    async def ask_name_server(self, do: str, **fields: Any) -> Obeyed:  # noqa: D102
        assert self.name_server is not None  # a fault asks it only where there is one
        return await self._ask("the name server", self.name_server, OBEYS_WITHIN_S, do, **fields)

    def tell_name_server(self, do: str, **fields: Any) -> None:  # noqa: D102
        assert self.name_server is not None
        self.name_server.tell(do, **fields)

    async def _ask(self, whom: str, actor: ActorHandle, patience: float, do: str, **fields: Any) -> Obeyed:
        obeyed = self.expected_events.next(Obeyed, do=do)
        actor.tell(do, **fields)
        return (await self.expected_events.within(patience, obeyed, f"{whom} to obey `{do}`")).event

    async def freeze_server(self) -> bool:  # noqa: D102
        async with self._asking:
            return self.server.freeze()

    def thaw_server(self) -> None:  # noqa: D102
        self.server.thaw()

    def send_ip_changed(self) -> None:  # noqa: D102
        self.client.tell("ip-changed")

    async def tell_client_ip_changed(self) -> None:  # noqa: D102
        said = self.expected_events.next(IpChanged)
        self.send_ip_changed()
        if self.client.frozen or self.client.over:
            return
        if self.client_program.tells_new_address:
            await self.expected_events.within(IP_CHANGE_WITHIN_S, said, "the client to take note of its new address")
        else:  # what it does with the news is its own affair
            await asyncio.wait({said}, timeout=IP_CHANGE_WITHIN_S)

    def _name_server(self) -> ActorHandle:
        """Start the name server: a process of this machine's where the client connects, whatever nodes are."""
        open_low_ports(self.network.namespaces[self.front_node])
        log = self.folder / "names.out"
        process = NetnsBackend(self.network.namespaces).spawn(self.front_node, name_server.main, log)
        return self._link("name server", process, (log,), TrustedLineDecoder())

    def _actor(
        self, role: str, backend: Backend, node: str, part: ActorSpec, ears: LineDecoder, bounds: Bounds | None = None
    ) -> ActorHandle:
        logs = (part.log, self.folder / f"{role}.log")
        return self._link(role, backend.spawn(node, part.program, part.log), logs, ears, bounds)

    def _link(
        self, role: str, actor: Actor, logs: tuple[Path, ...], ears: LineDecoder, bounds: Bounds | None = None
    ) -> ActorHandle:
        link = ActorHandle(role, actor, self.record, logs=logs, ears=ears, bounds=bounds)
        self._undo.append(link.end)
        return link

    def _observer(self, node: str) -> MappingObserver:
        observer = MappingObserver(node, self.network.namespaces[node], partial(self.record.take, node))
        self._undo.append(observer.close)
        return observer

    def _aging(self, node: str, box: Middlebox) -> MappingExpiry:
        inside, outside = self.cell.topology.node(node).inside, self.cell.topology.node(node).outside
        beyond = dict(self.cell.topology.link(outside).ends)
        delays = any(each.from_ == node and each.to in beyond for each in self.cell.impairments)
        namespace = self.network.namespaces[node]
        aging = MappingExpiry(box, namespace=namespace, inside=inside, outside=outside, delays=delays)
        self._undo.append(aging.close)
        return aging

    def _capture(self, name: str) -> Capture:
        (here, _), (there, _) = self.cell.topology.link(name).ends
        capture = Capture(
            name,
            here=here,
            there=there,
            namespace=self.network.namespaces[here],
            file=PcapNg(self.folder / f"{name}.pcapng", [Interface(link=name, here=here, there=there)]),
            emit=partial(self.record.take, here),
        )
        self._undo.append(capture.close)
        return capture
