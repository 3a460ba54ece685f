"""Plans the kernel operations that build a topology. Pure.

    client — home NAT — internet — server

Invariants: names, MAC addresses and interface numbers depend on the topology alone; every operation that can be refused
by name or number is checked here, before the first one is carried out. All of it is undone by letting go of the
namespaces (see ``lab.network.apply``), so no operation carries an undo of its own.

Models: point-to-point links that lose what is sent on them without telling anyone. Neighbour entries are therefore
permanent: with ARP at work a dead link becomes "no route to host" at the sender within seconds, which no wide-area path
reports.

Does not model: IPv6 (switched off in every node, so that its own chatter wakes nobody).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Interface, IPv4Network
from itertools import groupby
from types import MappingProxyType

from lab.errors import LabFault
from lab.model.middlebox import Middlebox
from lab.model.topology import Link, Node, Role, Topology
from lab.network.nft import conntrack_settings, rule_set

INTERFACE_BYTES = 15  # IFNAMSIZ (linux/if.h) less the closing zero
RESERVED = ("lo", "all", "default")  # what a namespace has already, and the names of net.ipv4.conf
FIRST_INDEX = 101  # above every interface a kernel puts into a new namespace by itself


@dataclass(frozen=True, kw_only=True, slots=True)
class MakeNamespace:
    """A network stack of its own for a node."""

    node: str

    def __str__(self) -> str:
        return "namespace"


@dataclass(frozen=True, kw_only=True, slots=True)
class LinkEnd:
    """One end of a veth pair. The interface is named after the link; ``index`` is its number."""

    node: str
    index: int
    interface: str
    mac: str

    def __str__(self) -> str:
        return f"{self.node}/{self.interface} {self.index} {self.mac}"


@dataclass(frozen=True, kw_only=True, slots=True)
class MakeLink:
    """A veth pair whose two ends are made where they belong.

    Their numbers differ: the kernel's link watch takes ends of the same number for one that may wait, up to a second
    (``linkwatch_urgent_event``).
    """

    node: str
    ends: tuple[LinkEnd, LinkEnd]

    def __str__(self) -> str:
        return "link " + " — ".join(str(end) for end in self.ends)


@dataclass(frozen=True, kw_only=True, slots=True)
class NoOffloads:
    """Segments leave as they travel: no TSO, GSO, GRO, and checksums filled in."""

    node: str
    interface: str

    def __str__(self) -> str:
        return f"no offloads on {self.interface}"


@dataclass(frozen=True, kw_only=True, slots=True)
class AddAddress:
    """An address with its prefix."""

    node: str
    index: int
    address: IPv4Interface

    def __str__(self) -> str:
        return f"address {self.address} on {self.index}"


@dataclass(frozen=True, kw_only=True, slots=True)
class AddNeighbour:
    """The other end's MAC address, for ever."""

    node: str
    index: int
    address: IPv4Address
    mac: str

    def __str__(self) -> str:
        return f"neighbour {self.address} is {self.mac} on {self.index}"


@dataclass(frozen=True, kw_only=True, slots=True)
class SetUp:
    """An interface comes up."""

    node: str
    index: int

    def __str__(self) -> str:
        return f"up {self.index}"


@dataclass(frozen=True, kw_only=True, slots=True)
class AddRoute:
    """A route through a neighbour."""

    node: str
    destination: IPv4Network
    gateway: IPv4Address

    def __str__(self) -> str:
        return f"route {self.destination} through {self.gateway}"


@dataclass(frozen=True, kw_only=True, slots=True)
class SetSysctl:
    """A kernel setting of the node.

    Attributes:
        key: below ``/proc/sys``, with slashes.
        optional: whether a kernel without it is as good.
    """

    node: str
    key: str
    value: int
    optional: bool = False

    def __str__(self) -> str:
        return f"set {self.key} = {self.value}" + (" if there" if self.optional else "")


@dataclass(frozen=True, kw_only=True, slots=True)
class LoadRules:
    """An nft rule set, in one transaction. Loading it also brings conntrack, and with it conntrack's settings."""

    node: str
    rules: str

    def __str__(self) -> str:
        return "rules\n" + self.rules.rstrip().replace("\t", "    ")


Operation = MakeNamespace | MakeLink | NoOffloads | AddAddress | AddNeighbour | SetUp | AddRoute | SetSysctl | LoadRules
"""Closed union, in no particular order; each names the node it happens in."""


def plan(
    topology: Topology,
    middleboxes: Mapping[str, Middlebox],
    *,
    further: Mapping[str, Sequence[IPv4Address]] = MappingProxyType({}),
) -> tuple[Operation, ...]:
    """Return the operations that build a topology, in order.

    Args:
        topology: connected, without loops.
        middleboxes: the behavior of each middlebox node, by its name.
        further: addresses that a node has beside its own on each link in whose subnet they are, by its name.

    Raises:
        LabFault: a name the kernel would refuse, or a timeout conntrack cannot count.
    """
    return (
        *(MakeNamespace(node=node.name) for node in topology.nodes),
        *(op for node in topology.nodes for op in _settings(node)),
        *(
            op
            for node in topology.nodes
            if node.role is Role.MIDDLEBOX
            for op in _nat(topology, node, middleboxes[node.name])
        ),
        *(
            op
            for number, link in enumerate(topology.links)
            for op in _wire(topology, link, FIRST_INDEX + 2 * number, further)
        ),
        *(SetUp(node=node.name, index=1) for node in topology.nodes),
        *(op for node in topology.nodes for op in _routes(topology, node)),
    )


