"""Makes links delay and lose packets, as the cell says."""

from __future__ import annotations

from collections.abc import Mapping

from lab.model.scenario import Cell


def impair_links(cell: Cell, namespaces: Mapping[str, int]) -> None:
    """Set up all impairments of a cell.

    Args:
        cell: what is run.
        namespaces: a descriptor of each node's network namespace.
    """
    if not cell.impairments:
        return
    from lab.network.netem import impair

    for impairment in cell.impairments:
        between = {impairment.from_, impairment.to}
        (link,) = (link for link in cell.topology.links if {node for node, _ in link.ends} == between)
        impair(namespaces[impairment.from_], link.name, impairment)
