"""Has a network ask for a login first: TCP connects, and nothing answers."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

import msgspec

from lab.faults._links import links_of
from lab.faults._losses import harm_of_losses, rules_missing
from lab.faults.base import ActiveFault, Fault, FaultImpact, Infeasible, LostProbe, Occurrence, RunningCell, WideEffect
from lab.model.rules import OfLink
from lab.model.scenario import Cell
from lab.model.topology import Role
from lab.model.verdict import CauseKind
from lab.network.captive_portal import open_portal
from lab.record.events import Packet
from lab.record.evidence import ProbeAttempt
from lab.record.flows import Flow
from lab.units import Lasting

_CHAINS = 2
"""Rules that lose packets: one for each direction."""


class PortalTls(str, Enum):
    """A portal's part in a TLS handshake."""

    SILENT = "silent"
    """It accepts the TCP connection, and says nothing."""
    WRONG_CERTIFICATE = "wrong-certificate"
    """It shows a certificate of its own, which is not the server's."""


@dataclass(frozen=True, kw_only=True, slots=True)
class CaptivePortal(Fault):
    """A network of the client's asks for a login first, as a hotel's Wi-Fi does, or asks again when one has run out.

    New TCP connections are answered by the portal in the place of the server: they are established, what is sent is
    acknowledged, and no answer comes. UDP is lost, and so is everything on connections that there were before. Nobody
    is told. A connection that the portal has taken stays with it after the login; new ones reach the server then.

    Attributes:
        link: one of the client's links; the portal is the node at its other end.
        tls: what it does with a TLS handshake.
        lasts: until the login; None: until the end of the run.
    """

    class Proof(msgspec.Struct, frozen=True, kw_only=True):
        """The portal in the kernel of its node.

        Attributes:
            rules: how many rules lose what would be forwarded.
            redirects: whether new TCP connections go to the portal's own socket.
            met: what a TLS handshake with the portal comes to, from its own node, where it takes part in one.
        """

        rules: int
        redirects: bool
        met: str

    order = 52
    acts_on = "packets"
    causes = (CauseKind("captive-portal", "Fault: a portal took the client's connections and lost its packets."),)

    link: OfLink
    tls: PortalTls = PortalTls.SILENT
    lasts: Lasting | None = None

    def infeasible(self, cell: Cell) -> Infeasible | None:
        """See `Fault`."""
        links = [link.name for link in cell.topology.client_links()]
        if self.link not in links:
            what = "no link of the client's"
            return Infeasible(what=what, allowed=f"one of {', '.join(links)}", key="link")
        if self.tls is not PortalTls.SILENT and not cell.transport.secure:
            return Infeasible(what="only TLS has certificates", allowed="use `transport: tls`", key="tls")
        far = _far_end(cell, self.link)
        if cell.topology.node(far).role not in (Role.MIDDLEBOX, Role.ROUTER):
            return Infeasible(what=f"`{far}` forwards nothing", allowed="a middlebox or router there", key="link")
        return None

    async def begin(self, number: int, cell: RunningCell) -> ActiveFault:
        """See `Fault`."""
        node = _far_end(cell.cell, self.link)
        address = dict(cell.cell.topology.link(self.link).ends)[node]
        folder = cell.certificates
        shows = (folder / "client.pem", folder / "client.key") if self.tls is PortalTls.WRONG_CERTIFICATE else None
        portal = await open_portal(
            f"fault-{number}", cell.namespaces[node], self.link, address.ip, certificate=shows, ca=folder / "ca.pem"
        )
        proof = self.Proof(rules=portal.rules.rules, redirects=portal.redirects, met=portal.met)

        def log_in() -> int:
            return portal.rules.end()  # the portal itself stays, with the connections that it has

        return ActiveFault(proof=proof, end=log_in)

    def missing(self, seen: Occurrence[Proof]) -> str:
        """See `Fault`."""
        proof = seen.proof
        if lack := rules_missing(proof.rules, wanted=_CHAINS):
            return lack
        if not proof.redirects:
            return "new connections are not redirected to the portal"
        if self.tls is PortalTls.WRONG_CERTIFICATE and proof.met in ("", "valid", "no answer"):
            return f"who connects meets {proof.met or 'no certificate'}"
        return ""

    @property
    def wide_effect(self) -> WideEffect:
        """See `Fault`."""
        return WideEffect(cuts_link=self.link)

    def blocks(self, seen: Occurrence[Proof], probe: ProbeAttempt, flow: Flow | None) -> bool:
        """See `Fault`."""
        return flow is not None and self.link in links_of(seen.evidence, flow)

    def words(self) -> str:
        """See `Fault`."""
        return f"a captive portal took over link {self.link}"

    def impact(self, seen: Occurrence[Proof], lost: LostProbe) -> FaultImpact | None:
        """See `Fault`."""
        topology = seen.evidence.cell.topology
        portal = _far_end(seen.evidence.cell, self.link)

        def loses(packet: Packet) -> bool:
            return portal in dict(topology.link(packet.link).ends) and packet.from_ != portal

        return harm_of_losses(seen, lost, loses)


def _far_end(cell: Cell, link: str) -> str:
    """Return the node at the other end of a link of the client's."""
    client = cell.topology.only(Role.CLIENT).name
    return next(node for node, _ in cell.topology.link(link).ends if node != client)
