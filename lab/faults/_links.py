"""Share between faults of links: what proves rules in place, and which links a flow crosses."""

from __future__ import annotations

import msgspec

from lab.record.evidence import Evidence
from lab.record.flows import Flow


class LinkRules(msgspec.Struct, frozen=True, kw_only=True):
    """The link, and how many rules the kernel shows at its ends."""

    link: str
    rules: int


def rules_missing(rules: int, *, wanted: int) -> str:
    """Say that there are fewer rules than wanted; empty if there are enough."""
    return "" if rules >= wanted else f"{rules} rules in place instead of {wanted}"


def links_of(evidence: Evidence, flow: Flow) -> set[str]:
    """Return the links a flow crosses, by the network the client's end of it is in."""
    topology = evidence.cell.topology
    for link in topology.client_links():
        ends = dict(link.ends)
        if str(ends[evidence.client].ip) == flow.inside.host:
            (start,) = (end for end in ends if end != evidence.client)
            nodes = topology.path(start, evidence.server)
            return {link.name, *(topology.link_towards(node, evidence.server).name for node in nodes[:-1])}
    return set()
