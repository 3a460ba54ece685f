"""The middlebox on real segments: what gets through, what must not, and when it forgets. Four behaviours, both sides.

    client —lan— home-nat —access— internet —core— server            a stranger sits beside the internet router

All networks run side by side through one story of about six seconds, for forgetting takes real time; each test then
reads what its network showed. Time line, in seconds after the flows were set up (both timeouts are 2 s):

    0     a stranger tries the mappings          2.6   the idle mappings are gone; kept flows sent to from outside
    1.3   kept flows sent to from inside         2.7   the forgotten flows are sent to, from either side
                                                 4.9   the kept mappings, idle since 2.6, are gone as well
"""

from __future__ import annotations

import asyncio
import json
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from ipaddress import IPv4Address
from pathlib import Path
from typing import Any

import pytest
from scapy.layers.inet import ICMP, IP, TCP, UDP
from scapy.layers.l2 import Ether

from lab.actors.aging import Aging
from lab.actors.capture import Capture
from lab.actors.observer import Observer
from lab.actors.sentinel import Sentinel
from lab.errors import LabFault
from lab.judge.sentinel import Kept, expected
from lab.model.middlebox import FilteringBehavior, ForgottenFlow, Middlebox
from lab.model.topology import Topology
from lab.network import conntrack
from lab.network.apply import Network, apply
from lab.network.cut import cut
from lab.network.plan import NoOffloads, mac, plan
from lab.record import codec
from lab.record.events import Event, Packet
from lab.record.writer import Emit
from lab.units import Seconds

pytestmark = [pytest.mark.kernel, pytest.mark.alone, pytest.mark.usefixtures("namespaces")]

TIMEOUT = 2.0
NAT, SERVER, STRANGER, PORT = "198.51.100.2", "203.0.113.10", "203.0.113.66", 5062
FORGETFUL = Middlebox(
    name="forgetful", established_idle_timeout=Seconds(TIMEOUT), udp_mapping_timer=Seconds(TIMEOUT), source="this test"
)
BOXES = {
    **{way.value: replace(FORGETFUL, forgotten=way) for way in ForgottenFlow},
    "never": replace(FORGETFUL, established_idle_timeout=None),
}
BEHAVIOURS = [way.value for way in ForgottenFlow]


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


@contextmanager
def before_all_others() -> Iterator[None]:
    """Get a processor as soon as this process wants one, whatever else the machine does; needs root."""
    try:
        os.sched_setscheduler(0, os.SCHED_RR | os.SCHED_RESET_ON_FORK, os.sched_param(1))
    except PermissionError:
        yield
        return
    try:
        yield
    finally:
        os.sched_setscheduler(0, os.SCHED_OTHER, os.sched_param(0))


@pytest.fixture(scope="module")
def seen(one_home: Topology, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Seen]:
    """What each behaviour showed."""
    folder = tmp_path_factory.mktemp("middlebox")
    networks = {name: _network(one_home, box) for name, box in BOXES.items()}
    agings = [
        Aging(box, namespace=networks[name].namespaces["home-nat"], inside="lan", outside="access")
        for name, box in BOXES.items()
        if not box.ages_in_kernel
    ]

    async def all_of_them() -> list[Seen]:
        for aging in agings:
            aging.watch()
        stories = (_story(network, folder / f"{name}.pcapng") for name, network in networks.items())
        return await asyncio.gather(*stories)

    try:
        with before_all_others():
            return dict(zip(networks, asyncio.run(all_of_them()), strict=True))
    finally:
        for aging in agings:
            aging.close()
        for network in networks.values():
            network.close()


def _network(topology: Topology, box: Middlebox) -> Network:
    return apply(plan(topology, {"home-nat": box}))


