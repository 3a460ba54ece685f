"""What happens on the way to the client's current flow alone."""

from __future__ import annotations

import msgspec

from lab.model.endpoint import Endpoint
from lab.model.fault import BlackHole, Direction, End, Flag, ForgedSegment
from lab.model.topology import Role
from lab.network.forge import Segment, forge
from lab.network.losses import in_transit
from lab.record.flows import Flow
from lab.runner.faults.effect import Effect, Proof
from lab.runner.stage import Stage

_FLAGS = {Flag.RST: "R", Flag.FIN: "FA"}  # a FIN without ACK is ignored (RFC 9293 §3.10.7.4)


class BlackHoleProof(Proof, frozen=True, kw_only=True):
    """Shows that a node drops the client's flow.

    Attributes:
        node: where.
        flow: the server's name for it; None: there is none.
        direction: ``out``, ``in`` or ``both``.
        rules: how many the kernel shows.
        wanted: how many there must be, one for each endpoint and direction.
    """

    node: str
    flow: str | None
    direction: str
    rules: int
    wanted: int


class SentSegment(msgspec.Struct, frozen=True, kw_only=True):
    """A forged segment as a capture must have seen it.

    Attributes:
        link: onto which it was put.
        to: ``client`` or ``server``.
        src, dst, flags, seq: as in ``Packet``.
    """

    link: str
    to: str
    src: Endpoint
    dst: Endpoint
    flags: str
    seq: int


class ForgedSegmentProof(Proof, frozen=True, kw_only=True):
    """Shows which segments a node has forged.

    Attributes:
        node: where.
        flow: the server's name for it; None: there is none.
        segments: that were sent.
        wanted: how many there must be, one for each end it is to reach.
    """

    node: str
    flow: str | None
    segments: tuple[SentSegment, ...]
    wanted: int


def black_hole(number: int, fault: BlackHole, stage: Stage) -> Effect:
    """Drop by the five-tuple, whichever endpoint the client has at this node."""
    flow, direction = stage.flows.current(), fault.direction
    if flow is None:
        nothing = BlackHoleProof(node=fault.node, flow=None, direction=direction.value, rules=0, wanted=0)
        return Effect(proof=nothing)
    here = []
    for endpoint in flow.endpoints:
        if direction in (Direction.BOTH, Direction.OUT):
            here.append(_match(flow.proto, endpoint, flow.own))
        if direction in (Direction.BOTH, Direction.IN):
            here.append(_match(flow.proto, flow.own, endpoint))
    losses = in_transit(f"fault-{number}", stage.network.namespaces[fault.node], here)
    proof = BlackHoleProof(
        node=fault.node, flow=flow.id, direction=direction.value, rules=losses.rules, wanted=len(here)
    )
    return Effect(proof=proof, lasts=None if fault.lasts is None else float(fault.lasts), end=losses.end)


def forged_segment(fault: ForgedSegment, stage: Stage) -> Effect:
    """Send to each end what the other end's next segment would be."""
    ends = [end for end in (End.CLIENT, End.SERVER) if fault.to in (end, End.BOTH)]
    flow = stage.flows.current()
    sent = [] if flow is None else [_send(fault, end, flow, stage) for end in ends]
    return Effect(
        proof=ForgedSegmentProof(
            node=fault.node,
            flow=flow.id if flow else None,
            segments=tuple(segment for segment in sent if segment is not None),
            wanted=len(ends),
        )
    )


def _send(fault: ForgedSegment, to: End, flow: Flow, stage: Stage) -> SentSegment | None:
    topology, numbers = stage.cell.topology, stage.sequence_numbers
    role = Role.CLIENT if to is End.CLIENT else Role.SERVER
    link = topology.link_towards(fault.node, topology.only(role).name)
    for endpoint in flow.endpoints:
        source, target = (flow.own, endpoint) if to is End.CLIENT else (endpoint, flow.own)
        seq = numbers.next(link.name, source, target)
        ack = numbers.next(link.name, target, source)
        if seq is None or ack is None:
            continue
        segment = Segment(source=source, target=target, flags=_FLAGS[fault.flag], seq=seq, ack=ack)
        ((_, own),) = (end for end in link.ends if end[0] == fault.node)
        ((_, neighbour),) = (end for end in link.ends if end[0] != fault.node)
        namespace = stage.network.namespaces[fault.node]
        forge(segment, link=link.name, namespace=namespace, own=own.ip, neighbour=neighbour.ip)
        return SentSegment(link=link.name, to=to.value, src=source, dst=target, flags=segment.flags, seq=seq)
    return None


def _match(proto: str, source: Endpoint, target: Endpoint) -> str:
    return f"ip saddr {source.host} ip daddr {target.host} {proto} sport {source.port} {proto} dport {target.port}"
