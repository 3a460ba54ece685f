"""Checks that faults fit into the run, and act on parts of the topology."""

from __future__ import annotations

from collections.abc import Sequence

from lab.errors import Problem
from lab.faults.base import Infeasible
from lab.loader.conversion import choice, keys
from lab.loader.one_key_mappings import faults
from lab.loader.yaml_lines import Node
from lab.model.fault import Fault
from lab.model.topology import Role, Topology
from lab.units import Seconds


def check_targets(nodes: Sequence[Node], topology: Topology, problems: list[Problem]) -> set[Node]:
    """Check that faults act on nodes and links between client and server, and fit the network otherwise.

    It looks at what is written, so that a wrong target is reported beside a wrong time.

    Returns: the faults that act on what is not there; no later check may see them.
    """
    refused = set()
    boxes = tuple(node.name for node in topology.nodes if node.role is Role.MIDDLEBOX)
    ways = topology.path(topology.only(Role.CLIENT).name, topology.only(Role.SERVER).name)[1:-1]
    ways = tuple(name for name in ways if topology.node(name).role is not Role.PROXY)  # it forwards nothing
    links = tuple(link.name for link in topology.links)
    for written in nodes:
        for kind, cls in faults().items():
            parameters = written.get(kind)
            if parameters is None:
                continue
            targets = {"link": (links, "no such link"), "node": (ways, "no such node between client and server")}
            if cls.acts_on == "table":
                targets["node"] = (boxes, "no such middlebox")
            if _names_proxy(parameters, topology):
                targets["node"] = (targets["node"][0], "a proxy forwards no packets, so no fault is at its node")
            for key in targets.keys() & keys(cls):
                if not _one_of(parameters, key, *targets[key], problems):
                    refused.add(written)
            if (misfit := cls.misfit(topology, _texts(parameters))) is not None:
                where = parameters.get(misfit.key) or written
                got = None if misfit.key else ""
                problems.append(where.problem(misfit.what, got=got, allowed=misfit.allowed))
    return refused


def check_faults(
    nodes: Sequence[Node], found: Sequence[Fault | None], ends: Seconds | None, problems: list[Problem]
) -> None:
    """Check that faults whose moment is known begin before the end."""
    for node, fault in zip(nodes, found, strict=True):
        begins = None if fault is None else fault.at.fixed
        if begins is not None and ends is not None and begins >= ends:
            written = _parameter(node, "at")
            problems.append(written.problem("not before the end of the run", allowed=f"a time before {ends}"))


def check_possible(
    written: Sequence[Sequence[Node]], infeasible: Sequence[Sequence[tuple[int, Infeasible]]], problems: list[Problem]
) -> None:
    """Check that each fault can happen in one of the cells that have it; where it cannot, the cell is ``unsupported``.

    Args:
        written: for each cell, where its faults stand.
        infeasible: for each cell, which of them can never happen, by their places, and why.
        problems: where problems go.
    """
    reasons: dict[Node, Infeasible] = {}
    possible: set[Node] = set()
    for nodes, never in zip(written, infeasible, strict=True):
        here = dict(never)
        for number, node in enumerate(nodes):
            if number in here:
                reasons.setdefault(node, here[number])
            else:
                possible.add(node)
    for node, reason in reasons.items():
        if node not in possible:
            where = _parameter(node, reason.key) if reason.key else node
            got = None if reason.key else ""
            problems.append(where.problem(reason.what, got=got, allowed=reason.allowed))


def _parameter(node: Node, key: str) -> Node:
    """Return a parameter of a fault, as far as it is written."""
    (parameters,) = node.value.values() if isinstance(node.value, dict) else (node,)
    return parameters.get(key) or node


def _one_of(parameters: Node, key: str, allowed: Sequence[str], what: str, problems: list[Problem]) -> bool:
    target = parameters.get(key)
    if target is None or not isinstance(target.value, str) or target.value in allowed:
        return True
    problems.append(target.problem(what, allowed=choice(target.value, allowed)))
    return False


def _names_proxy(parameters: Node, topology: Topology) -> bool:
    """Return whether a fault names the proxy as its node."""
    target, front = parameters.get("node"), topology.front()
    return target is not None and target.value == front.name and front.role is Role.PROXY


def _texts(parameters: Node) -> dict[str, str]:
    """Return the parameters that are text, by key."""
    written = parameters.value if isinstance(parameters.value, dict) else {}
    return {key: node.value for key, node in written.items() if isinstance(node.value, str)}
