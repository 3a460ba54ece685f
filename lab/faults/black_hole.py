"""Drops the packets of one flow at a middlebox or router."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

import msgspec

from lab.faults._flows import no_flow
from lab.faults._losses import harm_of_losses, rules_missing
from lab.faults.base import ActiveFault, Fault, FaultImpact, LostProbe, Occurrence, RunningCell, client_moves
from lab.model.endpoint import Endpoint
from lab.model.rules import OfNode
from lab.model.verdict import CauseKind
from lab.network.drop_rules import in_transit
from lab.record.events import Packet
from lab.record.evidence import ProbeAttempt
from lab.record.flows import Flow
from lab.units import Lasting


class Direction(str, Enum):
    """Of packets, seen from the client."""

    BOTH = "both"
    IN = "in"
    OUT = "out"


_WHICH = {Direction.BOTH: "either way", Direction.IN: "towards the client", Direction.OUT: "from the client"}


@dataclass(frozen=True, kw_only=True, slots=True)
class BlackHole(Fault):
    """A middlebox or router drops the client's current flow, silently; everything else passes.

    Attributes:
        direction: of the packets that it drops, seen from the client.
        lasts: None: until the end of the run.
    """

    class Proof(msgspec.Struct, frozen=True, kw_only=True):
        """The rules in the kernel.

        Attributes:
            node: where they are.
            flow: id of the flow they drop; None: the client had none.
            direction: of the packets they drop.
            rules: how many there are.
            wanted: how many there should be; None: one for each direction.
        """

        node: str
        flow: str | None
        direction: str
        rules: int
        wanted: int | None = None

    order = 30
    acts_on = "packets"
    causes = (CauseKind("flow-black-holed", "Fault: packets of the client's flow were dropped on the way."),)

    node: OfNode
    direction: Direction = Direction.BOTH
    lasts: Lasting | None = None

    def begin(self, number: int, cell: RunningCell) -> ActiveFault:
        """See `Fault`. Rules drop by the five-tuple, whichever endpoint the client has at this node."""
        flow = cell.current_flow()
        if flow is None:
            return ActiveFault(proof=self.Proof(node=self.node, flow=None, direction=self.direction.value, rules=0))
        matches = []
        for endpoint, other in flow.pairs:
            if self.direction is not Direction.IN:
                matches.append(_match(flow.proto, endpoint, other))
            if self.direction is not Direction.OUT:
                matches.append(_match(flow.proto, other, endpoint))
        losses = in_transit(f"fault-{number}", cell.namespaces[self.node], matches)
        proof = self.Proof(
            node=self.node, flow=flow.id, direction=self.direction.value, rules=losses.rules, wanted=len(matches)
        )
        return ActiveFault(proof=proof, end=losses.end)

    def missing(self, seen: Occurrence[Proof]) -> str:
        """See `Fault`."""
        wanted = seen.proof.wanted
        if wanted is None:
            wanted = 2 if self.direction is Direction.BOTH else 1
        return no_flow(seen, seen.proof.flow) or rules_missing(seen.proof.rules, wanted=wanted)

    def blocks(self, seen: Occurrence[Proof], probe: ProbeAttempt, flow: Flow | None) -> bool:
        """See `Fault`. A client that has moved takes another way, by the same flow if that is UDP."""
        struck = flow is not None and seen.proof.flow == flow.id
        return struck and not any(t < probe.sent_s for t in client_moves(seen.evidence))

    def words(self) -> str:
        """See `Fault`."""
        return f"{self.node} began to drop the flow {_WHICH[self.direction]}"

    def impact(self, seen: Occurrence[Proof], lost: LostProbe) -> FaultImpact | None:
        """See `Fault`."""
        topology = seen.evidence.cell.topology

        def loses(packet: Packet) -> bool:
            arrives = self.node in dict(topology.link(packet.link).ends) and packet.from_ != self.node
            heading = Direction.IN if packet.dst in lost.flow.endpoints else Direction.OUT
            return arrives and self.direction in (Direction.BOTH, heading)

        return harm_of_losses(seen, lost, loses) if seen.proof.flow == lost.flow.id else None


def _match(proto: str, source: Endpoint, target: Endpoint) -> str:
    return f"ip saddr {source.host} ip daddr {target.host} {proto} sport {source.port} {proto} dport {target.port}"
