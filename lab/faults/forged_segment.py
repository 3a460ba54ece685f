"""Ends a connection by a segment with a forged sender, at a middlebox or router."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

import msgspec

from lab.faults._flows import AT_ONCE_S, no_flow
from lab.faults.base import ActiveFault, Fault, FaultImpact, Infeasible, LostProbe, Occurrence, RunningCell
from lab.model.endpoint import Endpoint
from lab.model.rules import OfNode
from lab.model.scenario import Cell, Transport
from lab.model.verdict import CauseKind
from lab.network import forge
from lab.record.events import ENDED_AT_CLIENT, ENDED_AT_SERVER, Packet, ServerFlow
from lab.record.evidence import Evidence
from lab.record.flows import Flow


class Flag(str, Enum):
    """Of a TCP segment that ends a connection (RFC 9293 §3.1)."""

    RST = "rst"
    FIN = "fin"


class End(str, Enum):
    """Of a connection."""

    CLIENT = "client"
    SERVER = "server"
    BOTH = "both"


FORGED_RST = CauseKind("forged-rst", "Fault: a segment in the other end's name reset the connection.")
FORGED_FIN = CauseKind("forged-fin", "Fault: a segment in the other end's name closed the connection.")

_LETTERS = {Flag.RST: "R", Flag.FIN: "FA"}  # a FIN without ACK is ignored (RFC 9293 §3.10.7.4)


class SentSegment(msgspec.Struct, frozen=True, kw_only=True):
    """A segment that was sent, as a capture must have seen it on its link; ``to`` is the end of the connection."""

    link: str
    to: str
    src: Endpoint
    dst: Endpoint
    flags: str
    seq: int


class ForgedSegments(msgspec.Struct, frozen=True, kw_only=True):
    """The segments that were sent.

    Attributes:
        node: from where.
        flow: id of the flow; None: the client had none.
        segments: as they were sent; fewer than wanted where no sequence number was known.
        wanted: how many there should be, one for each end that was to get one.
    """

    node: str
    flow: str | None
    segments: tuple[SentSegment, ...]
    wanted: int


@dataclass(frozen=True, kw_only=True, slots=True)
class ForgedSegment(Fault):
    """A middlebox or router ends the client's current flow in the other end's name; its own table does not notice.

    Attributes:
        flag: of the segment: RST ends the connection at once, FIN in order.
        to: which end receives one.
    """

    Proof = ForgedSegments
    order = 40
    causes = (FORGED_RST, FORGED_FIN)

    node: OfNode
    flag: Flag = Flag.RST
    to: End = End.BOTH

    def infeasible(self, cell: Cell) -> Infeasible | None:
        """See `Fault`."""
        if cell.transport is Transport.UDP:
            return Infeasible(what="UDP has no segments", allowed="use `transport: tcp` or `tls`")
        return None

    def prepare(self) -> None:
        """See `Fault`."""
        forge.prepare()

    def begin(self, number: int, cell: RunningCell) -> ActiveFault:
        """See `Fault`. Each end gets what the other end's next segment would be."""
        flow = cell.current_flow()
        sent = [] if flow is None else [self._send(end, flow, cell) for end in self._ends]
        segments = tuple(segment for segment in sent if segment is not None)
        proof = ForgedSegments(
            node=self.node, flow=None if flow is None else flow.id, segments=segments, wanted=len(self._ends)
        )
        return ActiveFault(proof=proof)

    @property
    def _ends(self) -> tuple[End, ...]:
        return (End.CLIENT, End.SERVER) if self.to is End.BOTH else (self.to,)

    def _send(self, to: End, flow: Flow, cell: RunningCell) -> SentSegment | None:
        goal = cell.client_node if to is End.CLIENT else cell.server_node
        link = cell.cell.topology.link_towards(self.node, goal)
        ends = dict(link.ends)
        own = ends.pop(self.node)
        (neighbour,) = ends.values()
        for endpoint, other in flow.pairs:
            source, target = (other, endpoint) if to is End.CLIENT else (endpoint, other)
            seq = cell.next_sequence_number(link.name, source, target)
            ack = cell.next_sequence_number(link.name, target, source)
            if seq is None or ack is None:
                continue
            flags = _LETTERS[self.flag]
            segment = forge.Segment(source=source, target=target, flags=flags, seq=seq, ack=ack)
            namespace = cell.namespaces[self.node]
            forge.forge(segment, link=link.name, namespace=namespace, own=own.ip, neighbour=neighbour.ip)
            return SentSegment(link=link.name, to=to.value, src=source, dst=target, flags=flags, seq=seq)
        return None

    def missing(self, seen: Occurrence[ForgedSegments]) -> str:
        """See `Fault`."""
        wanted = len(self._ends)
        on_wire = sum(self._on_wire(segment, seen) for segment in seen.proof.segments)
        return no_flow(seen, seen.proof.flow) or (
            "" if on_wire == wanted else f"{on_wire} segments on the wire instead of {wanted}"
        )

    def _on_wire(self, sent: SentSegment, seen: Occurrence[ForgedSegments]) -> bool:
        packets = seen.evidence.of(
            Packet,
            from_=self.node,
            link=sent.link,
            src=sent.src,
            dst=sent.dst,
            flags=sent.flags,
            seq=sent.seq,
        )
        return any(seen.at <= packet.t <= seen.at + AT_ONCE_S for packet in packets)

    @property
    def cause(self) -> CauseKind:
        """See `Fault`."""
        return FORGED_RST if self.flag is Flag.RST else FORGED_FIN

    def words(self) -> str:
        """See `Fault`."""
        to = "either end" if self.to is End.BOTH else f"the {self.to.value}"
        return f"{self.node} forged a {self.flag.name} to {to}"

    def impact(self, seen: Occurrence[ForgedSegments], lost: LostProbe) -> FaultImpact | None:
        """See `Fault`."""
        under_way = sum(each.one_way_delay + each.jitter for each in seen.evidence.cell.impairments)
        until = seen.at + AT_ONCE_S + under_way
        ended = any(seen.at <= t <= until for t in _ends_of(seen.evidence, lost.flow))
        return FaultImpact(since_s=seen.at) if ended else None


def _ends_of(evidence: Evidence, flow: Flow) -> list[float]:
    """Return when the flow ended at either side, but for the client's own idle timer."""
    at_client = [
        said.t
        for said in evidence.transport(flow)
        if said.event.state in ENDED_AT_CLIENT and said.event.reason != "idle-timer"
    ]
    at_server = [entry.t for entry in evidence.of(ServerFlow, id=flow.id) if entry.event.state in ENDED_AT_SERVER]
    return [*at_client, *at_server]
