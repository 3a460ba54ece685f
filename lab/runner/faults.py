"""What faults do to the network."""

from __future__ import annotations

import asyncio

from lab.model.topology import Topology
from lab.network import conntrack, netns
from lab.network.apply import Network, nft


def forget_flows(network: Network, node: str) -> None:
    """Empty a middlebox's table, as a reboot that keeps its address does; its rules stay."""
    conntrack.forget_flows(network.namespaces[node])


async def link_down(network: Network, topology: Topology, name: str, lasts: float) -> None:
    """Have a link lose everything for ``lasts`` seconds, in both directions.

    Effect: in each node at its ends, until it is deleted again::

        table ip lab_dead_lan { chain dead { type filter hook prerouting priority -450; iifname "lan" drop; } }

    The interfaces stay up: a dead wide-area path tells nobody. Before conntrack (priority -200), so a packet lost here
    refreshes nothing behind it.
    """
    (link,) = (link for link in topology.links if link.name == name)
    table = f"ip lab_dead_{name.replace('-', '_')}"
    rule = f'{{ chain dead {{ type filter hook prerouting priority -450; iifname "{name}" drop; }} }}'
    for node, _ in link.ends:
        with netns.entered(network.namespaces[node]):
            nft(f"table {table} {rule}")
    await asyncio.sleep(lasts)
    for node, _ in link.ends:
        with netns.entered(network.namespaces[node]):
            nft(f"delete table {table}")
