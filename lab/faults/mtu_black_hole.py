"""Drops large packets on a link."""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType

from lab.faults._links import BOTH_ENDS, LinkRules, ends_of
from lab.faults._losses import harm_of_losses, rules_missing
from lab.faults.base import ActiveFault, Fault, FaultImpact, LostProbe, Occurrence, RunningCell
from lab.model.rules import Mtu, OfLink
from lab.model.verdict import CauseKind
from lab.network.link_drops import drop_large_packets
from lab.units import Lasting


@dataclass(frozen=True, kw_only=True, slots=True)
class MtuBlackHole(Fault):
    """A link loses packets larger than ``mtu`` bytes, and the ICMP that would say so is lost as well.

    Attributes:
        mtu: the largest packet that passes, in bytes with its IP header.
        lasts: None: until the end of the run.
    """

    Proof = LinkRules
    order = 60
    acts_on = "packets"
    causes = (CauseKind("mtu-black-hole", "Fault: large packets were lost, and nobody was told."),)

    tries = MappingProxyType({"mtu": (1280, 576)})  # what IPv6 and IPv4 ask of a path (RFC 8200 §5, RFC 1122 §3.3.3)

    link: OfLink
    mtu: Mtu
    lasts: Lasting | None = None

    def begin(self, number: int, cell: RunningCell) -> ActiveFault:
        """See `Fault`."""
        losses = drop_large_packets(self.link, ends_of(cell, self.link), self.mtu, name=f"fault-{number}")
        return ActiveFault(proof=LinkRules(link=self.link, rules=losses.rules, lasts=self.lasts), end=losses.end)

    def missing(self, seen: Occurrence[LinkRules]) -> str:
        """See `Fault`."""
        return rules_missing(seen.proof.rules, wanted=BOTH_ENDS)

    def words(self) -> str:
        """See `Fault`."""
        return f"link {self.link} began to lose packets of more than {self.mtu} bytes"

    def impact(self, seen: Occurrence[LinkRules], lost: LostProbe) -> FaultImpact | None:
        """See `Fault`."""
        return harm_of_losses(seen, lost, lambda packet: packet.link == self.link and packet.bytes > self.mtu)
