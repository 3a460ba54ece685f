"""What faults do to packets, in a real kernel: what must not get through, what must, and that the rest still does.

    client —lan— home-nat —access— internet —core— server

Each test has the flow that is hit and another one between the same nodes that must notice nothing.
"""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv4Interface
from pathlib import Path

import pytest

from lab.loader.topologies import read_topology
from lab.model.endpoint import Endpoint
from lab.model.middlebox import ForgottenFlow, Middlebox
from lab.model.topology import Topology
from lab.network import conntrack
from lab.network.address_change import readdress
from lab.network.apply import Network, apply, nft
from lab.network.drop_rules import in_transit
from lab.network.forge import Segment, forge
from lab.network.link_change import join, leave, source_towards
from lab.network.link_drops import drop_address, drop_everything, drop_large_packets
from lab.network.plan import plan
from lab.network.socket_checks import listening

pytestmark = [pytest.mark.kernel, pytest.mark.usefixtures("namespaces")]

ROOT = Path(__file__).parents[2]
NAT, SERVER, PORT = "198.51.100.2", "203.0.113.10", 5062
ARRIVES_WITHIN_S = 2.0
"""A segment that is not lost arrives at once, a lost one's first retransmissions after 0.2 s and 0.6 s (RFC 6298)."""
LOST_AFTER_S = 0.5


@dataclass
class Net:
    """A network with flows through it; all sockets are closed with it."""

    network: Network
    listener: socket.socket
    opened: ExitStack = field(default_factory=ExitStack)

    @property
    def home(self) -> int:
        return self.network.namespaces["home-nat"]

    def pair(self) -> tuple[socket.socket, socket.socket]:
        """A TCP flow: the client's end, the server's end."""
        with self.network.entered("client"):
            near = socket.create_connection((SERVER, PORT), timeout=ARRIVES_WITHIN_S)
        far, _ = self.listener.accept()
        for sock in (near, far):
            self.opened.enter_context(sock)
        assert arrives(near, far)
        assert arrives(far, near)
        return near, far

    def mapping_of(self, near: socket.socket) -> conntrack.Mapping:
        (mapping,) = (one for one in conntrack.table(self.home) if one.inside == Endpoint.of(near.getsockname()))
        return mapping


def arrives(sender: socket.socket, receiver: socket.socket, *, within: float = ARRIVES_WITHIN_S) -> bool:
    """Whether a byte gets from one end to the other."""
    sender.send(b"?")
    receiver.settimeout(within)
    try:
        return bool(receiver.recv(1))
    except TimeoutError:
        return False


def ends_with(sock: socket.socket) -> str:
    """How a socket's connection ends: ``reset``, ``fin``, or not at all."""
    sock.settimeout(LOST_AFTER_S)
    try:
        return "data" if sock.recv(1) else "fin"
    except ConnectionResetError:
        return "reset"
    except TimeoutError:
        return "open"


@pytest.fixture
def net(one_home: Topology, request: pytest.FixtureRequest) -> Iterator[Net]:
    box = Middlebox(name="box", forgotten=getattr(request, "param", ForgottenFlow.SILENT))
    network = apply(plan(one_home, {"home-nat": box}))
    with network.entered("server"):
        listener = socket.create_server((SERVER, PORT))
    listener.settimeout(ARRIVES_WITHIN_S)
    net = Net(network, listener)
    with net.opened, listener:
        yield net
    network.close()


def test_an_evicted_flow_is_forgotten_and_no_other(net: Net) -> None:
    """The mapping is gone: lost from either side; the flow beside it and new flows pass."""
    near, far = net.pair()
    other_near, other_far = net.pair()
    conntrack.forget(net.home, net.mapping_of(near))
    assert not arrives(near, far, within=LOST_AFTER_S)
    assert not arrives(far, near, within=LOST_AFTER_S)
    assert arrives(other_near, other_far)
    assert arrives(other_far, other_near)
    net.pair()


@pytest.mark.parametrize("net", [ForgottenFlow.RST_TO_SENDER], indirect=True)
def test_an_evicted_flow_meets_what_the_middlebox_does_to_forgotten_ones(net: Net) -> None:
    """Eviction changes the table alone: this middlebox answers with RST."""
    near, _ = net.pair()
    conntrack.forget(net.home, net.mapping_of(near))
    near.send(b"?")
    assert ends_with(near) == "reset"


def test_what_is_not_there_cannot_be_evicted(net: Net) -> None:
    """The kernel says so; nobody is told that a flow is gone that was never there."""
    near, _ = net.pair()
    mapping = net.mapping_of(near)
    conntrack.forget(net.home, mapping)
    with pytest.raises(OSError, match="No such file"):
        conntrack.forget(net.home, mapping)


