"""Reads topology files, and checks that the lab can build the network."""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import IPv4Network
from itertools import combinations
from pathlib import Path

from lab.errors import Problem
from lab.loader.conversion import build, choice, ruled, unknown_key
from lab.loader.text_file import read_text
from lab.loader.yaml_lines import Node as Written
from lab.loader.yaml_lines import read_yaml, shown
from lab.model.rules import LONGEST_LINK, check_address, check_name
from lab.model.topology import Link, Node, Role, Topology
from lab.record.writer import RUNNER

INSIDE = (IPv4Network("10.0.0.0/8"), IPv4Network("100.64.0.0/10"))
"""RFC 1918, and RFC 6598 for the network between a home's NAT and the carrier's. Not 192.168/16 or 172.16/12: those are
what the machine that runs the lab is likely to use itself."""
OUTSIDE = tuple(IPv4Network(net) for net in ("192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24"))
"""RFC 5737: never routed, so a packet that escapes harms nobody; not private, because pjsip rewrites its Contact
differently when it sees private addresses."""


@dataclass(slots=True)
class _Draft:
    """The readable parts of a topology file, each with its place."""

    file: Written
    nodes: dict[str, Node]
    links: dict[str, Link]
    places: dict[str, Written]

    def at(self, node: str) -> list[str]:
        """Return the names of the links of a node."""
        return [link.name for link in self.links.values() if any(end == node for end, _ in link.ends)]


def read_topology(path: Path, name: str, problems: list[Problem]) -> Topology | None:
    """Read and check a topology file.

    Args:
        path: the file; the topology is called as it is.
        name: what the user calls it.
        problems: where problems go.

    Returns: None if there were problems.
    """
    before = len(problems)
    text = read_text(path, name, problems)
    root = None if text is None else read_yaml(text, name, problems)
    if root is None:
        return None
    draft = _read(root, problems)
    if len(problems) == before:
        for rule in (_roles, _attachments, _sides, _subnets, _tree):
            rule(draft, problems)
    if len(problems) == before:
        _addresses(draft, problems)
    if len(problems) > before:
        return None
    topology = Topology(name=path.stem, nodes=tuple(draft.nodes.values()), links=tuple(draft.links.values()))
    _proxied(topology, draft, problems)
    return topology if len(problems) == before else None


def _read(root: Written, problems: list[Problem]) -> _Draft:
    draft = _Draft(root, {}, {}, {})
    sections = root.value if isinstance(root.value, dict) else {}
    for key, section in sections.items():
        if key not in ("nodes", "links"):
            problems.append(unknown_key(section, ("nodes", "links")))
        elif not isinstance(section.value, dict):
            problems.append(section.problem("not a mapping", allowed="name: …"))
    absent = [key for key in ("nodes", "links") if key not in sections]
    problems += [Problem(root.file, 0, key, "missing", allowed="a mapping of names") for key in absent]
    for name, entry in _entries(root.get("nodes")):
        draft.places[f"nodes.{name}"] = entry
        if name == RUNNER:
            taken = f"use another name; in records `{RUNNER}` is the lab itself"
            problems.append(entry.problem("a name that is taken", got=shown(name), allowed=taken))
        node = build(Node, entry, problems, given={"name": name})
        if node is not None:
            draft.nodes[name] = node
    for name, entry in _entries(root.get("links")):
        draft.places[f"links.{name}"] = entry
        link = _link(name, entry, problems)
        if link is not None:
            draft.links[name] = link
    return draft


def _entries(section: Written | None) -> list[tuple[str, Written]]:
    return list(section.value.items()) if section is not None and isinstance(section.value, dict) else []


def _link(name: str, entry: Written, problems: list[Problem]) -> Link | None:
    before = len(problems)
    ruled(check_name, name, entry, problems, longest=LONGEST_LINK)
    ends = _entries(entry)
    if len(ends) != 2:
        problems.append(entry.problem("not two ends", allowed="two `node: address/prefix`"))
    read = [(node, ruled(check_address, address.value, address, problems)) for node, address in ends]
    addresses = tuple((node, address) for node, address in read if address is not None)
    return Link(name=name, ends=addresses) if len(problems) == before else None


def _roles(draft: _Draft, problems: list[Problem]) -> None:
    for role in (Role.CLIENT, Role.SERVER):
        names = [node.name for node in draft.nodes.values() if node.role is role]
        if len(names) != 1:
            where = draft.places[f"nodes.{names[1]}"] if names else draft.file
            got = ", ".join(names) if names else "none"
            problems.append(where.problem(f"not exactly one {role.value}", got=got, allowed="one node of that role"))
    proxies = [node.name for node in draft.nodes.values() if node.role is Role.PROXY]
    if len(proxies) > 1:
        where = draft.places[f"nodes.{proxies[1]}"]
        problems.append(where.problem("several proxies", got=", ".join(proxies), allowed="one node of that role"))


def _attachments(draft: _Draft, problems: list[Problem]) -> None:
    """Check that each end is a node, and that each node is on as many links as its role can use."""
    for link in draft.links.values():
        for end, _ in link.ends:
            if end not in draft.nodes:
                place = draft.places[f"links.{link.name}"].get(end) or draft.file
                problems.append(place.problem("unknown node", got="", allowed=choice(end, draft.nodes)))
    for node in draft.nodes.values():
        links = draft.at(node.name)
        wanted = {Role.CLIENT: 1, Role.SERVER: 1, Role.MIDDLEBOX: 2, Role.PROXY: 2}.get(node.role)
        second = node.role is Role.CLIENT and len(links) == 2  # to move to
        if wanted is not None and len(links) != wanted and not second:
            what = f"a {node.role.value} on {len(links)} links"
            allowed = "one, or two if it can move" if node.role is Role.CLIENT else f"exactly {wanted}"
            problems.append(draft.places[f"nodes.{node.name}"].problem(what, got=", ".join(links), allowed=allowed))


