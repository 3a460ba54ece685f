"""Shared by faults that give a node a new address."""

from __future__ import annotations

from ipaddress import IPv4Address

from lab.faults.base import Infeasible
from lab.model.topology import Link


def not_free(address: str | None, link: Link) -> Infeasible | None:
    """Say why a new address is not one of a link's subnet that nobody has; None: it is, or it is no address at all."""
    try:
        new = IPv4Address(address)
    except ValueError:
        return None  # reported where the value is read
    (network,) = {taken.network for _, taken in link.ends}
    if new not in network or new in (network.network_address, network.broadcast_address):
        what = f"not an address of a host on link `{link.name}`"
        return Infeasible(what=what, allowed=f"one in {network}", key="address")
    if new in {taken.ip for _, taken in link.ends}:
        return Infeasible(what=f"taken on link `{link.name}`", allowed=f"another one in {network}", key="address")
    return None
