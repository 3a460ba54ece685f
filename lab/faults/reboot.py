"""Reboots a middlebox."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from ipaddress import IPv4Interface

import msgspec

from lab.faults._addresses import not_free
from lab.faults._tables import harm_of_forgetting
from lab.faults.base import ActiveFault, Fault, FaultImpact, Infeasible, LostProbe, Occurrence, RunningCell, WideEffect
from lab.model.rules import HostAddress, OfNode
from lab.model.scenario import Cell
from lab.model.topology import Role, Topology
from lab.model.verdict import CauseKind
from lab.network import conntrack, netns
from lab.network.address_change import readdress
from lab.network.apply import nft
from lab.network.nft import rule_set

LOST_TABLE = CauseKind("middlebox-lost-table", "Fault: the middlebox rebooted, its table is empty.")
NEW_ADDRESS = CauseKind(
    "middlebox-new-address", "Fault: the middlebox rebooted and came back with another address outside."
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Reboot(Fault):
    """A middlebox reboots in no time: its table is lost, its rules stay.

    Attributes:
        address: the address outside with which it comes back, in the same subnet; None: the one it has then.
    """

    class Proof(msgspec.Struct, frozen=True, kw_only=True):
        """The middlebox's table in the kernel before and after.

        Attributes:
            node: the middlebox.
            lost: how many mappings were there.
            left: how many of them still are.
            address: the addresses outside afterwards, with prefix length, if they were to change.
        """

        node: str
        lost: int
        left: int
        address: tuple[str, ...]

    order = 10
    acts_on = "table"
    only_forgets = True
    causes = (LOST_TABLE, NEW_ADDRESS)

    node: OfNode
    address: HostAddress | None = None

    @classmethod
    def misfit(cls, topology: Topology, written: Mapping[str, str]) -> Infeasible | None:
        """See `Fault`."""
        outside = {node.name: node.outside for node in topology.nodes if node.role is Role.MIDDLEBOX}
        link = outside.get(written.get("node", ""))
        return None if link is None else not_free(written.get("address"), topology.link(link), of=written["node"])

    def infeasible(self, cell: Cell) -> Infeasible | None:
        """See `Fault`."""
        node = cell.topology.node(self.node)
        if node.role is not Role.MIDDLEBOX:
            return None  # reported where the node is read
        first = {str(address.ip) for end, address in cell.topology.link(node.outside).ends if end == self.node}
        reboots = [fault for fault in cell.faults if isinstance(fault, Reboot) and fault.node == self.node]
        if {fault.address for fault in reboots if fault.address} <= first and self.address:
            return Infeasible(what="the address it has", allowed="use another one, or none", key="address")
        return None

    def begin(self, number: int, cell: RunningCell) -> ActiveFault:
        """See `Fault`. The address changes first: nothing may be mapped to the old one afterwards."""
        namespace = cell.namespaces[self.node]
        before = {mapping.number for mapping in conntrack.table(namespace)}
        shown = () if self.address is None else self._readdress(self.address, cell)
        conntrack.forget_flows(namespace)
        left = before & {mapping.number for mapping in conntrack.table(namespace)}
        return ActiveFault(proof=self.Proof(node=self.node, lost=len(before), left=len(left), address=shown))

    def _readdress(self, address: str, cell: RunningCell) -> tuple[str, ...]:
        """Give it the address, and rules that know it."""
        topology, spaces = cell.cell.topology, cell.namespaces
        box = topology.node(self.node)
        link = topology.link(box.outside)
        ((_, first),) = (end for end in link.ends if end[0] == self.node)
        ((other, _),) = (end for end in link.ends if end[0] != self.node)
        new = IPv4Interface(f"{address}/{first.network.prefixlen}")
        shown = readdress(link.name, new, node=spaces[self.node], neighbour=spaces[other])
        behavior = dict(cell.cell.middleboxes)[self.node]
        rules = rule_set(behavior, inside=box.inside, outside=box.outside, address=new.ip)
        with netns.entered(spaces[self.node]):
            nft(f"delete table ip lab\n{rules}")
        return shown

    def missing(self, seen: Occurrence[Proof]) -> str:
        """See `Fault`."""
        proof = seen.proof
        if not proof.lost and self.address is None:
            return "its table was empty before"
        if proof.left:
            return f"{proof.left} of {proof.lost} mappings are still there"
        if self.address is not None and [shown.partition("/")[0] for shown in proof.address] != [self.address]:
            return f"its address is {', '.join(proof.address) or 'unchanged'}"
        return ""

    def nothing_left(self, seen: Occurrence[Proof]) -> bool:
        """See `Fault`."""
        return not seen.proof.lost and self.address is None

    @property
    def wide_effect(self) -> WideEffect:
        """See `Fault`."""
        return WideEffect(empties_table=self.node, new_address=self.address or "")

    @property
    def cause(self) -> CauseKind:
        """See `Fault`."""
        return LOST_TABLE if self.address is None else NEW_ADDRESS

    def words(self) -> str:
        """See `Fault`."""
        did = "lost its table" if self.address is None else f"came back as {self.address}"
        return f"middlebox {self.node} rebooted and {did}"

    def impact(self, seen: Occurrence[Proof], lost: LostProbe) -> FaultImpact | None:
        """See `Fault`."""
        return harm_of_forgetting(seen, lost, self.node)
