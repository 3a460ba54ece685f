"""Drops packets in nodes by nft rules, silently and counted, until the rules are removed.

Capture sees a frame before such a rule does, so what was sent into one is in the record.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from lab.network import netns
from lab.network.apply import nft

_COUNTED = re.compile(r"counter packets (\d+) bytes \d+ drop")

LOSE = "counter drop"
"""How each rule ends."""


@dataclass(frozen=True, slots=True)
class DropRules:
    """Rules in place.

    Attributes:
        rules: how many the kernel shows.
    """

    rules: int
    _table: str
    _namespaces: tuple[int, ...]

    def dropped(self) -> int:
        """Return the number of packets lost so far."""
        return sum(sum(_counters(namespace, self._table)) for namespace in self._namespaces)

    def end(self) -> int:
        """Take them away; returns how many packets they have lost."""
        dropped = self.dropped()
        for namespace in self._namespaces:
            with netns.entered(namespace):
                nft(f"delete table {self._table}")
        return dropped


def on_arrival(name: str, interfaces: Mapping[int, str], match: str | Mapping[int, str] = "") -> DropRules:
    """Lose what arrives at interfaces and matches, before the node's IP stack sees it.

    Args:
        name: of the rules; unique among those in place at once.
        interfaces: namespace to the interface's name.
        match: nft conditions, the same in all namespaces or for each its own; empty: everything.
    """
    matches = dict.fromkeys(interfaces, match) if isinstance(match, str) else match
    chains = {
        namespace: f'type filter hook ingress device "{interface}" priority filter; {matches[namespace]} {LOSE};'
        for namespace, interface in interfaces.items()
    }
    return _lose(f"netdev {name}", chains)


def in_transit(name: str, namespace: int, matches: Sequence[str]) -> DropRules:
    """Lose what passes a node and matches any of these conditions, before conntrack sees it."""
    rules = "\n".join(f"{match} {LOSE}" for match in matches)
    return _lose(f"ip {name}", {namespace: f"type filter hook prerouting priority raw;\n{rules}\n"})


def at_node(name: str, namespace: int, spared: Sequence[str]) -> DropRules:
    """Refuse what a node's own programs send, and drop what arrives for them, but for what is spared.

    A program that sends is told (EPERM). What arrives is in the record of the link; what is refused is not.

    Args:
        name: of the rules; unique among those in place at once.
        namespace: of the node.
        spared: nft conditions, of which one is enough. (Two ``!=`` in one rule would not do: nft 1.0.6 makes one
            comparison of neighbouring ports.)
    """
    rules = "".join(f"{condition} accept; " for condition in spared)
    hooks = ("input", "output")
    chains = "".join(f"chain {hook} {{ type filter hook {hook} priority raw; {rules}{LOSE}; }}\n" for hook in hooks)
    return loaded(f"ip {name}", namespace, chains)


def loaded(table: str, namespace: int, chains: str) -> DropRules:
    """Load a table of chains that lose packets, and perhaps do more."""
    with netns.entered(namespace):
        nft(f"table {table} {{\n{chains}}}")
    return DropRules(len(_counters(namespace, table)), table, (namespace,))


def _lose(table: str, chains: Mapping[int, str]) -> DropRules:
    for namespace, chain in chains.items():
        with netns.entered(namespace):
            nft(f"table {table} {{ chain losses {{ {chain} }}\n}}")
    return DropRules(sum(len(_counters(namespace, table)) for namespace in chains), table, tuple(chains))


def _counters(namespace: int, table: str) -> list[int]:
    with netns.entered(namespace):
        return [int(packets) for packets in _COUNTED.findall(nft(f"list table {table}"))]
