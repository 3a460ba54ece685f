"""What happens to the client's own network."""

from __future__ import annotations

import asyncio
from ipaddress import IPv4Interface

from lab.model.fault import ClientMove
from lab.model.topology import Link
from lab.network.cut import cut
from lab.network.move import move as move_node
from lab.network.move import source_towards
from lab.record.events import IpChanged
from lab.runner.faults.effect import Effect, Proof
from lab.runner.stage import Stage

TOLD_WITHIN_S = 10.0
"""pjsip does all of it in one call; it waits for no answer."""


class ClientMoveProof(Proof, frozen=True, kw_only=True):
    """Shows that the client's node has moved.

    Attributes:
        rules: that cut the old link.
        left: addresses still there; there must be none.
        address: the new one, with its prefix.
        source: from which packets to the server now leave.
    """

    rules: int
    left: tuple[str, ...]
    address: str
    source: str


async def move(number: int, fault: ClientMove, stage: Stage) -> Effect:
    """Cut the old link, as when a phone has left the radio's range; then change the address."""
    topology, client = stage.cell.topology, stage.client_node
    first, second = topology.access_link(), topology.second_access()
    assert second is not None  # the loader sees to it
    space = stage.network.namespaces
    (here, _), (there, _) = first.ends
    losses = cut(first.name, (space[here], space[there]), name=f"fault-{number}")
    old, new, gateway = _end(first, client), _end(second, client), _end(second, client, other=True)
    left = move_node((first.name, old), (second.name, new), namespace=space[client], gateway=gateway)
    if fault.told:
        said = stage.expectations.next(IpChanged)
        stage.client.tell("ip-changed")
        if not stage.client_program.tells_new_address:  # what it does with the news is its own affair
            await asyncio.wait({said}, timeout=TOLD_WITHIN_S)
        else:
            await stage.expectations.within(TOLD_WITHIN_S, said, "the client to take note of its new address")
    source = source_towards(topology.address(stage.server_node).ip, space[client])
    return Effect(proof=ClientMoveProof(rules=losses.rules, left=tuple(left), address=str(new), source=source))


def _end(link: Link, node: str, *, other: bool = False) -> IPv4Interface:
    (address,) = (address for end, address in link.ends if (end != node) is other)
    return address
