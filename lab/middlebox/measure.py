"""Measures a middlebox from its two sides only: never from its table or its rules.

    client —lan— box —access— internet —core— server
                                      —other— stranger

A timer is measured with flows that are left alone for different times and then sent to from outside, all of them side
by side: those that were idle for less than the timer hear it, the others do not.
"""

from __future__ import annotations

import asyncio
import dataclasses
import json
import socket
from collections.abc import Awaitable, Callable
from functools import partial
from ipaddress import IPv4Interface
from pathlib import Path
from typing import Any

from lab.actors.capture import Capture
from lab.actors.mapping_expiry import MappingExpiry
from lab.actors.sentinel import Sentinel
from lab.backends.base import OpenBackend
from lab.backends.netns import bare
from lab.errors import LabFault
from lab.middlebox.ends import ARRIVES_WITHIN_S, SERVER, Ends
from lab.middlebox.measurement import (
    EndedMapping,
    ForgottenFlowResponse,
    IdleSurvival,
    Measurement,
    MeasurementRequest,
    NextPort,
)
from lab.model import wire
from lab.model.endpoint import Endpoint
from lab.model.middlebox import (
    FilteringBehavior,
    Hairpinning,
    MappingBehavior,
    PortAssignment,
    RefreshDirection,
    RefreshingSegments,
    SipAlg,
)
from lab.model.topology import Link, Node, Role, Topology
from lab.network import conntrack
from lab.network.apply import Network, apply
from lab.network.nft import SIP_PORT
from lab.network.plan import plan
from lab.pcapng import Interface, PcapNg
from lab.record.events import SENTINEL_PORT, Event, Packet, SentinelChallenged, SentinelOutcome
from lab.runner.cell import guarded

QUESTION_FILE, ANSWER_FILE = "question.json", "shown.json"

_STRANGER, _OUTSIDE = "192.0.2.10", "198.51.100.2"
_LADDER = (5, 10, 20, 30, 45, 60, 90, 120, 180, 240, 300, 350, 600, 900, 1200, 1800, 3600, 7200, 21600, 86400, 432000)
_CLOSELY = 1.0  # seconds on either side of a claimed timer
_LONGEST_KEEPIDLE = 32767  # linux/tcp.h: MAX_TCP_KEEPIDLE
_PORTS_LOOKED_AT = 8
_TRIES = 3
_UNLIMITED_S = 3600.0  # a mapping without a lifetime is kept in use for this long

TOPOLOGY = Topology(
    name="survey",
    nodes=(
        Node(name="client", role=Role.CLIENT),
        Node(name="box", role=Role.MIDDLEBOX, inside="lan", outside="access"),
        Node(name="internet", role=Role.ROUTER),
        Node(name="server", role=Role.SERVER),
        Node(name="stranger", role=Role.SERVER),
    ),
    links=tuple(
        Link(name=name, ends=tuple((node, IPv4Interface(address)) for node, address in ends.items()))
        for name, ends in {
            "lan": {"client": "10.0.0.2/24", "box": "10.0.0.1/24"},
            "access": {"box": f"{_OUTSIDE}/24", "internet": "198.51.100.1/24"},
            "core": {"internet": "203.0.113.1/24", "server": f"{SERVER}/24"},
            "other": {"internet": "192.0.2.1/24", "stranger": f"{_STRANGER}/24"},
        }.items()
    ),
)


def run(folder: Path, open_backend: OpenBackend = bare) -> int:  # noqa: ARG001  (its nodes are bare namespaces)
    """Answer the question in ``folder``; return the exit status."""
    return guarded(_run, folder)


def _run(folder: Path) -> None:
    question = wire.from_json(MeasurementRequest, json.loads((folder / QUESTION_FILE).read_text("utf-8")))
    network = apply(plan(TOPOLOGY, {"box": question.box}))
    try:
        shown = asyncio.run(_answer(question, network, folder))
    finally:
        network.close()
    (folder / ANSWER_FILE).write_text(json.dumps(wire.to_json(shown)), encoding="utf-8")


async def _answer(question: MeasurementRequest, network: Network, folder: Path) -> Measurement:
    box = question.box
    aging = None
    if not box.ages_in_kernel:
        aging = MappingExpiry(box, namespace=network.namespaces["box"], inside="lan", outside="access")
        aging.watch()
    measurer = _Measurer(question, network, folder)
    try:
        return await measurer.answer()
    finally:
        measurer.close()
        if aging is not None:
            aging.close()


