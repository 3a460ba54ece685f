"""Describes the network: nodes and links; a middlebox is a node."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from ipaddress import IPv4Address, IPv4Interface
from typing import NamedTuple

from lab.model.rules import LinkName, NodeName, Yaml


class Role(str, Enum):
    """The role of a node."""

    CLIENT = "client"
    SERVER = "server"
    ROUTER = "router"
    MIDDLEBOX = "middlebox"
    PROXY = "proxy"
    """It ends the client's TCP connections and opens its own to the server; it forwards nothing."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Node(Yaml):
    """One network stack.

    Attributes:
        name: at most 12 characters of ``[a-z0-9-]``, starting with a letter.
        role: what it is for.
        inside: for a middlebox, the link whose addresses it hides; empty otherwise.
        outside: for a middlebox, the link whose address it shows; empty otherwise.
    """

    name: NodeName
    role: Role
    inside: str = ""
    outside: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Link:
    """A point-to-point wire.

    Attributes:
        name: at most 8 characters of ``[a-z0-9-]``, so that interface names fit the kernel's 15 bytes.
        ends: exactly two (node name, address with prefix) pairs in one subnet.
    """

    name: LinkName
    ends: tuple[tuple[str, IPv4Interface], ...]


class NetworkPath(NamedTuple):
    """A way through the network.

    Attributes:
        nodes: from the client's neighbour to the server.
        links: their names, the client's first.
    """

    nodes: tuple[str, ...]
    links: tuple[str, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Topology:
    """A network: exactly one client, one server, any routers and middleboxes, connected, without loops.

    There may be one proxy, in front of the server.

    The client may have a second link, to another way to the server; it is dead until the client moves there.
    """

    name: str
    nodes: tuple[Node, ...]
    links: tuple[Link, ...]

    def node(self, name: str) -> Node:
        """Return the node of that name (KeyError if there is none)."""
        for node in self.nodes:
            if node.name == name:
                return node
        raise KeyError(name)

    def link(self, name: str) -> Link:
        """Return the link of that name (KeyError if there is none)."""
        for link in self.links:
            if link.name == name:
                return link
        raise KeyError(name)

    def only(self, role: Role) -> Node:
        """Return the one node of a role that occurs once (client, server)."""
        (node,) = (node for node in self.nodes if node.role is role)
        return node

    def front(self) -> Node:
        """Return the node at which the client's connections end: the proxy, if there is one, else the server."""
        proxies = [node for node in self.nodes if node.role is Role.PROXY]
        return proxies[0] if proxies else self.only(Role.SERVER)

    def front_link(self) -> Link:
        """Return the link by which packets reach that node from the client."""
        return self.link_towards(self.front().name, self.only(Role.CLIENT).name)

    def front_address(self) -> IPv4Address:
        """Return the address to which the client connects."""
        return dict(self.front_link().ends)[self.front().name].ip

    def server_addresses(self) -> tuple[str, ...]:
        """Return the address to which the client connects, and the server's own if that is another one."""
        own = self.address(self.only(Role.SERVER).name).ip
        return tuple(dict.fromkeys((str(self.front_address()), str(own))))

    def address(self, node: str) -> IPv4Interface:
        """Return the address of the client or server; of the client, its first one."""
        return next(address for link in self.links for end, address in link.ends if end == node)

    def access_link(self) -> Link:
        """Return the client's first link."""
        return self.client_links()[0]

    def second_access(self) -> Link | None:
        """Return the link to which the client can move."""
        return next(iter(self.client_links()[1:]), None)

    def client_links(self) -> list[Link]:
        """Return the client's links, where cost is counted; its first link comes first."""
        client = self.only(Role.CLIENT).name
        return [link for link in self.links if any(end == client for end, _ in link.ends)]

    def server_link(self) -> Link:
        """Return the one link that ends at the server."""
        server = self.only(Role.SERVER).name
        (link,) = (link for link in self.links if any(end == server for end, _ in link.ends))
        return link

    def way(self, first: Link) -> NetworkPath:
        """Return the path from the client to the server that begins with one of the client's links."""
        server = self.only(Role.SERVER).name
        (start,) = (end for end, _ in first.ends if end != self.only(Role.CLIENT).name)
        nodes = self.path(start, server)
        return NetworkPath(nodes, (first.name, *(self.link_towards(node, server).name for node in nodes[:-1])))

    def path(self, start: str, goal: str) -> tuple[str, ...]:
        """Return the nodes from start to goal, both included; empty if there is no path.

        From the client it is the way that begins with its first link; no way leads through the client.
        """
        return self._path(start, goal, frozenset({self.only(Role.CLIENT).name} - {goal}))

    def link_towards(self, node: str, goal: str) -> Link:
        """Return the link by which a packet leaves ``node`` for ``goal`` (ValueError if there is no path)."""
        _, neighbour, *_ = self.path(node, goal)
        (link,) = (link for link in self.links if {end for end, _ in link.ends} == {node, neighbour})
        return link

    def _path(self, start: str, goal: str, been: frozenset[str]) -> tuple[str, ...]:
        if start == goal:
            return (goal,)
        for link in self.links:
            ends = [end for end, _ in link.ends]
            if start in ends:
                (other,) = (end for end in ends if end != start)
                if other not in been and (rest := self._path(other, goal, been | {start})):
                    return (start, *rest)
        return ()
