"""Renews the lease of the client's address: it gets the same address again, or another one of its link."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from ipaddress import IPv4Interface

import msgspec

from lab.faults._addresses import not_free
from lab.faults._networks import (
    CHANGES_NETWORKS,
    ClientNetworks,
    changes,
    gone_before,
    harm_of_absence,
    nobody_told,
    none_closed,
    not_told,
    nothing_to_close,
)
from lab.faults.base import ActiveFault, Fault, FaultImpact, Infeasible, LostProbe, Occurrence, RunningCell
from lab.model.rules import HostAddress
from lab.model.scenario import Cell
from lab.model.topology import Topology
from lab.model.verdict import CauseKind
from lab.network.address_change import know_neighbour
from lab.units import Seconds


@dataclass(frozen=True, kw_only=True, slots=True)
class LeaseRenewal(Fault):
    """The client's address is leased anew (DHCP): it gets the same again, or another one on the same link.

    Attributes:
        address: the new one, of the first link's subnet; None: the one that it had. The router knows both, and sends
            what comes for the old one onto the link, where nobody takes it.
        without: for how long the client has no address in between; what it sends fails meanwhile.
        told: whether the client program is told that its address has changed, even if it is the same again.
        told_late_by: how long after it got it.
        closes_connections: whether the system closes the TCP connections of an address that is gone, be it for a
            moment.
    """

    class Proof(msgspec.Struct, frozen=True, kw_only=True):
        """The client's address before, in the kernel; afterwards: ``client-addresses``.

        Attributes:
            left: the addresses that the link has at once: none if it is without one for a time.
        """

        left: tuple[str, ...]

    order = 47
    holds = CHANGES_NETWORKS
    causes = (CauseKind("lease-renewed", "Fault: the client's address was leased anew, or it got another one."),)

    address: HostAddress | None = None
    without: Seconds = Seconds(0)
    told: bool = False
    told_late_by: Seconds = Seconds(0)
    closes_connections: bool = False

    @classmethod
    def misfit(cls, topology: Topology, written: Mapping[str, str]) -> Infeasible | None:
        """See `Fault`."""
        address = written.get("address")
        return None if address is None else not_free(address, topology.access_link())

    def infeasible(self, cell: Cell) -> Infeasible | None:
        """See `Fault`."""
        if self.address is None and not (self.without or self.told or self.closes_connections):
            allowed = "`address`, `without`, `told` or `closes-connections`"
            return Infeasible(what="the same address again, at once, and nobody notices", allowed=allowed)
        return gone_before(self, cell) or nobody_told(self) or nothing_to_close(cell, closes=self.closes_connections)

    @property
    def lasts_s(self) -> float:
        """See `Fault`."""
        return float(self.without)

    async def begin(self, number: int, cell: RunningCell) -> ActiveFault:
        """See `Fault`."""
        networks = ClientNetworks(cell, number, closes=self.closes_connections)
        link = networks.links[0]
        left = networks.leave(link)
        networks.note()

        def lease() -> None:
            old = networks.own(link)
            new = old if self.address is None else IPv4Interface((self.address, old.network.prefixlen))
            gateway = cell.namespaces[networks.far_end(link)]
            know_neighbour(link.name, new.ip, node=cell.namespaces[cell.client_node], neighbour=gateway)
            networks.join(link, new)
            networks.note()

        if self.without:

            def later() -> None:
                lease()
                networks.tell(self)

            return ActiveFault(proof=self.Proof(left=left), end=later)
        lease()
        await networks.tell_at_once(self)
        return ActiveFault(proof=self.Proof(left=left))

    def missing(self, seen: Occurrence[Proof]) -> str:
        """See `Fault`."""
        if seen.proof.left:
            return f"it still has {seen.proof.left[0]}"
        noted = changes(seen)
        if not noted or noted[0].event.source:
            return "it was never without its address"
        last = noted[-1].event.source if noted else ""
        wanted = self.address or str(seen.evidence.cell.topology.address(seen.evidence.client).ip)
        if last != wanted:
            return f"its packets leave from {last or 'nowhere'}"
        return none_closed(seen, closes=self.closes_connections) or not_told(seen, self)

    def words(self) -> str:
        """See `Fault`."""
        what = "the same address" if self.address is None else "another address"
        return f"the client's lease was renewed with {what}"

    def impact(self, seen: Occurrence[Proof], lost: LostProbe) -> FaultImpact | None:
        """See `Fault`."""
        return harm_of_absence(seen, lost)
