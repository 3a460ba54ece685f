"""Faults must fit into the run, and act on things that the topology has."""

from __future__ import annotations

from collections.abc import Sequence
from ipaddress import IPv4Address

from lab.errors import Problem
from lab.loader.check import choice, keys
from lab.loader.kinds import faults
from lab.loader.yaml_lines import Node
from lab.model.fault import BlackHole, ClientMove, DnsChange, Fault, ForgedSegment, Reboot
from lab.model.never import Never, never
from lab.model.scenario import Cell
from lab.model.topology import Link, Role, Topology
from lab.units import Seconds

_ON_THE_WAY = (BlackHole, ForgedSegment)
"""Faults that any node which forwards can do."""


def check_targets(nodes: Sequence[Node], topology: Topology, problems: list[Problem]) -> None:
    """Faults act on nodes and links between client and server.

    It looks at what is written, so that a wrong target is reported beside a wrong time.
    """
    boxes = tuple(node.name for node in topology.nodes if node.role is Role.MIDDLEBOX)
    ways = topology.path(topology.only(Role.CLIENT).name, topology.only(Role.SERVER).name)[1:-1]
    links = tuple(link.name for link in topology.links)
    for written in nodes:
        for kind, cls in faults().items():
            parameters = written.get(kind)
            if parameters is None:
                continue
            targets = {"link": (links, "no such link"), "node": (boxes, "no such middlebox")}
            if cls in _ON_THE_WAY:
                targets["node"] = (ways, "no such node between client and server")
            for key in targets.keys() & keys(cls):
                _one_of(parameters, key, *targets[key], problems)
            if cls is ClientMove and topology.second_access() is None:
                allowed = "a topology whose client has a second link"
                problems.append(written.problem("the client has nowhere to move to", got="", allowed=allowed))
            if cls is Reboot:
                _free_address(parameters, _outside(parameters, topology), problems)
            elif cls is DnsChange:
                _free_address(parameters, topology.server_link(), problems)


def check_faults(
    nodes: Sequence[Node], found: Sequence[Fault | None], ends: Seconds | None, problems: list[Problem]
) -> None:
    """Faults whose moment is known begin before the end."""
    for node, fault in zip(nodes, found, strict=True):
        begins = None if fault is None else fault.at.fixed
        if begins is not None and ends is not None and begins >= ends:
            written = _parameter(node, "at")
            problems.append(written.problem("not before the end of the run", allowed=f"before {ends}"))


def check_possible(written: Sequence[Sequence[Node]], cells: Sequence[Cell], problems: list[Problem]) -> None:
    """Each fault can happen in one of the cells that have it; where it cannot, the cell will be ``unsupported``.

    Args:
        written: for each cell, where its faults stand.
        cells: expanded.
        problems: where problems go.
    """
    reasons: dict[Node, Never] = {}
    possible: set[Node] = set()
    for nodes, cell in zip(written, cells, strict=True):
        never_here = dict(never(cell))
        for number, node in enumerate(nodes):
            if number in never_here:
                reasons.setdefault(node, never_here[number])
            else:
                possible.add(node)
    for node, reason in reasons.items():
        if node not in possible:
            where = _parameter(node, reason.key) if reason.key else node
            got = None if reason.key else ""
            problems.append(where.problem(reason.what, got=got, allowed=reason.allowed))


def _parameter(node: Node, key: str) -> Node:
    """A parameter of a fault, as far as it is written."""
    (parameters,) = node.value.values() if isinstance(node.value, dict) else (node,)
    return parameters.get(key) or node


def _one_of(parameters: Node, key: str, allowed: Sequence[str], what: str, problems: list[Problem]) -> None:
    target = parameters.get(key)
    if target is not None and isinstance(target.value, str) and target.value not in allowed:
        problems.append(target.problem(what, allowed=choice(target.value, allowed)))


def _outside(parameters: Node, topology: Topology) -> Link | None:
    """The link outside of the middlebox that a fault names; None: it names none."""
    node = parameters.get("node")
    boxes = {box.name: box.outside for box in topology.nodes if box.role is Role.MIDDLEBOX}
    return next((link for link in topology.links if node is not None and link.name == boxes.get(str(node.value))), None)


def _free_address(parameters: Node, link: Link | None, problems: list[Problem]) -> None:
    """A new address is one of the same subnet that nobody has."""
    written = parameters.get("address")
    if written is None or link is None:
        return
    (network,) = {address.network for _, address in link.ends}
    taken = {address.ip for _, address in link.ends}
    try:
        address = IPv4Address(written.value)
    except ValueError:
        return  # reported where the value is read
    if address not in network or address in (network.network_address, network.broadcast_address):
        problems.append(written.problem(f"not an address of a host on link `{link.name}`", allowed=f"one in {network}"))
    elif address in taken:
        problems.append(written.problem(f"taken on link `{link.name}`", allowed=f"another one in {network}"))
