"""Brings up a VPN: everything goes through a tunnel, from a new address, in smaller packets."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from types import MappingProxyType

import msgspec

from lab.faults._networks import (
    CHANGES_NETWORKS,
    ClientNetworks,
    changes,
    gone_before,
    harm_of_absence,
    no_second_link,
    nobody_told,
    none_closed,
    not_told,
    nothing_to_close,
)
from lab.faults.base import ActiveFault, Fault, FaultImpact, Infeasible, LostProbe, Occurrence, RunningCell, WideEffect
from lab.model.rules import LARGEST_MTU, Mtu
from lab.model.scenario import Cell
from lab.model.topology import Topology
from lab.model.verdict import CauseKind
from lab.network.link_change import set_mtu
from lab.units import Lasting, Seconds

_WIREGUARD_MTU = 1420
"""wg-quick(8): 80 bytes less than the network below, for IPv6, UDP and its own header."""


class OldFlows(str, Enum):
    """The fate of what came from the old address when the VPN came up."""

    STAY = "stay"
    """They go on outside of the tunnel, as with policy routing (wg-quick on Linux, apps that the VPN spares)."""
    LOST = "lost"
    """Nothing of them passes any more, and nobody is told: the tunnel takes no packets of that address."""
    CLOSED = "closed"
    """Lost, and the system closes their TCP connections, as Android does with those of apps behind the VPN."""


@dataclass(frozen=True, kw_only=True, slots=True)
class VpnUp(Fault):
    """A VPN comes up: the client gets an address on its second link, the tunnel, and everything new goes there.

    The tunnel is a link of its own. What carries it (its packets through the first link, a NAT's timers for them) is
    not modelled.

    Attributes:
        mtu: of the tunnel, in bytes with the IP header. Both its ends have it, so larger packets are made smaller; one
            that is too large further on is lost with `mtu-black-hole` only.
        old_flows: what becomes of connections from the old address.
        lasts: until the VPN goes down, and everything goes the old way again; None: until the end of the run.
        told: whether the client program is told, of its going down, too.
        told_late_by: how long after that.
    """

    class Proof(msgspec.Struct, frozen=True, kw_only=True):
        """The tunnel in the client's kernel.

        Attributes:
            address: of the client in the tunnel, with prefix length.
            source: the address from which packets to the server leave.
            mtu: of the tunnel, as the kernel shows it.
            kept: whether the client's old address still has its way.
        """

        address: str
        source: str
        mtu: int
        kept: bool

    order = 51
    holds = CHANGES_NETWORKS
    causes = (CauseKind("vpn-came-up", "Fault: a VPN came up or went down, and the client had another address."),)
    tries = MappingProxyType({"mtu": (_WIREGUARD_MTU,)})

    mtu: Mtu = _WIREGUARD_MTU
    old_flows: OldFlows = OldFlows.LOST
    lasts: Lasting | None = None
    told: bool = False
    told_late_by: Seconds = Seconds(0)

    @classmethod
    def misfit(cls, topology: Topology, written: Mapping[str, str]) -> Infeasible | None:
        """See `Fault`."""
        return no_second_link(topology)

    def infeasible(self, cell: Cell) -> Infeasible | None:
        """See `Fault`."""
        if self.mtu >= LARGEST_MTU:
            what = "as large as that of any link, so that it makes no packet smaller"
            return Infeasible(what=what, allowed=f"less than {LARGEST_MTU}", key="mtu")
        return (
            gone_before(self, cell)
            or nobody_told(self)
            or nothing_to_close(cell, closes=self.old_flows is OldFlows.CLOSED, key="old-flows")
        )

    async def begin(self, number: int, cell: RunningCell) -> ActiveFault:
        """See `Fault`."""
        networks = ClientNetworks(cell, number, closes=self.old_flows is OldFlows.CLOSED)
        first, tunnel = networks.links
        stay = self.old_flows is OldFlows.STAY
        mtu = max(set_mtu(tunnel.name, self.mtu, namespace=end) for end in networks.ends(tunnel))
        if stay:
            networks.keep_way(first)
        else:
            networks.leave(first)
        networks.join(tunnel)
        source = networks.note()
        await networks.tell_at_once(self)

        def go_down() -> int:
            networks.leave(tunnel)
            if stay:
                networks.forget_way(first)
            networks.join(first)
            networks.note()
            networks.tell(self)
            return networks.end()

        proof = self.Proof(address=str(networks.own(tunnel)), source=source, mtu=mtu, kept=networks.has(first))
        return ActiveFault(proof=proof, end=go_down)

    def missing(self, seen: Occurrence[Proof]) -> str:
        """See `Fault`."""
        proof = seen.proof
        if proof.source != proof.address.partition("/")[0]:
            return f"its packets leave from {proof.source}"
        if proof.mtu != self.mtu:
            return f"the tunnel takes packets of {proof.mtu} bytes"
        if proof.kept != (self.old_flows is OldFlows.STAY):
            return f"the client's old address {'stayed' if proof.kept else 'did not stay'}"
        if not changes(seen) or changes(seen)[-1].event.source == proof.source:
            return "it did not go down"
        return none_closed(seen, closes=self.old_flows is OldFlows.CLOSED) or not_told(seen, self)

    @property
    def wide_effect(self) -> WideEffect:
        """See `Fault`."""
        return WideEffect(moves_client=True, returns=True)

    def words(self) -> str:
        """See `Fault`."""
        return "a VPN came up"

    def impact(self, seen: Occurrence[Proof], lost: LostProbe) -> FaultImpact | None:
        """See `Fault`."""
        return harm_of_absence(seen, lost)
