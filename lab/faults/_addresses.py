"""Helps faults that give a node a new address."""

from __future__ import annotations

from ipaddress import IPv4Address

from lab.faults.base import Infeasible
from lab.model.topology import Link


def not_free(address: str | None, link: Link, *, of: str = "") -> Infeasible | None:
    """Say why a new address is not one of a link's subnet that nobody has; None: it is, or it is no address at all.

    Args:
        address: as it is written.
        link: where it is to be.
        of: the node that gets it, if it may have been its own before; empty: it may not.
    """
    try:
        new = IPv4Address(address)
    except ValueError:
        return None  # reported where the value is read
    (network,) = {taken.network for _, taken in link.ends}
    if new not in network or new in (network.network_address, network.broadcast_address):
        what = f"not an address of a host on link `{link.name}`"
        return Infeasible(what=what, allowed=f"one in {network}", key="address")
    if new in {taken.ip for node, taken in link.ends if node != of}:
        return Infeasible(what=f"taken on link `{link.name}`", allowed=f"use another one in {network}", key="address")
    return None
