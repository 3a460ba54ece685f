"""Plays a story on one network with a middlebox, and notes what is seen of it on both sides.

    client —lan— home-nat —access— internet —core— server            a stranger sits beside the internet router

The story takes about six seconds. Time line, in seconds after the flows were set up (both timeouts are 2 s):

    0     a stranger tries the mappings          2.6   the idle mappings are gone; kept flows sent to from outside
    1.3   kept flows sent to from inside         2.7   the forgotten flows are sent to, from either side
                                                 4.9   the kept mappings, idle since 2.6, are gone as well
"""

from __future__ import annotations

import asyncio
import json
import socket
from dataclasses import dataclass, field, replace
from ipaddress import IPv4Address
from pathlib import Path
from typing import Any

from scapy.layers.inet import ICMP, IP, TCP, UDP
from scapy.layers.l2 import Ether

from lab.actors.capture import Capture
from lab.actors.mapping_observer import MappingObserver
from lab.actors.sentinel import Sentinel
from lab.model.middlebox import ForgottenFlow, Middlebox
from lab.model.topology import Topology
from lab.network import conntrack
from lab.network.apply import Network, apply
from lab.network.plan import mac, plan
from lab.pcapng import Interface, PcapNg
from lab.record import codec
from lab.record.events import Event
from lab.record.writer import Emit
from lab.units import Seconds

TIMEOUT = 2.0
NAT, SERVER, STRANGER, PORT = "198.51.100.2", "203.0.113.10", "203.0.113.66", 5062
FORGETFUL = Middlebox(
    name="forgetful", established_idle_timeout=Seconds(TIMEOUT), udp_mapping_timer=Seconds(TIMEOUT), source="this test"
)
BOXES = {
    **{way.value: replace(FORGETFUL, forgotten=way) for way in ForgottenFlow},
    "never": replace(FORGETFUL, established_idle_timeout=None),
}
BEHAVIORS = [way.value for way in ForgottenFlow]


@dataclass
class Seen:
    """What one network showed."""

    events: list[dict[str, Any]] = field(default_factory=list)
    kept_tcp: list[bool] = field(default_factory=list)
    kept_udp: list[bool] = field(default_factory=list)
    idle_udp_from_outside: bool = True
    idle_udp_from_inside: bool = False
    stranger_sent: int = 0
    endpoints: dict[str, str] = field(default_factory=dict)
    kept_were_alive: bool = False
    ended_when_asked: set[str] = field(default_factory=set)

    def take(self, event: Event, *, at: float | None = None) -> None:
        self.events.append({"at": at, **json.loads(codec.to_json(event))})

    def of(self, ev: str, **fields: Any) -> list[dict[str, Any]]:
        wanted = {"ev": ev, **fields}
        return [event for event in self.events if wanted.items() <= event.items()]

    def outcome(self, flow: str) -> str:
        return str(self.of("sentinel-outcome", flow=flow)[-1]["state"])

    def resets(self, link: str, sender: str) -> list[dict[str, Any]]:
        """RST segments that a node sent onto a link before the test itself dropped its flows."""
        last = self.of("sentinel-outcome")[-1]["at"] or max(event["at"] for event in self.events if event["at"])
        packets = self.of("packet", link=link, **{"from": sender})
        return [packet for packet in packets if "R" in packet.get("flags", "") and packet["at"] < last]


def built(topology: Topology, box: Middlebox) -> Network:
    """Build the network with this middlebox."""
    return apply(plan(topology, {"home-nat": box}))


async def story_of(network: Network, file: Path) -> Seen:
    """Play the story; captures go to files beside ``file``."""
    seen = Seen()
    space = network.namespaces
    observer = MappingObserver("home-nat", space["home-nat"], seen.take)
    captures = [
        Capture(
            link,
            here=here,
            there=there,
            namespace=space[here],
            file=PcapNg(file.with_suffix(f".{link}"), [Interface(link=link, here=here, there=there)]),
            emit=seen.take,
        )
        for link, here, there in (
            ("lan", "client", "home-nat"),
            ("access", "internet", "home-nat"),
            ("core", "server", "internet"),
        )
    ]
    observer.watch()
    for capture in captures:
        capture.watch()
    start = asyncio.get_running_loop().time()

    async def until(moment: float) -> None:
        await asyncio.sleep(start + moment - asyncio.get_running_loop().time())

    kept, kept_far = await tcp_pair(network)
    kept_udp, idle_udp = await UdpFlow.open(network, 5063), await UdpFlow.open(network, 5064)
    sentinel = await Sentinel.open(client=space["client"], server=space["server"], address=SERVER, emit=_now(seen))
    seen.endpoints = {"kept": name_of(kept), "kept udp": name_of(kept_udp.client), "idle udp": name_of(idle_udp.client)}
    seen.stranger_sent = send_as_stranger(
        network, tcp_port=kept.getsockname()[1], udp_port=kept_udp.client.getsockname()[1]
    )
    await until(1.3)
    seen.kept_tcp.append(await arrives(kept, kept_far))
    seen.kept_udp.append(await kept_udp.outbound())
    await until(2.6)
    seen.kept_tcp.append(await arrives(kept_far, kept))
    seen.kept_udp.append(await kept_udp.inbound())
    observer.observe_now()
    seen.ended_when_asked = {event["inside"] for event in seen.of("mapping", state="destroyed")}
    alive = {str(mapping.inside) for mapping in conntrack.table(space["home-nat"])}
    seen.kept_were_alive = {seen.endpoints["kept"], seen.endpoints["kept udp"]} <= alive
    seen.idle_udp_from_outside = await idle_udp.inbound()
    seen.idle_udp_from_inside = await idle_udp.outbound()
    await sentinel.challenge()
    await until(4.9)
    observer.observe_now()
    for capture in captures:
        capture.drain()
    sentinel.close()
    observer.close()
    for capture in captures:
        capture.close()
    for sock in (kept, kept_far, kept_udp.client, kept_udp.server, idle_udp.client, idle_udp.server):
        sock.close()
    return seen


