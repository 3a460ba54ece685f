"""What faults do to the network."""

from __future__ import annotations

import asyncio

from lab.model.topology import Topology
from lab.network import conntrack
from lab.network.apply import Network
from lab.network.cut import cut, mend


def forget_flows(network: Network, node: str) -> None:
    """Empty a middlebox's table, as a reboot that keeps its address does; its rules stay."""
    conntrack.forget_flows(network.namespaces[node])


async def link_down(network: Network, topology: Topology, name: str, lasts: float) -> None:
    """Have a link lose everything for ``lasts`` seconds, in both directions; nobody is told."""
    (link,) = (link for link in topology.links if link.name == name)
    (here, _), (there, _) = link.ends
    ends = (network.namespaces[here], network.namespaces[there])
    cut(name, ends)
    await asyncio.sleep(lasts)
    mend(name, ends)
