"""A link that carries nothing for a while."""

from __future__ import annotations

from dataclasses import dataclass

from lab.faults._links import LinkRules, links_of, rules_missing
from lab.faults._losses import harm_of_losses
from lab.faults.base import Fault, Harm, InForce, RunningCell, Struck
from lab.model.rules import OfLink
from lab.model.scenario import Cell
from lab.model.verdict import CauseKind
from lab.network.cut import cut
from lab.record.entry import Entry
from lab.record.events import FaultBegan
from lab.record.evidence import Evidence, ProbeAttempt
from lab.record.flows import Flow
from lab.units import Lasting


@dataclass(frozen=True, kw_only=True, slots=True)
class LinkDown(Fault):
    """A link carries nothing for a while; nobody is told."""

    Proof = LinkRules
    causes = (CauseKind("link-down", "Fault: a link carried nothing."),)

    link: OfLink
    lasts: Lasting

    def place(self, cell: Cell) -> tuple[str, str] | None:
        """See `Fault`."""
        return "link", self.link

    def begin(self, number: int, cell: RunningCell) -> InForce:
        """See `Fault`."""
        ends = cell.cell.topology.link(self.link).ends
        here, there = (cell.namespaces[node] for node, _ in ends)
        losses = cut(self.link, (here, there), name=f"fault-{number}")
        proof = LinkRules(link=self.link, rules=losses.rules)
        return InForce(proof=proof, lasts=self.duration_s, end=losses.end)

    def missing(self, proof: LinkRules, began: Entry[FaultBegan], evidence: Evidence, *, until: float) -> str:
        """See `Fault`."""
        return rules_missing(proof.rules, wanted=2)

    def blocks(self, proof: LinkRules, evidence: Evidence, probe: ProbeAttempt, flow: Flow | None) -> bool:
        """See `Fault`."""
        return flow is not None and self.link in links_of(evidence, flow)

    @property
    def cuts_link(self) -> str:
        """See `Fault`."""
        return self.link

    def words(self) -> str:
        """See `Fault`."""
        return f"link {self.link} went down"

    def harm(self, struck: Struck[LinkRules]) -> Harm | None:
        """See `Fault`."""
        return harm_of_losses(struck, lambda packet: packet.link == self.link)
