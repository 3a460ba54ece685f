"""A link that carries nothing, or not everything: what arrives at either end is dropped there, and nobody is told.

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

from lab.network.losses import Losses, on_arrival


def cut(interface: str, namespaces: tuple[int, int], *, name: str = "down") -> Losses:
    """Make the link carry nothing; ``namespaces`` are those of its two ends, ``name`` tells cuts at once apart."""
    return on_arrival(name, dict.fromkeys(namespaces, interface))


def narrow(interface: str, namespaces: tuple[int, int], mtu: int, *, name: str = "narrow") -> Losses:
    """Make the link lose IPv4 packets of more than ``mtu`` bytes, and the ICMP that asks for smaller ones."""
    return on_arrival(name, dict.fromkeys(namespaces, interface), f"ip length > {mtu}")
