"""Drops everything on a link for a while."""

from __future__ import annotations

from dataclasses import dataclass

from lab.faults._links import BOTH_ENDS, LinkRules, ends_of, links_of
from lab.faults._losses import harm_of_losses, rules_missing
from lab.faults.base import ActiveFault, Fault, FaultImpact, LostProbe, Occurrence, RunningCell, WideEffect
from lab.model.rules import OfLink
from lab.model.verdict import CauseKind
from lab.network.link_drops import drop_everything
from lab.record.evidence import ProbeAttempt
from lab.record.flows import Flow
from lab.units import Lasting


@dataclass(frozen=True, kw_only=True, slots=True)
class LinkDown(Fault):
    """A link carries nothing for a while; nobody is told."""

    Proof = LinkRules
    order = 50
    acts_on = "packets"
    causes = (CauseKind("link-down", "Fault: a link carried nothing."),)

    link: OfLink
    lasts: Lasting

    def begin(self, number: int, cell: RunningCell) -> ActiveFault:
        """See `Fault`."""
        losses = drop_everything(self.link, ends_of(cell, self.link), name=f"fault-{number}")
        return ActiveFault(proof=LinkRules(link=self.link, rules=losses.rules, lasts=self.lasts), end=losses.end)

    def missing(self, seen: Occurrence[LinkRules]) -> str:
        """See `Fault`."""
        return rules_missing(seen.proof.rules, wanted=BOTH_ENDS)

    @property
    def wide_effect(self) -> WideEffect:
        """See `Fault`."""
        return WideEffect(cuts_link=self.link)

    def blocks(self, seen: Occurrence[LinkRules], probe: ProbeAttempt, flow: Flow | None) -> bool:
        """See `Fault`."""
        return flow is not None and self.link in links_of(seen.evidence, flow)

    def words(self) -> str:
        """See `Fault`."""
        return f"link {self.link} went down"

    def impact(self, seen: Occurrence[LinkRules], lost: LostProbe) -> FaultImpact | None:
        """See `Fault`."""
        return harm_of_losses(seen, lost, lambda packet: packet.link == self.link)