def test_a_new_address_outside(net: Net) -> None:
    """Old flows are lost from either side; new ones come from the new address, and the routes still stand."""
    near, far = net.pair()
    new = IPv4Interface("198.51.100.77/24")
    neighbour = net.network.namespaces["internet"]
    shown = readdress("access", new, node=net.home, neighbour=neighbour)
    conntrack.forget_flows(net.home)
    assert shown == (str(new),)
    assert not arrives(near, far, within=LOST_AFTER_S)
    assert not arrives(far, near, within=LOST_AFTER_S)
    _, after = net.pair()
    assert after.getpeername()[0] == str(new.ip)
    assert far.getpeername()[0] == NAT


@pytest.mark.parametrize("node", ["home-nat", "internet"])
@pytest.mark.parametrize("direction", ["out", "in"])
def test_a_black_hole_for_one_flow_one_way(net: Net, node: str, direction: str) -> None:
    """Lost one way, silently, before and behind the NAT alike; the other way and the other flow pass; then it mends."""
    near, far = net.pair()
    others = net.pair()
    mapping = net.mapping_of(near)
    ends, remote = (mapping.inside, mapping.outside), mapping.remote
    ways = [(end, remote) if direction == "out" else (remote, end) for end in ends]
    matches = [f"ip saddr {a.host} ip daddr {b.host} tcp sport {a.port} tcp dport {b.port}" for a, b in ways]
    losses = in_transit("hole", net.network.namespaces[node], matches)
    assert losses.rules == len(matches)
    lost, passes = ((near, far), (far, near)) if direction == "out" else ((far, near), (near, far))
    assert arrives(*passes, within=ARRIVES_WITHIN_S)
    assert not arrives(*lost, within=LOST_AFTER_S)
    assert arrives(*others)
    assert arrives(*others[::-1])
    assert losses.end() > 0
    lost[1].settimeout(ARRIVES_WITHIN_S)
    assert lost[1].recv(1)  # retransmitted
    with net.network.entered(node):
        assert "hole" not in nft("list ruleset")


def test_losses_that_are_not_there_are_not_counted(net: Net) -> None:
    """A rule nothing meets loses nothing."""
    losses = in_transit("hole", net.home, ["ip saddr 192.0.2.1"])
    near, far = net.pair()
    assert arrives(near, far)
    assert losses.end() == 0


@pytest.mark.parametrize(("flags", "meets"), [("R", "reset"), ("FA", "fin")])
@pytest.mark.parametrize("victim", ["client", "server"])
def test_a_forged_segment_ends_one_end_of_one_flow(net: Net, flags: str, meets: str, victim: str) -> None:
    """The victim believes it; the other end, the other flow and the middlebox's table do not notice."""
    near, far = net.pair()
    others = net.pair()
    mapping = net.mapping_of(near)
    seq, ack = _sequence_numbers(net, near, far, to=victim)
    link, source, target, own, neighbour = (
        ("lan", mapping.remote, mapping.inside, "10.0.0.1/24", "10.0.0.2/24")
        if victim == "client"
        else ("access", mapping.outside, mapping.remote, "198.51.100.2/24", "198.51.100.1/24")
    )
    segment = Segment(source=source, target=target, flags=flags, seq=seq, ack=ack)
    ends = {"own": IPv4Interface(own).ip, "neighbour": IPv4Interface(neighbour).ip}
    forge(segment, link=link, namespace=net.home, **ends)
    hit, spared = (near, far) if victim == "client" else (far, near)
    assert ends_with(hit) == meets
    assert ends_with(spared) == "open"
    assert net.mapping_of(near).tcp_state == "ESTABLISHED"
    assert arrives(*others)
    assert arrives(*others[::-1])


def test_a_forged_segment_out_of_order_is_ignored(net: Net) -> None:
    """The right sequence number matters (RFC 5961 §3.2): a RST beside it ends nothing."""
    near, far = net.pair()
    mapping = net.mapping_of(near)
    seq, ack = _sequence_numbers(net, near, far, to="client")
    segment = Segment(source=mapping.remote, target=mapping.inside, flags="R", seq=seq + 1, ack=ack)
    ends = {"own": IPv4Interface("10.0.0.1/24").ip, "neighbour": IPv4Interface("10.0.0.2/24").ip}
    forge(segment, link="lan", namespace=net.home, **ends)
    assert ends_with(near) == "open"
    assert arrives(near, far)


@pytest.mark.parametrize("mtu", [400, 1000])
def test_a_narrow_link_loses_what_is_larger_and_nothing_else(net: Net, mtu: int) -> None:
    """A packet of exactly the MTU passes, one byte more is lost, in both directions, without any ICMP."""
    with net.network.entered("server"):
        far = net.opened.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
        far.bind((SERVER, PORT))
    with net.network.entered("client"):
        near = net.opened.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
        near.connect((SERVER, PORT))
    near.send(b"!")
    _, peer = far.recvfrom(1)
    far.connect(peer)
    for sock in (near, far):
        sock.settimeout(LOST_AFTER_S)
    ends = (net.home, net.network.namespaces["internet"])
    losses = drop_large_packets("access", ends, mtu)
    for sender, receiver in ((near, far), (far, near)):
        sender.send(bytes(mtu - 28))  # less IP's and UDP's headers
        assert len(receiver.recv(2000)) == mtu - 28
        sender.send(bytes(mtu - 27))
        with pytest.raises(TimeoutError):
            receiver.recv(2000)
        sender.send(b"?")  # an ICMP error would be told here
        assert receiver.recv(2000) == b"?"
    assert losses.end() == 2
    near.send(bytes(mtu - 27))
    assert len(far.recv(2000)) == mtu - 27


