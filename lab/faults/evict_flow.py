"""Removes the mapping of one flow from a middlebox."""

from __future__ import annotations

from dataclasses import dataclass

import msgspec

from lab.faults._flows import no_flow
from lab.faults._tables import harm_of_forgetting, mappings_of
from lab.faults.base import ActiveFault, Fault, FaultImpact, LostProbe, Occurrence, RunningCell
from lab.model.rules import OfNode
from lab.model.verdict import CauseKind
from lab.network import conntrack


@dataclass(frozen=True, kw_only=True, slots=True)
class EvictFlow(Fault):
    """A middlebox whose table is full gives up the client's current flow; all others stay."""

    class Proof(msgspec.Struct, frozen=True, kw_only=True):
        """The middlebox's table in the kernel afterwards.

        Attributes:
            node: the middlebox.
            flow: id of the client's current flow; None: there was none.
            gone: whether its mapping is gone.
            others: how many mappings of other flows there were.
            found: whether it had one before.
        """

        node: str
        flow: str | None
        gone: bool
        others: int
        found: bool = True

    order = 20
    acts_on = "table"
    only_forgets = True
    causes = (CauseKind("middlebox-evicted-flow", "Fault: the middlebox gave up the client's flow to make room."),)

    node: OfNode

    def begin(self, number: int, cell: RunningCell) -> ActiveFault:
        """See `Fault`."""
        flow = cell.current_flow()
        namespace = cell.namespaces[self.node]
        table = conntrack.table(namespace)
        mine = mappings_of(table, flow)
        for mapping in mine:
            conntrack.forget(namespace, mapping)
        left = {mapping.number for mapping in conntrack.table(namespace)}
        return ActiveFault(
            proof=self.Proof(
                node=self.node,
                flow=None if flow is None else flow.id,
                gone=bool(mine) and not any(mapping.number in left for mapping in mine),
                others=len(table) - len(mine),
                found=bool(mine),
            )
        )

    def missing(self, seen: Occurrence[Proof]) -> str:
        """See `Fault`."""
        if without := no_flow(seen, seen.proof.flow):
            return without
        if not seen.proof.found:
            return "the flow had no mapping there"
        return "" if seen.proof.gone else "the mapping is still there"

    def nothing_left(self, seen: Occurrence[Proof]) -> bool:
        """See `Fault`."""
        return not seen.proof.found

    def words(self) -> str:
        """See `Fault`."""
        return f"middlebox {self.node} gave up the flow to make room"

    def impact(self, seen: Occurrence[Proof], lost: LostProbe) -> FaultImpact | None:
        """See `Fault`."""
        return harm_of_forgetting(seen, lost, self.node)
