"""Moves the client to another network."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from ipaddress import IPv4Interface

import msgspec

from lab.faults._flows import harm_if_older
from lab.faults._links import BOTH_ENDS, ends_of
from lab.faults._losses import rules_missing
from lab.faults.base import ActiveFault, Fault, FaultImpact, Infeasible, LostProbe, Occurrence, RunningCell, WideEffect
from lab.model.scenario import Cell
from lab.model.topology import Topology
from lab.model.verdict import CauseKind
from lab.network.link_change import move, source_towards
from lab.network.link_drops import drop_everything


@dataclass(frozen=True, kw_only=True, slots=True)
class ClientMove(Fault):
    """The client leaves its first link and gets an address on its second, as from Wi-Fi to cellular.

    Attributes:
        told: whether the client program is told, as a phone's system tells (pjsip's ``handleIpChange``). The
            server sends the BYE of a call over the flow of the client's last request within that call.
    """

    class Proof(msgspec.Struct, frozen=True, kw_only=True):
        """The state of the client's links in the kernel afterwards.

        Attributes:
            rules: how many rules make the old link carry nothing.
            left: addresses on the old link.
            address: the new address, with prefix length.
            source: the address from which packets to the server leave.
        """

        rules: int
        left: tuple[str, ...]
        address: str
        source: str

    order = 45
    causes = (CauseKind("client-changed-address", "Fault: the client left its network for another."),)

    told: bool = False

    @classmethod
    def misfit(cls, topology: Topology, written: Mapping[str, str]) -> Infeasible | None:
        """See `Fault`."""
        if topology.second_access() is None:
            allowed = "a topology whose client has a second link"
            return Infeasible(what="the client has nowhere to move to", allowed=allowed)
        return None

    def infeasible(self, cell: Cell) -> Infeasible | None:
        """See `Fault`."""
        first = next(fault for fault in cell.faults if isinstance(fault, ClientMove))
        if first is not self:
            return Infeasible(what="the client moves once only, and has moved", allowed="one `client-move`")
        return None

    async def begin(self, number: int, cell: RunningCell) -> ActiveFault:
        """See `Fault`. The old link goes dead, as when a phone has left the radio's range; then the address changes."""
        topology, client = cell.cell.topology, cell.client_node
        first, second = topology.client_links()
        losses = drop_everything(first.name, ends_of(cell, first.name), name=f"fault-{number}")
        old, ends = dict(first.ends)[client], dict(second.ends)
        new: IPv4Interface = ends.pop(client)
        (gateway,) = ends.values()
        namespace = cell.namespaces[client]
        left = move((first.name, old), (second.name, new), namespace=namespace, gateway=gateway)
        if self.told:
            await cell.tell_client_ip_changed()
        source = source_towards(topology.front_address(), namespace)
        return ActiveFault(proof=self.Proof(rules=losses.rules, left=left, address=str(new), source=source))

    def missing(self, seen: Occurrence[Proof]) -> str:
        """See `Fault`."""
        proof = seen.proof
        moved = not proof.left and proof.source == proof.address.partition("/")[0]
        return rules_missing(proof.rules, wanted=BOTH_ENDS) or (
            "" if moved else f"its packets leave from {proof.source}"
        )

    @property
    def wide_effect(self) -> WideEffect:
        """See `Fault`."""
        return WideEffect(moves_client=True)

    def words(self) -> str:
        """See `Fault`."""
        return f"the client changed networks{' and was told' if self.told else ''}"

    def impact(self, seen: Occurrence[Proof], lost: LostProbe) -> FaultImpact | None:
        """See `Fault`."""
        return harm_if_older(seen, lost)
