"""Faults must fit into the run, and act on things that the topology has."""

from __future__ import annotations

from collections.abc import Sequence
from ipaddress import IPv4Address

from lab.errors import Problem
from lab.loader.check import choice, keys
from lab.loader.kinds import faults
from lab.loader.yaml_lines import Node
from lab.model.fault import BlackHole, ClientMove, Fault, ForgedSegment
from lab.model.scenario import Server
from lab.model.topology import Role, Topology
from lab.model.when import REFRESH_BEFORE_EXPIRY_S, Event
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
            if kind == "reboot":
                _free_address(parameters, topology, problems)


def check_faults(
    nodes: Sequence[Node],
    found: Sequence[Fault | None],
    servers: Sequence[Server],
    ends: Seconds | None,
    problems: list[Problem],
) -> None:
    """Faults begin before the end, and not before the client has fallen silent, whichever server it is."""
    grants: list[Seconds | None] = [*dict.fromkeys(server.subscription_expires for server in servers)]
    for granted in grants or [None]:
        reported = set(problems)
        checked: list[Problem] = []
        _check_times(nodes, found, granted, ends, checked)
        problems += [problem for problem in checked if problem not in reported]


def _check_times(
    nodes: Sequence[Node],
    found: Sequence[Fault | None],
    granted: Seconds | None,
    ends: Seconds | None,
    problems: list[Problem],
) -> None:
    for node, fault in zip(nodes, found, strict=True):
        if fault is None or ends is None:
            continue
        (parameters,) = node.value.values() if isinstance(node.value, dict) else (node,)
        at = parameters.get("at") or node
        begins = fault.at.fixed
        if fault.at.event is Event.REFRESH_DUE and granted is not None:
            due = float(granted) - REFRESH_BEFORE_EXPIRY_S
            begins = due + fault.at.offset
            if begins < 0:
                what = f"before the client falls silent: the refresh is due at {Seconds(max(0.0, due))}"
                problems.append(at.problem(what, allowed="a moment closer to the refresh"))
        if begins is not None and begins >= ends:
            due_at = "" if fault.at.fixed is not None else f" (it is at {Seconds(begins)})"
            problems.append(at.problem(f"not before the end of the run{due_at}", allowed=f"before {ends}"))


def _one_of(parameters: Node, key: str, allowed: Sequence[str], what: str, problems: list[Problem]) -> None:
    target = parameters.get(key)
    if target is not None and isinstance(target.value, str) and target.value not in allowed:
        problems.append(target.problem(what, allowed=choice(target.value, allowed)))


def _free_address(parameters: Node, topology: Topology, problems: list[Problem]) -> None:
    """A new address is one of the same subnet that nobody has."""
    written, name = parameters.get("address"), parameters.get("node")
    boxes = {node.name: node for node in topology.nodes if node.role is Role.MIDDLEBOX}
    if written is None or name is None or name.value not in boxes:
        return
    (link,) = (link for link in topology.links if link.name == boxes[name.value].outside)
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
