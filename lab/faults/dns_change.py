"""Makes the server's name mean another address."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum

import msgspec

from lab.faults._addresses import not_free
from lab.faults._losses import harm_of_losses, rules_missing
from lab.faults._names import NAMES, asks_nobody
from lab.faults.base import ActiveFault, Fault, FaultImpact, Infeasible, LostProbe, Occurrence, RunningCell
from lab.model.registrar import GoneConnection
from lab.model.rules import HostAddress
from lab.model.scenario import Cell
from lab.model.topology import Topology
from lab.model.verdict import CauseKind
from lab.network.link_drops import drop_address
from lab.network.socket_checks import name_met
from lab.record.events import Packet
from lab.sip.ports import PORTS


class OldAddress(str, Enum):
    """Of a server that has moved."""

    SERVES = "serves"
    SILENT = "silent"


@dataclass(frozen=True, kw_only=True, slots=True)
class DnsChange(Fault):
    """The server's name means another address: new connections go there; it is the same server, with the same state.

    Attributes:
        address: the new one, in the same subnet. The server listens there from the start, unknown to anybody.
        old: what becomes of SIP at the address that the name meant before. Over UDP, and by
            `notify-route: flow`, the server sends its own requests from the address to which the client sent its last
            REGISTER or SUBSCRIBE; so `silent` loses them until one has come to the new address.
    """

    class Proof(msgspec.Struct, frozen=True, kw_only=True):
        """The answer for the name afterwards, and the old address.

        Attributes:
            was: the address that it meant before.
            met: what a stranger in the server's node is told now who asks for it.
            old: what should become of the address before.
            rules: how many rules the kernel shows that silence that.
        """

        was: str
        met: str
        old: str
        rules: int

    order = 140
    holds = NAMES
    is_change = True
    causes = (CauseKind("server-moved", "Fault: the server's name means another address, and the old one is silent."),)

    address: HostAddress
    old: OldAddress = OldAddress.SERVES

    @property
    def server_addresses(self) -> tuple[str, ...]:
        """See `lab.model.fault.Fault`."""
        return (self.address,)

    @classmethod
    def misfit(cls, topology: Topology, written: Mapping[str, str]) -> Infeasible | None:
        """See `Fault`."""
        return not_free(written.get("address"), topology.server_link())

    def infeasible(self, cell: Cell) -> Infeasible | None:
        """See `Fault`."""
        if cell.proxy is not None:
            what = "the server's name means the proxy's address, which stays"
            return Infeasible(what=what, allowed="use a topology without a proxy")
        return asks_nobody(cell)

    def server_needs(self, cell: Cell) -> tuple[str, ...]:
        """See `Fault`."""
        return ("connect-from-moved-address",) if cell.server.with_gone_connection is GoneConnection.CONNECT else ()

    @property
    def lasts_s(self) -> float:
        """See `Fault`."""
        return float("inf")

    async def begin(self, number: int, cell: RunningCell) -> ActiveFault:
        """See `Fault`."""
        said = await cell.ask_name_server("move-name", address=self.address)
        if cell.cell.server.with_gone_connection is GoneConnection.CONNECT:
            cell.tell_server("move", address=self.address)  # one that stands still does so when it goes on
        server, link = cell.server_node, cell.cell.topology.server_link()
        met = await name_met(cell.namespaces[server], cell.server_endpoint.host, cell.server_name)
        if self.old is OldAddress.SERVES:
            return ActiveFault(proof=self.Proof(was=said.was, met=met, old=self.old.value, rules=0))
        (far,) = (node for node, _ in link.ends if node != server)
        losses = drop_address(
            link.name,
            cell.namespaces[server],
            cell.namespaces[far],
            address=said.was,
            ports=sorted({*PORTS.values()}),
            name=f"fault-{number}",
        )
        proof = self.Proof(was=said.was, met=met, old=self.old.value, rules=losses.rules)
        return ActiveFault(proof=proof, end=losses.end)

    def missing(self, seen: Occurrence[Proof]) -> str:
        """See `Fault`."""
        proof = seen.proof
        if proof.was == self.address:
            return "the name meant that address already"
        if proof.met != self.address:
            return f"who asks for the name is told {proof.met}"
        return rules_missing(proof.rules, wanted=2 if self.old is OldAddress.SILENT else 0)

    def words(self) -> str:
        """See `Fault`."""
        return f"the server moved to {self.address} and its old address fell silent"

    def impact(self, seen: Occurrence[Proof], lost: LostProbe) -> FaultImpact | None:
        """See `Fault`. An old address that serves harms nobody."""
        if self.old is OldAddress.SERVES:
            return None
        last = seen.evidence.cell.topology.server_link().name

        def loses(packet: Packet) -> bool:
            return packet.link == last and seen.proof.was in (packet.src.host, packet.dst.host)

        return harm_of_losses(seen, lost, loses)