async def _story(network: Network, file: Path) -> Seen:
    seen = Seen()
    space = network.namespaces
    observer = Observer("home-nat", space["home-nat"], seen.take)
    captures = [
        Capture(link, here=here, there=there, namespace=space[here], path=file.with_suffix(f".{link}"), emit=seen.take)
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

    kept, kept_far = await _tcp_pair(network)
    kept_udp, idle_udp = await _Udp.open(network, 5063), await _Udp.open(network, 5064)
    sentinel = await Sentinel.open(client=space["client"], server=space["server"], address=SERVER, emit=_now(seen))
    seen.endpoints = {"kept": _name(kept), "kept udp": _name(kept_udp.client), "idle udp": _name(idle_udp.client)}
    seen.stranger_sent = _stranger(network, tcp_port=kept.getsockname()[1], udp_port=kept_udp.client.getsockname()[1])
    await until(1.3)
    seen.kept_tcp.append(await _arrives(kept, kept_far))
    seen.kept_udp.append(await kept_udp.outbound())
    await until(2.6)
    seen.kept_tcp.append(await _arrives(kept_far, kept))
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


async def _tcp_pair(network: Network) -> tuple[socket.socket, socket.socket]:
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
    assert await _arrives(near, far)
    assert await _arrives(far, near)
    return near, far


async def _arrives(sender: socket.socket, receiver: socket.socket) -> bool:
    loop = asyncio.get_running_loop()
    await loop.sock_sendall(sender, b"x")
    return await _within(loop.sock_recv(receiver, 1))


async def _within(awaitable: Any) -> bool:
    try:
        await asyncio.wait_for(awaitable, 0.5)
    except asyncio.TimeoutError:
        return False
    return True


@dataclass
class _Udp:
    """A UDP flow from the client to the server, already answered once."""

    client: socket.socket
    server: socket.socket
    mapped: tuple[str, int]

    @classmethod
    async def open(cls, network: Network, port: int) -> _Udp:
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
        return await _within(asyncio.get_running_loop().sock_recv(self.server, 1))

    async def inbound(self) -> bool:
        self.server.sendto(b"x", self.mapped)
        return await _within(asyncio.get_running_loop().sock_recv(self.client, 1))


def _stranger(network: Network, *, tcp_port: int, udp_port: int) -> int:
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


def _name(sock: socket.socket) -> str:
    host, port = sock.getsockname()
    return f"{host}:{port}"


@pytest.mark.parametrize("name", [*BEHAVIOURS, "never"])
def test_a_flow_in_use_stays(seen: dict[str, Seen], name: str) -> None:
    """Traffic from either side before the timeout keeps a TCP flow, and a UDP mapping, for longer than the timeout."""
    assert seen[name].kept_tcp == [True, True]
    assert seen[name].kept_udp == [True, True]
    assert seen[name].kept_were_alive


@pytest.mark.parametrize("name", BEHAVIOURS)
def test_a_word_at_expiry_comes_at_expiry(seen: dict[str, Seen], name: str) -> None:
    """Who is told when the mapping expires has heard of it before anything is sent; nobody else has."""
    way = ForgottenFlow(name)
    found = [event["found"] for event in seen[name].of("sentinel-challenged")]
    told = {ForgottenFlow.RST_TO_BOTH: ["reset", "reset"], ForgottenFlow.FIN_TO_INSIDE: ["closed", "open"]}
    assert found == told.get(way, ["open", "open"])


@pytest.mark.parametrize("name", BEHAVIOURS)
def test_a_forgotten_flow_meets_what_is_claimed(seen: dict[str, Seen], name: str) -> None:
    """Both of the sentinel's challenges end as the behaviour says."""
    outcomes = (seen[name].outcome("from-inside"), seen[name].outcome("from-outside"))
    assert outcomes == expected([(BOXES[name], Kept.EXPIRED)])


def test_without_a_timeout_nothing_is_forgotten(seen: dict[str, Seen]) -> None:
    """The same idle time does no harm where no timeout is claimed."""
    assert (seen["never"].outcome("from-inside"), seen["never"].outcome("from-outside")) == ("delivered", "delivered")


@pytest.mark.parametrize(
    ("name", "to_inside", "to_outside", "by_server"),
    [
        ("silent", 0, 0, 0),
        ("repickup-from-inside", 0, 0, 0),
        ("repickup-on-new-port", 1, 0, 1),
        ("rst-to-sender", 1, 1, 0),
        ("rst-to-inside", 1, 0, 0),
        ("rst-to-both-at-expiry", 2, 2, 0),  # of both flows
        ("fin-to-inside-at-expiry", 0, 0, 0),
        ("unreachable-to-inside", 0, 0, 0),
        ("never", 0, 0, 0),
    ],
)
def test_who_sees_a_reset(seen: dict[str, Seen], name: str, to_inside: int, to_outside: int, by_server: int) -> None:
    """The middlebox sends exactly the RSTs its behaviour claims, each to the side that sent and to no other."""
    assert len(seen[name].resets("lan", "home-nat")) == to_inside
    assert len(seen[name].resets("access", "home-nat")) == to_outside
    assert len(seen[name].resets("core", "internet")) == to_outside
    assert len(seen[name].resets("core", "server")) == by_server


@pytest.mark.parametrize("name", ["silent", "rst-to-sender", "rst-to-inside", "unreachable-to-inside"])
def test_nothing_of_a_forgotten_flow_passes(seen: dict[str, Seen], name: str) -> None:
    """After its mapping ended no segment of a flow crosses the middlebox, in either direction."""
    inside = seen[name].of("sentinel-opened")
    gone = max(event["at"] for event in seen[name].of("mapping", state="destroyed", proto="tcp"))
    last = seen[name].of("sentinel-outcome")[-1]["at"]
    clients = {event["local"] for event in inside}
    mapped = {event["outside"] for event in seen[name].of("mapping") if event["inside"] in clients}
    after = [packet for packet in seen[name].of("packet") if gone < packet["at"] < last]
    assert [
        p
        for p in after
        if p["link"] == "access" and p["from"] == "home-nat" and p["src"] in mapped and p["flags"] != "R"
    ] == []
    assert [
        p for p in after if p["link"] == "lan" and p["from"] == "home-nat" and p["dst"] in clients and p["flags"] != "R"
    ] == []


@pytest.mark.parametrize("name", [*BEHAVIOURS, "never"])
def test_a_stranger_meets_silence(seen: dict[str, Seen], name: str) -> None:
    """Nothing unsolicited is forwarded or answered, not even by an ICMP error, and it does no harm to live mappings."""
    addressed = [packet for packet in seen[name].of("packet") if STRANGER in packet["src"] or STRANGER in packet["dst"]]
    assert len([packet for packet in addressed if packet["link"] == "access"]) == seen[name].stranger_sent
    assert {(packet["link"], packet["from"]) for packet in addressed} == {("access", "internet")}


@pytest.mark.parametrize("name", [*BEHAVIOURS, "never"])
def test_udp_mapping_timer(seen: dict[str, Seen], name: str) -> None:
    """An idle UDP mapping ends: nothing enters any more, and the next datagram from inside makes a new one."""
    assert not seen[name].idle_udp_from_outside
    assert seen[name].idle_udp_from_inside
    states = [event["state"] for event in seen[name].of("mapping", inside=seen[name].endpoints["idle udp"])]
    assert states[:3] == ["new", "destroyed", "new"]


@pytest.mark.parametrize("name", BEHAVIOURS)
def test_mappings_end_on_time(seen: dict[str, Seen], name: str) -> None:
    """Idle mappings end within 0.2 s of the claimed timeout after their last packet, and the observer knows when.

    The kept UDP mapping is older than 2 s, which conntrack gives a timer of its own.
    """
    sentinel = [event["local"] for event in seen[name].of("sentinel-opened")]
    for inside in (*sentinel, *seen[name].endpoints.values()):
        ended = next(event["at"] for event in seen[name].of("mapping", state="destroyed", inside=inside))
        packets = seen[name].of("packet", link="lan")
        last = max(p["at"] for p in packets if inside in (p["src"], p["dst"]) and p["at"] < ended)
        assert abs(ended - last - TIMEOUT) < 0.2


@pytest.mark.parametrize("name", BEHAVIOURS)
def test_expiries_are_told_when_asked(seen: dict[str, Seen], name: str) -> None:
    """``observe_now`` tells of every mapping that has expired by then, though the kernel looks but once a minute."""
    sentinel = {event["local"] for event in seen[name].of("sentinel-opened")}
    assert seen[name].ended_when_asked == {*sentinel, seen[name].endpoints["idle udp"]}


@pytest.mark.parametrize("name", BEHAVIOURS)
def test_mappings_are_told_as_they_are(seen: dict[str, Seen], name: str) -> None:
    """A mapping keeps the source port, shows the middlebox's address, and names the remote endpoint."""
    event = seen[name].of("mapping", state="new", inside=seen[name].endpoints["kept"])[0]
    assert event["outside"] == f"{NAT}:{event['inside'].split(':')[1]}"
    assert (event["remote"], event["proto"]) == (f"{SERVER}:{PORT}", "tcp")
    assert 0 <= event["seen"] < 0.1


@pytest.fixture
def network(one_home: Topology, request: pytest.FixtureRequest) -> Iterator[Network]:
    """A network with the middlebox of the test's parameter, or the silent one."""
    box = getattr(request, "param", BOXES["silent"])
    network = _network(one_home, box)
    yield network
    network.close()


@pytest.mark.parametrize(
    "network", [replace(FORGETFUL, established_idle_timeout=Seconds(7440))], indirect=True, ids=["7440 s"]
)
def test_unacknowledged_data_do_not_shorten_the_claim(network: Network) -> None:
    """Conntrack gives flows with unacknowledged data 300 s of its own; here the claim holds for them too."""

    async def story() -> set[int]:
        near, far = await _tcp_pair(network)
        cut("core", (network.namespaces["internet"], network.namespaces["server"]))
        near.send(b"never acknowledged")
        await asyncio.sleep(2)  # three retransmissions: 0.2 s, 0.6 s, 1.4 s (RFC 6298)
        remaining = {mapping.remaining for mapping in conntrack.table(network.namespaces["home-nat"])}
        for sock in (near, far):
            sock.close()
        return remaining

    (remaining,) = asyncio.run(story())
    assert 7430 <= remaining <= 7440


@pytest.mark.parametrize("way", ForgottenFlow)
def test_an_emptied_table_is_a_forgotten_flow(one_home: Topology, way: ForgottenFlow) -> None:
    """After ``forget_flows`` a flow meets what the behaviour says of forgotten ones, however young it is."""
    box = Middlebox(name="never", forgotten=way)
    network = _network(one_home, box)
    seen = Seen()

    async def story() -> None:
        space = network.namespaces
        observer = Observer("home-nat", space["home-nat"], seen.take)
        sentinel = await Sentinel.open(client=space["client"], server=space["server"], address=SERVER, emit=seen.take)
        conntrack.forget_flows(space["home-nat"])
        observer.observe_now()
        await sentinel.challenge()
        sentinel.close()
        observer.close()

    asyncio.run(story())
    network.close()
    assert [event["state"] for event in seen.of("mapping")] == ["new", "new", "destroyed", "destroyed"]
    assert (seen.outcome("from-inside"), seen.outcome("from-outside")) == expected([(box, Kept.LOST)])


@pytest.mark.parametrize("network", [replace(FORGETFUL, filtering=FilteringBehavior.ENDPOINT_INDEPENDENT)],
                         indirect=True, ids=["endpoint-independent"])  # fmt: skip
def test_an_emptied_table_lets_nobody_in(network: Network) -> None:
    """What admits strangers to a mapped port is lost with the table."""

    with network.entered("server"):
        server, stranger = (socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(2))
    with network.entered("client"):
        client = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    server.bind((SERVER, 5063))
    server.settimeout(1)
    client.sendto(b"x", (SERVER, 5063))
    flow = _Udp(client, stranger, server.recvfrom(1)[1])
    client.setblocking(False)

    async def story() -> tuple[bool, bool]:
        before = await flow.inbound()
        conntrack.forget_flows(network.namespaces["home-nat"])
        return before, await flow.inbound()

    with server, stranger, client:
        assert asyncio.run(story()) == (True, False)


def test_a_cut_link_carries_nothing_and_tells_nobody(network: Network) -> None:
    """Sent onto a cut link: lost, and the sender hears of nothing. Mended: retransmission delivers it."""
    ends = (network.namespaces["client"], network.namespaces["home-nat"])

    async def story() -> tuple[bool, bool]:
        near, far = await _tcp_pair(network)
        down = cut("lan", ends)
        during = await _arrives(near, far)
        down.end()
        after = await _within(asyncio.get_running_loop().sock_recv(far, 1))
        near.close()
        far.close()
        return during, after

    assert asyncio.run(story()) == (False, True)


@pytest.mark.parametrize("offloads", [False, True], ids=["as planned", "with offloads"])
def test_segments_are_captured_as_they_travel(one_home: Topology, tmp_path: Path, *, offloads: bool) -> None:
    """No captured packet exceeds the MTU; with the kernel's offloads left on some would, so the plan's step matters."""
    operations = plan(one_home, {"home-nat": FORGETFUL})
    if offloads:
        operations = tuple(operation for operation in operations if not isinstance(operation, NoOffloads))
    network = apply(operations)
    sizes: list[int] = []

    def take(event: Event, *, at: float | None = None) -> None:
        assert isinstance(event, Packet)
        sizes.append(event.bytes)

    capture = Capture(
        "lan", here="client", there="home-nat", namespace=network.namespaces["client"], path=tmp_path / "lan", emit=take
    )

    async def story() -> None:
        near, far = await _tcp_pair(network)
        near.setblocking(True)
        near.sendall(bytes(20_000))
        far.settimeout(2)
        received = 0
        while received < 20_000:
            received += len(far.recv(65536))
        near.close()
        far.close()

    asyncio.run(story())
    capture.close()
    network.close()
    assert (max(sizes) > 1500) is offloads


def _flood(network: Network) -> None:
    """Three hundred UDP flows from the client at once."""
    with network.entered("client"):
        socks = [socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(300)]
    for sock in socks:
        sock.sendto(b"x", (SERVER, 5065))
        sock.close()


def test_lost_announcements_are_a_fault(network: Network) -> None:
    """When more mappings come than the observer's socket holds, it says so instead of telling half the story."""
    seen = Seen()
    observer = Observer("home-nat", network.namespaces["home-nat"], seen.take)
    observer._link.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1)  # the kernel's minimum
    _flood(network)
    with pytest.raises(LabFault, match="home-nat: more came than was read"):
        observer.observe_now()
    observer.close()


def test_lost_packets_are_a_fault(network: Network, tmp_path: Path) -> None:
    """When more packets pass than the capture's socket holds, its end says so."""
    seen = Seen()
    space = network.namespaces["client"]
    capture = Capture("lan", here="client", there="home-nat", namespace=space, path=tmp_path / "lan", emit=seen.take)
    capture._sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1)
    _flood(network)
    with pytest.raises(LabFault, match=r"capture link lan: \d+ packets came faster"):
        capture.close()
    assert 0 < len(seen.of("packet")) < 300
