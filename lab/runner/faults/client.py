"""What happens to the client's own network."""

from __future__ import annotations

import asyncio
from ipaddress import IPv4Interface

from lab.model.fault import ClientMove
from lab.model.topology import Link
from lab.network.cut import cut
from lab.network.move import move as move_node
from lab.network.move import source_towards
from lab.runner.faults.effect import Effect
from lab.runner.stage import Stage

TOLD_WITHIN_S = 10.0
"""pjsip does all of it in one call; it waits for no answer."""


async def move(number: int, fault: ClientMove, stage: Stage) -> Effect:
    """The old link goes dead as when a phone has left the radio's range; then the address changes.

    Proof: ``rules`` on the old link, addresses ``left`` there (none), the ``source`` address of packets to the server,
    which is the new ``address``.
    """
    topology, client = stage.cell.topology, stage.client_node
    first, second = topology.access_link(), topology.second_access()
    assert second is not None  # the loader sees to it
    space = stage.network.namespaces
    (here, _), (there, _) = first.ends
    losses = cut(first.name, (space[here], space[there]), name=f"fault-{number}")
    old, new, gateway = _end(first, client), _end(second, client), _end(second, client, other=True)
    left = move_node((first.name, old), (second.name, new), namespace=space[client], gateway=gateway)
    if fault.told:
        said = stage.expectations.next(who="client", ev="ip-changed")
        stage.client.tell("ip-changed")
        if stage.cell.client.is_own:  # what it does with the news is its own affair
            await asyncio.wait({said}, timeout=TOLD_WITHIN_S)
        else:
            await stage.expectations.within(TOLD_WITHIN_S, said, "the client to take note of its new address")
    source = source_towards(topology.address(stage.server_node).ip, space[client])
    proof = {"rules": losses.rules, "left": list(left), "address": str(new), "source": source}
    return Effect(proof=proof)


def _end(link: Link, node: str, *, other: bool = False) -> IPv4Interface:
    (address,) = (address for end, address in link.ends if (end != node) is other)
    return address
