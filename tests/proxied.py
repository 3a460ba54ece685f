"""Makes records of a cell with a proxy: client —lan— home-nat —core— proxy —back— server. See ``tests.records``."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import IPv4Interface

from lab.loader import catalog
from lab.model.endpoint import Endpoint
from lab.model.scenario import Cell
from lab.model.topology import Link, Node, Role, Topology
from lab.record.events import TIMEOUT, ProxyConnection
from lab.record.proxy_events import ProxyParty
from tests.records import ACCEPTED, HOME, OUTSIDE, REMOTE, Line, cell, changed, flow_set_up, say

PROXY = "proxy"
OWN, BEHIND = Endpoint("192.0.2.1", 50308), Endpoint("192.0.2.10", 5061)
"""The two ends of the connection between proxy and server; the client's ends at `REMOTE`."""

PROXIED = Topology(
    name="home-nat-proxy",
    nodes=(*HOME.nodes, Node(name=PROXY, role=Role.PROXY)),
    links=(
        HOME.link("lan"),
        Link(
            name="core", ends=(("home-nat", IPv4Interface("203.0.113.1/24")), (PROXY, IPv4Interface("203.0.113.10/24")))
        ),
        Link(name="back", ends=((PROXY, IPv4Interface("192.0.2.1/24")), ("server", IPv4Interface("192.0.2.10/24")))),
    ),
)

PAIR = ProxyConnection(id="1", state="connected", client=OUTSIDE, front=REMOTE, own=OWN)


def proxied(timeout: float | None = None) -> Cell:
    """A cell with haproxy; ``timeout``: when its middlebox forgets."""
    return replace(cell(timeout=timeout), topology=PROXIED, proxy=catalog.proxy("haproxy-default"))


def joined() -> list[Line]:
    """The client's connection through the proxy, and its subscription on it."""
    lines = [each for each in flow_set_up() if each != ACCEPTED]
    return [*lines, say(-0.45, PROXY, PAIR), changed(ACCEPTED, peer=OWN, own=BEHIND)]


def ended(t: float, by: ProxyParty = "proxy", reason: str = TIMEOUT) -> Line:
    """The proxy ends both connections."""
    setting = "timeout client" if reason == TIMEOUT else ""
    return changed(say(t, PROXY, PAIR), state="closed", by=by, reason=reason, setting=setting)