def test_a_silent_address(net: Net) -> None:
    """What is sent to its ports or from them is lost and nobody is told; other ports of it pass; then it mends."""
    near, far = net.pair()
    with net.network.entered("server"):
        other = net.opened.enter_context(socket.create_server((SERVER, PORT + 2)))
    with net.network.entered("client"):
        passes = net.opened.enter_context(socket.create_connection((SERVER, PORT + 2), ARRIVES_WITHIN_S))
    answers = net.opened.enter_context(other.accept()[0])
    ends = (net.network.namespaces["server"], net.network.namespaces["internet"])
    losses = drop_address("core", *ends, address=SERVER, ports=(PORT, PORT + 1))
    assert losses.rules == 2
    for sender, receiver in ((near, far), (far, near)):
        assert not arrives(sender, receiver, within=LOST_AFTER_S)
    assert arrives(passes, answers)
    assert arrives(answers, passes)
    assert losses.end() >= 2
    for receiver in (near, far):
        receiver.settimeout(ARRIVES_WITHIN_S)
        assert receiver.recv(1)  # retransmitted


def test_two_losses_on_a_link_do_not_know_of_each_other(net: Net) -> None:
    """Ending one leaves the other in place."""
    ends = (net.home, net.network.namespaces["internet"])
    near, far = net.pair()
    down, tight = (
        drop_everything("access", ends, name="fault-0"),
        drop_large_packets("access", ends, 500, name="fault-1"),
    )
    assert not arrives(near, far, within=LOST_AFTER_S)
    down.end()
    far.settimeout(ARRIVES_WITHIN_S)
    assert far.recv(1)
    near.send(bytes(1000))
    far.settimeout(LOST_AFTER_S)
    with pytest.raises(TimeoutError):
        far.recv(1000)
    tight.end()


def test_a_client_that_moves(namespaces: None) -> None:
    """Before: one way. After: old flows are lost from either side, new ones come by the other way, the old is dead."""
    topology = read_topology(ROOT / "topologies" / "wifi-and-cellular.yaml", "wifi-and-cellular", [])
    assert topology is not None
    box = Middlebox(name="box")
    network = apply(plan(topology, {"home-nat": box, "carrier": box}))
    client = network.namespaces["client"]
    with network.entered("server"):
        listener = socket.create_server((SERVER, PORT))
    listener.settimeout(ARRIVES_WITHIN_S)
    net = Net(network, listener)
    with net.opened, listener:
        near, far = net.pair()
        assert far.getpeername()[0] == NAT
        old, new = IPv4Interface("10.0.0.2/24"), IPv4Interface("10.64.0.2/24")
        gateway = IPv4Interface("10.64.0.1/24")
        assert source_towards(IPv4Address(SERVER), client) == str(old.ip)
        assert leave("lan", old, namespace=client) == ()
        assert source_towards(IPv4Address(SERVER), client) == ""
        join("cell", new, namespace=client, gateway=gateway)
        assert source_towards(IPv4Address(SERVER), client) == str(new.ip)
        assert not arrives(near, far, within=LOST_AFTER_S)
        assert not arrives(far, near, within=LOST_AFTER_S)
        _, after = net.pair()
        assert after.getpeername()[0] == "192.0.2.2"
    network.close()


def test_who_listens(net: Net) -> None:
    """The ports of a node's own listeners, and of nobody else's."""
    assert listening(net.network.namespaces["server"]) == {PORT}
    assert listening(net.network.namespaces["client"]) == frozenset()


def _sequence_numbers(net: Net, near: socket.socket, far: socket.socket, *, to: str) -> tuple[int, int]:
    """What the victim expects next and what it has sent, read off one exchange on the lan."""
    with net.network.entered("client"):
        watch = net.opened.enter_context(socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(0x0003)))
    watch.settimeout(ARRIVES_WITHIN_S)
    sender, receiver = (far, near) if to == "client" else (near, far)
    receiver.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 1)  # else the sender, spared, would retransmit into it
    assert arrives(sender, receiver)
    port = sender.getsockname()[1] if to == "server" else PORT
    while True:
        packet = watch.recv(2000)
        header = (packet[0] & 0xF) * 4
        tcp = packet[header:]
        length = int.from_bytes(packet[2:4], "big") - header - (tcp[12] >> 4) * 4
        if packet[9] == socket.IPPROTO_TCP and length == 1 and int.from_bytes(tcp[:2], "big") == port:
            return int.from_bytes(tcp[4:8], "big") + 1, int.from_bytes(tcp[8:12], "big")
