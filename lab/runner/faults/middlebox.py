"""What a middlebox does to its own table."""

from __future__ import annotations

from ipaddress import IPv4Interface

from lab.model.endpoint import Endpoint
from lab.model.fault import EvictFlow, Reboot
from lab.network import conntrack
from lab.network.evict import evict
from lab.network.readdress import readdress
from lab.runner.faults.effect import Effect, Proof
from lab.runner.stage import Stage


class RebootProof(Proof, frozen=True, kw_only=True):
    """Shows that a middlebox has lost its table.

    Attributes:
        node: the middlebox.
        lost: how many mappings there were.
        left: how many of them its table still shows.
        address: the addresses that the kernel shows outside, if they were to change.
    """

    node: str
    lost: int
    left: int
    address: tuple[str, ...]


class EvictFlowProof(Proof, frozen=True, kw_only=True):
    """Shows that a middlebox has forgotten the client's flow.

    Attributes:
        node: the middlebox.
        flow: the server's name for it; None: there is none.
        gone: whether its mapping is gone from the table.
        others: how many mappings stay.
    """

    node: str
    flow: str | None
    gone: bool
    others: int


def reboot(fault: Reboot, stage: Stage) -> Effect:
    """Change the address, if at all, before the table is emptied: nothing may be mapped to the old one afterwards."""
    namespace = stage.network.namespaces[fault.node]
    before = {mapping.number for mapping in conntrack.table(namespace)}
    shown = _readdress(fault, stage) if fault.address is not None else ()
    conntrack.forget_flows(namespace)
    left = before & {mapping.number for mapping in conntrack.table(namespace)}
    return Effect(proof=RebootProof(node=fault.node, lost=len(before), left=len(left), address=shown))


def evict_flow(fault: EvictFlow, stage: Stage) -> Effect:
    """Take the mapping of the client's flow out of the table."""
    flow = stage.flows.current()
    namespace = stage.network.namespaces[fault.node]
    table = conntrack.table(namespace)
    mine = [mapping for mapping in table if flow is not None and _is_of(mapping, flow.proto, flow.endpoints)]
    gone = [evict(namespace, mapping) for mapping in mine]
    return Effect(
        proof=EvictFlowProof(
            node=fault.node,
            flow=flow.id if flow else None,
            gone=bool(gone) and all(gone),
            others=len(table) - len(mine),
        )
    )


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


def _is_of(mapping: conntrack.Mapping, proto: str, endpoints: tuple[Endpoint, ...]) -> bool:
    return mapping.proto == proto and mapping.inside in endpoints and mapping.outside in endpoints