def _sides(draft: _Draft, problems: list[Problem]) -> None:
    """Check that middleboxes name their sides, and no other node does."""
    for node in draft.nodes.values():
        place = draft.places[f"nodes.{node.name}"]
        links = draft.at(node.name)
        for side in ("inside", "outside"):
            written = place.get(side)
            if node.role is not Role.MIDDLEBOX:
                if written is not None:
                    problems.append(written.problem("only for a middlebox", allowed="leave it out"))
            elif written is None:
                path = f"{place.path}.{side}"
                problems.append(Problem(place.file, place.line, path, "missing", allowed=f"one of {', '.join(links)}"))
            elif written.value not in links:
                problems.append(written.problem("not a link of this node", allowed=choice(written.text, links)))
        if node.inside and node.inside == node.outside:
            problems.append(place.problem("inside and outside are the same link", got="", allowed="two links"))


def _subnets(draft: _Draft, problems: list[Problem]) -> None:
    """Check that both ends are in one subnet, no address occurs twice, and no subnets overlap."""
    for link in draft.links.values():
        place = draft.places[f"links.{link.name}"]
        (_, one), (_, other) = link.ends
        if one.network != other.network:
            given = f"{one.network} and {other.network}"
            problems.append(place.problem("its ends are in different subnets", got=given, allowed="one subnet"))
        elif one.ip == other.ip:
            problems.append(place.problem("both ends have the same address", got=str(one.ip), allowed="two addresses"))
    for one_link, other_link in combinations(draft.links.values(), 2):
        nets = {address.network for _, address in one_link.ends}
        others = {address.network for _, address in other_link.ends}
        if any(one.overlaps(other) for one in nets for other in others):
            place = draft.places[f"links.{other_link.name}"]
            problems.append(
                place.problem(f"overlaps the subnet of link `{one_link.name}`", got="", allowed="subnets apart")
            )


def _tree(draft: _Draft, problems: list[Problem]) -> None:
    """Check that all nodes are connected, each pair by one path only, so that routes are unique."""
    group = {name: name for name in draft.nodes}

    def root(name: str) -> str:
        while group[name] != name:
            name = group[name]
        return name

    clients = {node.name for node in draft.nodes.values() if node.role is Role.CLIENT}
    settled: set[str] = set()
    for link in draft.links.values():
        if any(end not in group for end, _ in link.ends):
            return
        at_client = clients & {end for end, _ in link.ends}
        if at_client & settled:  # the client's second link: it forwards nothing, so it closes no loop
            continue
        settled |= at_client
        one, other = (root(end) for end, _ in link.ends)
        if one == other:
            place = draft.places[f"links.{link.name}"]
            problems.append(place.problem("closes a loop", got="", allowed="one way between any two nodes"))
        group[one] = other
    first = next(iter(draft.nodes), "")
    for name in draft.nodes:
        if root(name) != root(first):
            place = draft.places[f"nodes.{name}"]
            problems.append(place.problem(f"not connected to `{first}`", got="", allowed="a link that leads there"))


def _addresses(draft: _Draft, problems: list[Problem]) -> None:
    """Check for private addresses behind a middlebox and documentation addresses elsewhere; the server is outside."""
    hidden: set[str] = set()
    for node in draft.nodes.values():
        if node.role is Role.MIDDLEBOX:
            behind = _reached(draft, node.inside, not_through=node.name)
            hidden |= behind
            server = next(n.name for n in draft.nodes.values() if n.role is Role.SERVER)
            if behind & set(draft.at(server)):
                place = draft.places[f"nodes.{node.name}"].get("inside") or draft.file
                problems.append(place.problem("the server would be behind it", allowed="the client's side"))
    for link in draft.links.values():
        inside = link.name in hidden
        allowed = INSIDE if inside else OUTSIDE
        ranges = ", ".join(str(network) for network in allowed)
        why = (
            f"{ranges} behind a middlebox, which real networks around the lab seldom use"
            if inside
            else f"{ranges} outside, which are never routed and which pjsip does not treat as private"
        )
        for end, address in link.ends:
            if not any(address.network.subnet_of(network) for network in allowed):
                place = draft.places[f"links.{link.name}"].get(end) or draft.file
                problems.append(place.problem("an address the lab does not use here", allowed=why))


def _reached(draft: _Draft, link: str, *, not_through: str) -> set[str]:
    """Return the links reached from a link without crossing a node."""
    reached: set[str] = set()
    open_links = [link]
    while open_links:
        name = open_links.pop()
        if name in reached:
            continue
        reached.add(name)
        for end, _ in draft.links[name].ends:
            if end != not_through and draft.nodes[end].role is not Role.CLIENT:
                open_links += draft.at(end)
    return reached


def _proxied(topology: Topology, draft: _Draft, problems: list[Problem]) -> None:
    """Check that a proxy is on each way to the server, with no middlebox behind it."""
    front = topology.front()
    if front.role is not Role.PROXY:
        return
    place = draft.places[f"nodes.{front.name}"]
    if any(front.name not in topology.way(link).nodes for link in topology.client_links()):
        problems.append(place.problem("a proxy beside the way", got="", allowed="between client and server"))
        return
    behind = topology.path(front.name, topology.only(Role.SERVER).name)
    boxes = [name for name in behind if topology.node(name).role is Role.MIDDLEBOX]
    if boxes:
        allowed = "the client's side of the proxy"
        where = draft.places[f"nodes.{boxes[0]}"]
        problems.append(where.problem("a middlebox between proxy and server", got="", allowed=allowed))
