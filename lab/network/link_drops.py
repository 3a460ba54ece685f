"""Drops packets at both ends of a link, all or some, without telling anybody.

Not ``ip link set down``: that takes the routes along and tells the sender at once. Capture sees a frame before it is
dropped, so what was sent onto a cut link is in the record.

Effect, at both ends::

    table netdev down {
        chain losses {
            type filter hook ingress device "lan" priority filter; policy accept;
            counter drop
        }
    }
"""

from __future__ import annotations

from collections.abc import Sequence

from lab.network.drop_rules import DropRules, on_arrival


def drop_everything(interface: str, namespaces: tuple[int, int], *, name: str = "down") -> DropRules:
    """Make the link carry nothing; ``namespaces`` are those of its two ends, ``name`` tells cuts at once apart."""
    return on_arrival(name, dict.fromkeys(namespaces, interface))


def drop_address(
    interface: str, here: int, there: int, *, address: str, ports: Sequence[int], name: str = "silence"
) -> DropRules:
    """Make an address of one end mute and deaf on some TCP and UDP ports.

    Args:
        interface: the link's name.
        here: the namespace of the end whose address it is.
        there: that of the other end, where what is sent from the address is lost, lest the sender be told.
        address: IPv4.
        ports: of that end.
        name: of the rules; unique among those in place at once.
    """
    some = "{ " + ", ".join(map(str, ports)) + " }"
    to, from_ = (f"ip {which}addr {address} meta l4proto {{ tcp, udp }} th {which}port {some}" for which in "ds")
    return on_arrival(name, {here: interface, there: interface}, {here: to, there: from_})


def drop_large_packets(interface: str, namespaces: tuple[int, int], mtu: int, *, name: str = "narrow") -> DropRules:
    """Make the link lose IPv4 packets of more than ``mtu`` bytes, and the ICMP that asks for smaller ones."""
    return on_arrival(name, dict.fromkeys(namespaces, interface), f"ip length > {mtu}")
