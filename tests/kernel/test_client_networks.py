"""Has a node on two networks, in a real kernel: which way its packets go, and what becomes of its connections."""

from __future__ import annotations

import errno
import socket
from collections.abc import Iterator
from contextlib import ExitStack
from ipaddress import IPv4Address, IPv4Interface
from pathlib import Path

import pytest

from lab.loader.topologies import read_topology
from lab.model.middlebox import Middlebox
from lab.network.address_change import addresses, know_neighbour
from lab.network.apply import Network, apply
from lab.network.link_change import join, keep_way, leave, set_mtu, source_towards
from lab.network.plan import plan
from lab.network.reclaimed_sockets import reclaim

pytestmark = [pytest.mark.kernel, pytest.mark.usefixtures("namespaces")]

ROOT = Path(__file__).parents[2]
LAN, CELL = IPv4Interface("10.0.0.2/24"), IPv4Interface("10.64.0.2/24")
HOME, CARRIER = IPv4Interface("10.0.0.1/24"), IPv4Interface("10.64.0.1/24")
SERVER, PORT, SPARED = "203.0.113.10", 5062, 5099
WITHIN_S, LOST_AFTER_S = 2.0, 0.5  # as in tests/kernel/test_faults.py


class Phone:
    """A client with two ways to a server."""

    def __init__(self) -> None:
        topology = read_topology(ROOT / "topologies" / "wifi-and-cellular.yaml", "wifi-and-cellular", [])
        assert topology is not None
        box = Middlebox(name="box")
        self.network: Network = apply(plan(topology, {"home-nat": box, "carrier": box}))
        self.node, self.home = self.network.namespaces["client"], self.network.namespaces["home-nat"]
        self.opened = ExitStack()
        with self.network.entered("server"):
            made = {port: socket.create_server((SERVER, port)) for port in (PORT, SPARED)}
        self.listeners = {port: self.opened.enter_context(sock) for port, sock in made.items()}

    def connect(self, port: int = PORT) -> tuple[socket.socket, socket.socket]:
        """A TCP connection: the client's end, the server's end."""
        with self.network.entered("client"):
            near = socket.create_connection((SERVER, port), timeout=WITHIN_S)
        far, _ = self.listeners[port].accept()
        return self.opened.enter_context(near), self.opened.enter_context(far)

    def source(self) -> str:
        return source_towards(IPv4Address(SERVER), self.node)


@pytest.fixture
def phone(namespaces: None) -> Iterator[Phone]:
    phone = Phone()
    with phone.opened:
        yield phone
    phone.network.close()


def arrives(sender: socket.socket, receiver: socket.socket, *, within: float = WITHIN_S) -> bool:
    """Whether a byte gets from one end to the other."""
    sender.send(b"?")
    receiver.settimeout(within)
    try:
        return bool(receiver.recv(1))
    except TimeoutError:
        return False


def test_two_networks_at_once(phone: Phone) -> None:
    """What is on the old one stays there until it is left; what is new goes over the new one; then it can go back."""
    near, far = phone.connect()
    keep_way(LAN, namespace=phone.node, gateway=HOME)
    join("cell", CELL, namespace=phone.node, gateway=CARRIER)
    assert phone.source() == "10.64.0.2"
    assert arrives(near, far)
    assert arrives(far, near)
    new_near, new_far = phone.connect()
    assert new_far.getpeername()[0] == "192.0.2.2"
    assert leave("lan", LAN, namespace=phone.node, kept_way=True) == ()
    assert not arrives(near, far, within=LOST_AFTER_S)
    assert arrives(new_near, new_far)
    assert leave("cell", CELL, namespace=phone.node) == ()
    assert phone.source() == ""
    join("lan", LAN, namespace=phone.node, gateway=HOME)
    assert phone.source() == "10.0.0.2"
    far.settimeout(WITHIN_S)
    assert far.recv(1)  # retransmitted


def test_another_address_of_the_link(phone: Phone) -> None:
    """Connections of the old one are lost, new ones come through."""
    new = IPv4Interface("10.0.0.7/24")
    near, far = phone.connect()
    leave("lan", LAN, namespace=phone.node)
    know_neighbour("lan", new.ip, node=phone.node, neighbour=phone.home)
    join("lan", new, namespace=phone.node, gateway=HOME)
    assert addresses("lan", phone.node) == ("10.0.0.7/24",)
    assert not arrives(far, near, within=LOST_AFTER_S)
    assert arrives(*phone.connect())


def test_the_system_closes_connections(phone: Phone) -> None:
    """Those of one address, but not to the port that is spared, and no listener."""
    near, far = phone.connect()
    spared_near, spared_far = phone.connect(SPARED)
    with phone.network.entered("client"):
        listener = socket.create_server(("0.0.0.0", 7))
    assert reclaim(phone.node, spared=SPARED, source=CELL.ip).tcp == 0
    assert arrives(near, far)
    assert reclaim(phone.node, spared=SPARED, source=LAN.ip).tcp == 1
    with pytest.raises(OSError, match="abort") as raised:
        near.send(b"?")
    assert raised.value.errno in (errno.ECONNABORTED, errno.EPIPE)
    assert arrives(spared_near, spared_far)
    assert listener.fileno() > 0
    listener.close()


def test_the_size_of_packets(phone: Phone) -> None:
    """The kernel shows what it was told."""
    assert set_mtu("lan", 1300, namespace=phone.node) == 1300
