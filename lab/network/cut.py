"""A link that carries nothing: what arrives at either end is dropped there, and nobody is told.

Not ``ip link set down``: that takes the routes along and tells the sender at once. Capture sees a frame before it is
dropped, so what was sent onto a cut link is in the record.

Effect, at both ends::

    table netdev cut-lan {
        chain arriving {
            type filter hook ingress device "lan" priority filter; policy drop;
        }
    }
"""

from __future__ import annotations

from lab.network import netns
from lab.network.apply import nft


def cut(interface: str, namespaces: tuple[int, int]) -> None:
    """Make the link carry nothing; ``namespaces`` are those of its two ends."""
    hook = f'type filter hook ingress device "{interface}" priority filter; policy drop;'
    _at_both(namespaces, f"table netdev cut-{interface} {{ chain arriving {{ {hook} }}\n}}")


def mend(interface: str, namespaces: tuple[int, int]) -> None:
    """Let a cut link carry again."""
    _at_both(namespaces, f"delete table netdev cut-{interface}")


def _at_both(namespaces: tuple[int, int], commands: str) -> None:
    for namespace in namespaces:
        with netns.entered(namespace):
            nft(commands)