def _request(transport: str, address: str, port: int) -> bytes:
    """Return a SIP request that fits into one packet (RFC 3261 §7), from an inside endpoint."""
    lines = (
        f"OPTIONS sip:{SERVER} SIP/2.0",
        f"Via: SIP/2.0/{transport} {address}:{port};rport;branch=z9hG4bKsurvey",
        "Max-Forwards: 70",
        f"From: <sip:survey@{SERVER}>;tag=1",
        f"To: <sip:{SERVER}>",
        f"Contact: <sip:survey@{address}:{port};transport={transport.lower()}>",
        "Call-ID: survey",
        "CSeq: 1 OPTIONS",
        "Content-Length: 0",
    )
    return "\r\n".join((*lines, "", "")).encode()


class _Measurer(Ends):
    def __init__(self, question: MeasurementRequest, network: Network, folder: Path) -> None:
        self._box, self._claim, self._longest = question.box, question.claim, question.longest
        self._folder = folder
        super().__init__(network, first_s=0.8 * question.box.new_udp_timer)

    async def answer(self) -> Measurement:
        mapping = await self._mapping()
        filtering = await self._filtering()
        ports = await self._port_assignment()
        hairpinning = await self._hairpinning()
        sip_alg = await self._sip_alg()
        # from here on, all at once: each takes as long as the timers it is about
        start = asyncio.ensure_future
        established = start(self._lived("established_idle_timeout", self._tcp))
        transitory = start(self._lived("transitory_timeout", partial(self._tcp, half_closed=True)))
        udp = start(self._lived("udp_mapping_timer", self._udp))
        one_way = start(self._lived("new_udp_timer", partial(self._udp, answered=False)))
        lifetime = start(self._lived("lifetime", self._udp_in_use))
        ended = start(self._ended())
        direction, segments = start(self._refresh_direction()), start(self._refreshing_segments())
        met = await self._met_after_expiry()
        shown = Measurement(
            established=await established,
            transitory=await transitory,
            udp=await udp,
            udp_one_way=await one_way,
            refresh_direction=await direction,
            refreshing_segments=await segments,
            lifetime=await lifetime,
            ended=await ended,
            met=met,
            mapping=mapping,
            filtering=filtering,
            port_assignment=ports,
            hairpinning=hairpinning,
            sip_alg=sip_alg,
        )
        return shown if met is not None else dataclasses.replace(shown, met=await self._met_after_loss())

    # -- translation

    async def _mapping(self) -> MappingBehavior:
        client = self.sock("client", socket.SOCK_DGRAM)
        first, second = self.at(SERVER), self.at(SERVER)
        elsewhere = self.at(_STRANGER)
        ports = [(await self.seen_from(client, far))[1] for far in (first, second, elsewhere)]
        if ports[0] != ports[1]:
            return MappingBehavior.ADDRESS_AND_PORT_DEPENDENT
        if ports[0] != ports[2]:
            return MappingBehavior.ADDRESS_DEPENDENT
        return MappingBehavior.ENDPOINT_INDEPENDENT

    async def _filtering(self) -> FilteringBehavior:
        client = self.sock("client", socket.SOCK_DGRAM)
        mapped = await self.seen_from(client, self.at(SERVER))
        heard = [await self.delivered(self.at(address), client, mapped) for address in (SERVER, _STRANGER)]
        if heard[1]:
            return FilteringBehavior.ENDPOINT_INDEPENDENT
        return FilteringBehavior.ADDRESS_DEPENDENT if heard[0] else FilteringBehavior.ADDRESS_AND_PORT_DEPENDENT

    async def _port_assignment(self) -> PortAssignment:
        far = self.at(SERVER)
        clients = [self.sock("client", socket.SOCK_DGRAM) for _ in range(_PORTS_LOOKED_AT)]
        outside = [(await self.seen_from(client, far))[1] for client in clients]
        inside = [client.getsockname()[1] for client in clients]
        return PortAssignment.PRESERVATION if inside == outside else PortAssignment.NO_PRESERVATION

    async def _hairpinning(self) -> Hairpinning:
        far = self.at(SERVER)
        caller, called = self.sock("client", socket.SOCK_DGRAM), self.sock("client", socket.SOCK_DGRAM)
        await self.seen_from(caller, far)
        mapped = await self.seen_from(called, far)
        for _ in range(_TRIES):  # one datagram may be lost
            caller.sendto(b"?", mapped)
            source = await self.heard(called)
            if source is not None:
                break
        return Hairpinning.EXTERNAL_SOURCE if source and source[0] == _OUTSIDE else Hairpinning.UNSUPPORTED

    # -- what it does to SIP

    async def _sip_alg(self) -> tuple[SipAlg, ...]:
        """Return the transports on which the addresses inside requests are changed."""
        rewritten = {SipAlg.UDP: await self._rewrites_udp(), SipAlg.TCP: await self._rewrites_tcp()}
        return tuple(alg for alg, seen in rewritten.items() if seen)

    async def _rewrites_udp(self) -> bool:
        near, far = self.sock("client", socket.SOCK_DGRAM), self.sock("server", socket.SOCK_DGRAM)
        far.bind((SERVER, SIP_PORT))
        near.connect((SERVER, SIP_PORT))
        sent = _request("UDP", *near.getsockname())
        near.send(sent)
        return await self._came(far) != sent

    async def _rewrites_tcp(self) -> bool:
        near, listening = self.sock("client", socket.SOCK_STREAM), self.sock("server", socket.SOCK_STREAM)
        listening.bind((SERVER, SIP_PORT))
        listening.listen(1)
        await self._loop.sock_connect(near, (SERVER, SIP_PORT))
        far, _ = await self._loop.sock_accept(listening)
        self._socks.append(far)
        sent = _request("TCP", *near.getsockname())
        await self._loop.sock_sendall(near, sent)
        return await self._came(far) != sent

    async def _came(self, far: socket.socket) -> bytes:
        try:
            return await asyncio.wait_for(self._loop.sock_recv(far, 2000), ARRIVES_WITHIN_S)
        except asyncio.TimeoutError:
            raise LabFault("measure the middlebox", detail="a SIP request did not come out") from None

    # -- timers

    async def _lived(self, timer: str, idle_flow: Callable[[float], Awaitable[bool]]) -> IdleSurvival:
        """Leave flows alone for the times of a ladder, and see which of them can still be reached."""
        rungs = self._rungs(timer)
        heard = await asyncio.gather(*(idle_flow(rung) for rung in rungs))
        return IdleSurvival(
            alive=max((rung for rung, alive in zip(rungs, heard, strict=True) if alive), default=0.0),
            dead=min((rung for rung, alive in zip(rungs, heard, strict=True) if not alive), default=None),
        )

    def _rungs(self, timer: str) -> list[float]:
        claimed: list[float | None] = [getattr(profile, timer) for profile in (self._box, self._claim)]
        finite = [value for value in claimed if value is not None]
        closely = {value + way for value in finite for way in (-_CLOSELY, _CLOSELY)}
        apart = {float(rung) for rung in _LADDER if all(abs(rung - value) > _CLOSELY for value in finite)}
        if timer == "lifetime":  # a flow in use gets another mapping after its lifetime, so longer ones show nothing
            return sorted(rung for rung in closely or {min(_UNLIMITED_S, self._longest)} if 0 < rung <= self._longest)
        top = self._longest if None in claimed else min(self._longest, max(closely))
        return sorted(rung for rung in closely | apart if 0 < rung <= top)

    async def _tcp(self, idle: float, *, half_closed: bool = False) -> bool:
        near, far = await self.tcp_pair()
        if half_closed:
            near.shutdown(socket.SHUT_WR)
            await self._loop.sock_recv(far, 1)
        await asyncio.sleep(idle)
        return await self.reaches(far, near)

    async def _udp(self, idle: float, *, answered: bool = True) -> bool:
        near, far, mapped = await self.udp_pair(answered=answered)
        await asyncio.sleep(idle)
        return await self.delivered(far, near, mapped)

    async def _udp_in_use(self, age: float) -> bool:
        begun = self._loop.time()
        near, far, mapped = await self.udp_pair(answered=True)
        return await self._use(near, far, mapped, until=begun + age) and await self.delivered(far, near, mapped)

    async def _use(self, near: socket.socket, far: socket.socket, mapped: Any, *, until: float) -> bool:
        """Send now and then; return whether the mapping stays. The last packet is not the end."""
        step = min((until - self._loop.time()) / 4, 0.4 * self._box.udp_mapping_timer, 0.4 * self._box.new_udp_timer)
        while (left := until - self._loop.time()) > 0:
            await asyncio.sleep(min(step, left))
            if left > step:
                near.sendto(b"!", far.getsockname())
                if (heard := await self.heard(far)) is not None and heard != mapped:
                    return False  # another mapping took its place
        return True

    async def _ended(self) -> tuple[EndedMapping, ...]:
        """Let mappings end, and see what enters by their outside endpoints and which port the next ones get."""
        timer, lifetime = self._box.udp_mapping_timer, self._box.lifetime
        ends = []
        if timer + _CLOSELY <= self._longest:
            ends.append(self._after_end("timer", used_for=0.0, idle=timer + _CLOSELY))
        if lifetime is not None and lifetime + _CLOSELY <= self._longest:
            ends.append(self._after_end("lifetime", used_for=lifetime - _CLOSELY, idle=2 * _CLOSELY))
        return tuple(await asyncio.gather(*ends))

    async def _after_end(self, end: str, *, used_for: float, idle: float) -> EndedMapping:
        begun = self._loop.time()
        near, far, mapped = await self.udp_pair(answered=True)
        await self._use(near, far, mapped, until=begun + used_for)
        await asyncio.sleep(idle)
        enters = await self.delivered(far, near, mapped)
        anew = await self.seen_from(near, far)
        if anew != mapped:
            enters |= await self.delivered(far, near, mapped)
        inside = near.getsockname()[1]
        port = NextPort.INSIDE if anew[1] == inside else NextPort.BEFORE if anew == mapped else NextPort.ANOTHER
        return EndedMapping(end=end, enters=enters, next_port=port)

    # -- refresh

    async def _refresh_direction(self) -> RefreshDirection | None:
        timer = self._box.udp_mapping_timer
        if 2 * timer > self._longest:
            return None
        near, far, mapped = await self.udp_pair(answered=True)
        for _ in range(3):
            await asyncio.sleep(0.6 * timer)
            if not await self.delivered(far, near, mapped):
                return RefreshDirection.OUTBOUND
        return RefreshDirection.BOTH

    async def _refreshing_segments(self) -> RefreshingSegments | None:
        timer = self._box.established_idle_timeout
        if timer is None or 1.5 * timer > self._longest:
            return None
        near, far = await self.tcp_pair()
        probing = max(1, min(int(0.4 * timer), _LONGEST_KEEPIDLE))
        for option in (socket.TCP_KEEPIDLE, socket.TCP_KEEPINTVL):
            near.setsockopt(socket.IPPROTO_TCP, option, probing)
        near.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        await asyncio.sleep(1.5 * timer)
        return RefreshingSegments.ANY if await self.reaches(far, near) else RefreshingSegments.DATA

    # -- what a forgotten flow meets

    async def _met_after_expiry(self) -> ForgottenFlowResponse | None:
        timer = self._box.established_idle_timeout
        if timer is None or timer + 2 > self._longest:
            return None
        return await self._met(partial(asyncio.sleep, timer + 2))

    async def _met_after_loss(self) -> ForgottenFlowResponse | None:
        """Forget the whole table, as in a reboot; nothing then acts at expiry."""
        if self._box.forgotten.at_expiry:
            return None

        async def lose() -> None:
            conntrack.forget_flows(self._network.namespaces["box"])

        return await self._met(lose)

    async def _met(self, forgotten: Callable[[], Awaitable[None]]) -> ForgottenFlowResponse:
        packets: list[Packet] = []
        challenged: dict[str, SentinelChallenged] = {}
        outcomes: dict[str, SentinelOutcome] = {}
        sentinels_end = Endpoint(SERVER, SENTINEL_PORT)

        def take(event: Event, *, at: float | None = None) -> None:  # noqa: ARG001  (see `Emit`)
            if isinstance(event, SentinelChallenged):
                challenged[event.flow] = event
            elif isinstance(event, SentinelOutcome):
                outcomes[event.flow] = event
            elif isinstance(event, Packet) and event.dst == sentinels_end:
                packets.append(event)

        space = self._network.namespaces
        end = Interface(link="core", here="server", there="internet")
        file = PcapNg(self._folder / "core.pcapng", [end])
        capture = Capture("core", here=end.here, there=end.there, namespace=space["server"], file=file, emit=take)
        capture.watch()
        sentinel = await Sentinel.open(client=space["client"], server=space["server"], address=SERVER, emit=take)
        await forgotten()
        await sentinel.challenge()
        sentinel.close()
        capture.close()
        known = {packet.src for packet in packets if "S" in packet.flags}
        return ForgottenFlowResponse(
            inside=outcomes["from-inside"].state,
            outside=outcomes["from-outside"].state,
            found_inside=challenged["from-inside"].found,
            found_outside=challenged["from-outside"].found,
            new_port=any(packet.src not in known for packet in packets),
        )