def render(operations: tuple[Operation, ...]) -> str:
    """Return the plan as text: one operation a line, under its node."""
    out: list[str] = []
    for node, group in groupby(operations, key=lambda operation: operation.node):
        out.append(node)
        out += [f"    {line}" for operation in group for line in str(operation).splitlines()]
    return "\n".join(out) + "\n"


def interface(link: Link) -> str:
    """Return the name of a link's interface, the same at both ends.

    Raises:
        LabFault: the kernel would refuse it.
    """
    if len(link.name.encode()) > INTERFACE_BYTES or link.name in RESERVED:
        raise LabFault(f"plan link {link.name}", detail="not a possible interface name")
    return link.name


def mac(address: IPv4Address) -> str:
    """Return a readable, locally administered MAC address: ``02:00`` and the four bytes of the address."""
    return ":".join(f"{byte:02x}" for byte in (2, 0, *address.packed))


def _settings(node: Node) -> Iterator[Operation]:
    for scope in ("all", "default"):
        yield SetSysctl(node=node.name, key=f"net/ipv6/conf/{scope}/disable_ipv6", value=1, optional=True)
    forwards = node.role in (Role.ROUTER, Role.MIDDLEBOX)
    yield SetSysctl(node=node.name, key="net/ipv4/ip_forward", value=int(forwards))  # a new namespace copies the host's


def _nat(topology: Topology, node: Node, box: Middlebox) -> Iterator[Operation]:
    (shown,) = (
        address
        for link in topology.links
        for end, address in link.ends
        if (link.name, end) == (node.outside, node.name)
    )
    rules = rule_set(box, inside=node.inside, outside=node.outside, address=shown.ip)
    yield LoadRules(node=node.name, rules=rules)
    for key, value in conntrack_settings(box):
        yield SetSysctl(node=node.name, key=f"net/netfilter/{key}", value=value)


def _wire(
    topology: Topology, link: Link, first: int, further: Mapping[str, Sequence[IPv4Address]]
) -> Iterator[Operation]:
    """Plan a link; the client has no address on its second one until it moves there."""
    without = topology.only(Role.CLIENT).name if link == topology.second_access() else None
    name = interface(link)
    near, far = (
        LinkEnd(node=node, index=first + number, interface=name, mac=mac(address.ip))
        for number, (node, address) in enumerate(link.ends)
    )
    yield MakeLink(node=near.node, ends=(near, far))
    sides = tuple(zip((near, far), (address for _, address in link.ends), strict=True))
    for (end, address), (peer, other) in (sides, sides[::-1]):
        own, others = (
            [more for more in further.get(node, ()) if more in address.network] for node in (end.node, peer.node)
        )
        yield NoOffloads(node=end.node, interface=name)
        if end.node != without:
            yield AddAddress(node=end.node, index=end.index, address=address)
        for more in own:
            yield AddAddress(node=end.node, index=end.index, address=_beside(address, more))
        yield SetUp(node=end.node, index=end.index)
        if end.node == without:
            continue
        for known in (other.ip, *others):
            yield AddNeighbour(node=end.node, index=end.index, address=known, mac=peer.mac)


def _beside(neighbour: IPv4Interface, address: IPv4Address) -> IPv4Interface:
    """Return an address in a neighbour's subnet, as an interface has it."""
    return IPv4Interface((address, neighbour.network.prefixlen))


def _routes(topology: Topology, node: Node) -> Iterator[Operation]:
    links = [link for link in topology.links if any(end == node.name for end, _ in link.ends)]
    if node.role in (Role.CLIENT, Role.SERVER):
        for link in links[:1]:
            yield AddRoute(node=node.name, destination=IPv4Network("0.0.0.0/0"), gateway=_far(link, node.name)[1].ip)
        return
    for link in links:
        neighbour, address = _far(link, node.name)
        for subnet in _beyond(topology, topology.node(neighbour), link):
            yield AddRoute(node=node.name, destination=subnet, gateway=address.ip)


def _beyond(topology: Topology, node: Node, came_by: Link) -> Iterator[IPv4Network]:
    """Return the subnets behind ``node``, seen from ``came_by``.

    A middlebox hides its inside from its outside, and nothing goes through a proxy.
    """
    if node.role in (Role.CLIENT, Role.PROXY) or (node.role is Role.MIDDLEBOX and came_by.name == node.outside):
        return
    for link in topology.links:
        if link is not came_by and any(end == node.name for end, _ in link.ends):
            neighbour, address = _far(link, node.name)
            yield address.network
            yield from _beyond(topology, topology.node(neighbour), link)


def _far(link: Link, node: str) -> tuple[str, IPv4Interface]:
    (other,) = ((end, address) for end, address in link.ends if end != node)
    return other
