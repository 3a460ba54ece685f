"""Helps faults of links: proof of their rules, and links that a flow crosses."""

from __future__ import annotations

from ipaddress import IPv4Address

import msgspec

from lab.faults.base import RunningCell
from lab.record.evidence import Evidence
from lab.record.flows import Flow


class LinkRules(msgspec.Struct, frozen=True, kw_only=True):
    """The rules at the two ends of a link.

    Attributes:
        link: its name.
        rules: how many the kernel shows.
        lasts: seconds; None: until the end of the run.
    """

    link: str
    rules: int
    lasts: float | None


BOTH_ENDS = 2
"""How many rules there are: one at each end."""


def ends_of(cell: RunningCell, link: str) -> tuple[int, int]:
    """Return the namespaces of the nodes at the ends of a link."""
    here, there = (cell.namespaces[node] for node, _ in cell.cell.topology.link(link).ends)
    return here, there


def links_of(evidence: Evidence, flow: Flow) -> set[str]:
    """Return the links that a flow crosses: the client's end of it tells on which of its links the client is."""
    topology = evidence.cell.topology
    for link in topology.client_links():
        ends = dict(link.ends)
        if IPv4Address(flow.inside.host) in ends[evidence.client].network:
            return set(topology.way(link).links)
    return set()
