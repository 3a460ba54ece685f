"""The middlebox on real segments: what gets through, what must not, and when it forgets. Each behavior, both sides.

All networks run side by side through one story (``middlebox_story``), for forgetting takes real time; each test then
reads what its network showed.
"""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from lab.actors.capture import Capture
from lab.actors.mapping_expiry import MappingExpiry
from lab.actors.mapping_observer import MappingObserver
from lab.actors.sentinel import Sentinel
from lab.errors import LabFault
from lab.judge.sentinel import MappingState, expected
from lab.model.middlebox import FilteringBehavior, ForgottenFlow, Middlebox
from lab.model.topology import Topology
from lab.network import conntrack
from lab.network.apply import Network, apply
from lab.network.link_drops import drop_everything
from lab.network.plan import NoOffloads, plan
from lab.pcapng import Interface, PcapNg
from lab.record.events import Event, Packet
from lab.units import Seconds
from tests.contract.middlebox_story import (
    BEHAVIORS,
    BOXES,
    FORGETFUL,
    NAT,
    PORT,
    SERVER,
    STRANGER,
    TIMEOUT,
    Seen,
    UdpFlow,
    arrives,
    built,
    story_of,
    tcp_pair,
    within,
)

pytestmark = [pytest.mark.kernel, pytest.mark.alone, pytest.mark.usefixtures("namespaces")]


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
    """What each behavior showed."""
    folder = tmp_path_factory.mktemp("middlebox")
    networks = {name: built(one_home, box) for name, box in BOXES.items()}
    agings = [
        MappingExpiry(box, namespace=networks[name].namespaces["home-nat"], inside="lan", outside="access")
        for name, box in BOXES.items()
        if not box.ages_in_kernel
    ]

    async def all_of_them() -> list[Seen]:
        for aging in agings:
            aging.watch()
        stories = (story_of(network, folder / f"{name}.pcapng") for name, network in networks.items())
        return await asyncio.gather(*stories)

    try:
        with before_all_others():
            return dict(zip(networks, asyncio.run(all_of_them()), strict=True))
    finally:
        for aging in agings:
            aging.close()
        for network in networks.values():
            network.close()


@pytest.mark.parametrize("name", [*BEHAVIORS, "never"])
def test_a_flow_in_use_stays(seen: dict[str, Seen], name: str) -> None:
    """Traffic from either side before the timeout keeps a TCP flow, and a UDP mapping, for longer than the timeout."""
    assert seen[name].kept_tcp == [True, True]
    assert seen[name].kept_udp == [True, True]
    assert seen[name].kept_were_alive


@pytest.mark.parametrize("name", BEHAVIORS)
def test_a_word_at_expiry_comes_at_expiry(seen: dict[str, Seen], name: str) -> None:
    """Who is told when the mapping expires has heard of it before anything is sent; nobody else has."""
    way = ForgottenFlow(name)
    found = [event["found"] for event in seen[name].of("sentinel-challenged")]
    told = {ForgottenFlow.RST_TO_BOTH: ["reset", "reset"], ForgottenFlow.FIN_TO_INSIDE: ["closed", "open"]}
    assert found == told.get(way, ["open", "open"])


@pytest.mark.parametrize("name", BEHAVIORS)
def test_a_forgotten_flow_meets_what_is_claimed(seen: dict[str, Seen], name: str) -> None:
    """Both of the sentinel's challenges end as the behavior says."""
    outcomes = (seen[name].outcome("from-inside"), seen[name].outcome("from-outside"))
    assert outcomes == expected([(BOXES[name], MappingState.EXPIRED)])


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
    """The middlebox sends exactly the RSTs its behavior claims, each to the side that sent and to no other."""
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


@pytest.mark.parametrize("name", [*BEHAVIORS, "never"])
def test_a_stranger_meets_silence(seen: dict[str, Seen], name: str) -> None:
    """Nothing unsolicited is forwarded or answered, not even by an ICMP error, and it does no harm to live mappings."""
    addressed = [packet for packet in seen[name].of("packet") if STRANGER in packet["src"] or STRANGER in packet["dst"]]
    assert len([packet for packet in addressed if packet["link"] == "access"]) == seen[name].stranger_sent
    assert {(packet["link"], packet["from"]) for packet in addressed} == {("access", "internet")}


