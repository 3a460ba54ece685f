"""What a middlebox does to its own table."""

from __future__ import annotations

from ipaddress import IPv4Interface

from lab.model.fault import EvictFlow, Reboot
from lab.network import conntrack
from lab.network.evict import evict
from lab.network.readdress import readdress
from lab.runner.faults.effect import Effect
from lab.runner.stage import Stage


def reboot(fault: Reboot, stage: Stage) -> Effect:
    """Change the address, if at all, before the table is emptied: nothing may be mapped to the old one afterwards.

    Proof: of the mappings that were there (``lost``), how many the table still shows (``left``); the addresses that the
    kernel shows outside.
    """
    namespace = stage.network.namespaces[fault.node]
    before = {mapping.number for mapping in conntrack.table(namespace)}
    shown = _readdress(fault, stage) if fault.address is not None else ()
    conntrack.forget_flows(namespace)
    left = before & {mapping.number for mapping in conntrack.table(namespace)}
    return Effect(proof={"node": fault.node, "lost": len(before), "left": len(left), "address": list(shown)})


def evict_flow(fault: EvictFlow, stage: Stage) -> Effect:
    """Proof: whether the mapping is gone from the table; ``others`` stay."""
    flow = stage.flows.current()
    namespace = stage.network.namespaces[fault.node]
    table = conntrack.table(namespace)
    mine = [mapping for mapping in table if flow is not None and _is_of(mapping, flow.proto, flow.endpoints)]
    gone = [evict(namespace, mapping) for mapping in mine]
    proof = {"node": fault.node, "flow": flow.id if flow else None, "gone": bool(gone) and all(gone)}
    return Effect(proof={**proof, "others": len(table) - len(mine)})


def _readdress(fault: Reboot, stage: Stage) -> tuple[str, ...]:
    topology = stage.cell.topology
    outside = topology.node(fault.node).outside
    (link,) = (link for link in topology.links if link.name == outside)
    ((_, old),) = (end for end in link.ends if end[0] == fault.node)
    ((other, _),) = (end for end in link.ends if end[0] != fault.node)
    return readdress(
        outside,
        old,
        IPv4Interface(f"{fault.address}/{old.network.prefixlen}"),
        node=stage.network.namespaces[fault.node],
        neighbour=stage.network.namespaces[other],
    )


def _is_of(mapping: conntrack.Mapping, proto: str, endpoints: tuple[str, ...]) -> bool:
    return mapping.proto == proto and mapping.inside in endpoints and mapping.outside in endpoints