def _now(seen: Seen) -> Emit:
    def take(event: Event, *, at: float | None = None) -> None:
        seen.take(event, at=asyncio.get_running_loop().time() if at is None else at)

    return take


async def tcp_pair(network: Network) -> tuple[socket.socket, socket.socket]:
    """Return both ends of a TCP connection from client to server."""
    loop = asyncio.get_running_loop()
    with network.entered("server"):
        listening = socket.create_server((SERVER, PORT))
    with network.entered("client"):
        near = socket.socket()
    for sock in (listening, near):
        sock.setblocking(False)
    await loop.sock_connect(near, (SERVER, PORT))
    far, _ = await loop.sock_accept(listening)
    listening.close()
    assert await arrives(near, far)
    assert await arrives(far, near)
    return near, far


async def arrives(sender: socket.socket, receiver: socket.socket) -> bool:
    """Send a byte; return whether it arrives."""
    loop = asyncio.get_running_loop()
    await loop.sock_sendall(sender, b"x")
    return await within(loop.sock_recv(receiver, 1))


async def within(awaitable: Any) -> bool:
    """Return whether something happens soon."""
    try:
        await asyncio.wait_for(awaitable, 0.5)
    except asyncio.TimeoutError:
        return False
    return True


@dataclass
class UdpFlow:
    """A UDP flow from the client to the server, already answered once."""

    client: socket.socket
    server: socket.socket
    mapped: tuple[str, int]

    @classmethod
    async def open(cls, network: Network, port: int) -> UdpFlow:
        with network.entered("server"):
            server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        with network.entered("client"):
            client = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        server.bind((SERVER, port))
        client.connect((SERVER, port))
        server.settimeout(1)
        client.send(b"x")
        _, mapped = server.recvfrom(1)
        flow = cls(client, server, mapped)
        for sock in (client, server):
            sock.setblocking(False)
        assert await flow.inbound()
        return flow

    async def outbound(self) -> bool:
        self.client.send(b"x")
        return await within(asyncio.get_running_loop().sock_recv(self.server, 1))

    async def inbound(self) -> bool:
        self.server.sendto(b"x", self.mapped)
        return await within(asyncio.get_running_loop().sock_recv(self.client, 1))


def send_as_stranger(network: Network, *, tcp_port: int, udp_port: int) -> int:
    """Send what nobody asked for towards the middlebox, live mappings included; returns how many frames."""
    to_nat: Any = IP(src=STRANGER, dst=NAT)
    to_client: Any = IP(src=STRANGER, dst="10.0.0.2")  # as if the outside had a route to the inside
    packets = [
        to_nat / ICMP(),
        to_client / ICMP(),
        to_nat / UDP(sport=5063, dport=udp_port) / b"x",
        to_client / UDP(sport=5063, dport=udp_port) / b"x",
        *(
            to_nat / TCP(sport=PORT, dport=tcp_port, flags=flags, seq=1, ack=1)
            for flags in ("S", "SA", "A", "PA", "R", "F")
        ),
        *(to_client / TCP(sport=PORT, dport=tcp_port, flags=flags, seq=1, ack=1) for flags in ("S", "SA", "A")),
        to_nat / TCP(sport=PORT, dport=22, flags="S"),
        to_nat / TCP(sport=PORT, dport=22, flags="A"),
    ]
    ether = Ether(src=mac(IPv4Address("198.51.100.1")), dst=mac(IPv4Address(NAT)), type=0x0800)
    with network.entered("internet"):
        sock = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
    with sock:
        sock.bind(("access", 0))
        for packet in packets:
            sock.send(bytes(ether / packet))
    return len(packets)


def name_of(sock: socket.socket) -> str:
    host, port = sock.getsockname()
    return f"{host}:{port}"