@pytest.mark.parametrize("name", [*BEHAVIORS, "never"])
def test_udp_mapping_timer(seen: dict[str, Seen], name: str) -> None:
    """An idle UDP mapping ends: nothing enters any more, and the next datagram from inside makes a new one."""
    assert not seen[name].idle_udp_from_outside
    assert seen[name].idle_udp_from_inside
    states = [event["state"] for event in seen[name].of("mapping", inside=seen[name].endpoints["idle udp"])]
    assert states[:3] == ["new", "destroyed", "new"]


@pytest.mark.parametrize("name", BEHAVIORS)
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


@pytest.mark.parametrize("name", BEHAVIORS)
def test_expiries_are_told_when_asked(seen: dict[str, Seen], name: str) -> None:
    """``observe_now`` tells of every mapping that has expired by then, though the kernel looks but once a minute."""
    sentinel = {event["local"] for event in seen[name].of("sentinel-opened")}
    assert seen[name].ended_when_asked == {*sentinel, seen[name].endpoints["idle udp"]}


@pytest.mark.parametrize("name", BEHAVIORS)
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
    network = built(one_home, box)
    yield network
    network.close()


@pytest.mark.parametrize(
    "network", [replace(FORGETFUL, established_idle_timeout=Seconds(7440))], indirect=True, ids=["7440 s"]
)
def test_unacknowledged_data_do_not_shorten_the_claim(network: Network) -> None:
    """Conntrack gives flows with unacknowledged data 300 s of its own; here the claim holds for them too."""

    async def story() -> set[int]:
        near, far = await tcp_pair(network)
        drop_everything("core", (network.namespaces["internet"], network.namespaces["server"]))
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
    """After ``forget_flows`` a flow meets what the behavior says of forgotten ones, however young it is."""
    box = Middlebox(name="never", forgotten=way)
    network = built(one_home, box)
    seen = Seen()

    async def story() -> None:
        space = network.namespaces
        observer = MappingObserver("home-nat", space["home-nat"], seen.take)
        sentinel = await Sentinel.open(client=space["client"], server=space["server"], address=SERVER, emit=seen.take)
        conntrack.forget_flows(space["home-nat"])
        observer.observe_now()
        await sentinel.challenge()
        sentinel.close()
        observer.close()

    asyncio.run(story())
    network.close()
    assert [event["state"] for event in seen.of("mapping")] == ["new", "new", "destroyed", "destroyed"]
    assert (seen.outcome("from-inside"), seen.outcome("from-outside")) == expected([(box, MappingState.LOST)])


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
    flow = UdpFlow(client, stranger, server.recvfrom(1)[1])
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
        near, far = await tcp_pair(network)
        down = drop_everything("lan", ends)
        during = await arrives(near, far)
        down.end()
        after = await within(asyncio.get_running_loop().sock_recv(far, 1))
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

    space = network.namespaces["client"]
    capture = Capture("lan", here="client", there="home-nat", namespace=space, file=_file(tmp_path), emit=take)

    async def story() -> None:
        near, far = await tcp_pair(network)
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
    observer = MappingObserver("home-nat", network.namespaces["home-nat"], seen.take)
    observer._link.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1)  # the kernel's minimum
    _flood(network)
    with pytest.raises(LabFault, match="home-nat: more came than was read"):
        observer.observe_now()
    observer.close()


def test_lost_packets_are_a_fault(network: Network, tmp_path: Path) -> None:
    """When more packets pass than the capture's socket holds, its end says so."""
    seen = Seen()
    space = network.namespaces["client"]
    capture = Capture("lan", here="client", there="home-nat", namespace=space, file=_file(tmp_path), emit=seen.take)
    capture._sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1)
    _flood(network)
    with pytest.raises(LabFault, match=r"capture link lan: \d+ packets came faster"):
        capture.close()
    assert 0 < len(seen.of("packet")) < 300


def _file(folder: Path) -> PcapNg:
    return PcapNg(folder / "lan", [Interface(link="lan", here="client", there="home-nat")])
