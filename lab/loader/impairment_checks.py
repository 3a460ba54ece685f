"""Checks that impairments lie on links of the topology and fit together."""

from __future__ import annotations

from collections.abc import Sequence

from lab.errors import Problem
from lab.loader.conversion import choice
from lab.loader.yaml_lines import Node
from lab.model.impairment import Impairment
from lab.model.topology import Topology


def check_impairments(
    nodes: Sequence[Node], impairments: Sequence[Impairment | None], topology: Topology, problems: list[Problem]
) -> None:
    """Check that each goes from a node to its neighbour, once per direction."""
    neighbours: dict[str, list[str]] = {node.name: [] for node in topology.nodes}
    for link in topology.links:
        (here, _), (there, _) = link.ends
        neighbours[here].append(there)
        neighbours[there].append(here)
    seen: set[tuple[str, str]] = set()
    for node, impairment in zip(nodes, impairments, strict=True):
        if impairment is None:
            continue
        sender, receiver = impairment.from_, impairment.to
        if sender not in neighbours:
            problems.append((node.get("from") or node).problem("no such node", allowed=choice(sender, neighbours)))
        elif receiver not in neighbours[sender]:
            what = f"not at the other end of a link of {sender}"
            problems.append((node.get("to") or node).problem(what, allowed=choice(receiver, neighbours[sender])))
        elif (sender, receiver) in seen:
            problems.append(node.problem("a second impairment of this direction", allowed="one with all values"))
        seen.add((sender, receiver))
        if impairment.jitter > impairment.one_way_delay:
            allowed = f"at most the one-way-delay, {impairment.one_way_delay}"
            problems.append((node.get("jitter") or node).problem("would let packets arrive early", allowed=allowed))
        if impairment.reorder and not impairment.one_way_delay:
            what = "without a one-way-delay there is nothing to overtake"
            problems.append((node.get("reorder") or node).problem(what, allowed="give a one-way-delay"))
