"""What a fault did to the way by which the server should have reached the client, as far as the record shows it. Pure.

That a fault happened does not make it a cause: a link may be down while nobody sends. It did harm if the record has a
trace of it on the flow of the lost probe: a packet that was lost, a mapping or connection that ended by it, a request
that nobody answered and that its sender then gave up.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Any

from lab.clients.catalogue import client_of
from lab.judge.requests import REQUESTS
from lab.model.fault import (
    BlackHole,
    ClientMove,
    Direction,
    DnsChange,
    EvictFlow,
    Fault,
    ForgedSegment,
    LinkDown,
    MtuBlackHole,
    OldAddress,
    Reboot,
    ServerClose,
    ServerFreeze,
    ServerMute,
    ServerRestart,
    ServerSlow,
)
from lab.record.entry import Entry
from lab.record.events import (
    ENDED_AT_CLIENT,
    ENDED_AT_SERVER,
    Event,
    FaultBegan,
    Held,
    Ignored,
    Packet,
    ServerFlow,
    ServerSubscription,
    Unanswered,
)
from lab.record.evidence import BEFORE_S, Evidence, ProbeAttempt
from lab.record.flows import Flow
from lab.sip.status import FAILED_FROM

AT_ONCE_S = 1.0
"""What a fault does by itself shows within this time, and the time its segments are under way."""

GIVES_UP_WITHIN_S = 33.0
"""A request that was lost has failed by then: Timer F (RFC 3261 §17.1.2.2, 32 s), and room for what follows."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Harm:
    """A trace of a fault on the flow of a lost probe.

    Attributes:
        since_s: from when on the fault stood in the way: its own time, or that of the first thing it cost.
        evidence: lines of the record that show it, besides the fault's own.
    """

    since_s: float
    evidence: tuple[int, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class Struck:
    """A fault that has begun, and the lost probe it may have cost.

    Attributes:
        fault, entry, over: the fault, its entry in the record, and when it was over.
        probe, flow: the probe, and the flow it took or should have taken.
        closed: when the client closed that flow for a reason of its own, if it did.
    """

    fault: Fault
    entry: Entry[FaultBegan]
    over: float
    probe: ProbeAttempt
    flow: Flow
    closed: float | None

    @property
    def at(self) -> float:
        """When the fault began."""
        return self.entry.t

    @property
    def proof(self) -> dict[str, Any]:
        """What the record has of its effect."""
        return proof_of(self.entry)


def harm(evidence: Evidence, one: Struck) -> Harm | None:
    """Return what a fault did to the flow of a lost probe; None if the record shows nothing."""
    match one.fault:
        case Reboot(node=node) | EvictFlow(node=node):
            ended = [entry for entry in evidence.lost_mappings(one.flow, one.probe.asked_s) if entry.who == node]
            return _if(one, any(one.at <= entry.t <= one.at + AT_ONCE_S for entry in ended))
        case BlackHole() | LinkDown() | MtuBlackHole() | DnsChange(old=OldAddress.SILENT):
            return _lossy(evidence, one)
        case ForgedSegment():
            soon = one.at + AT_ONCE_S + sum(each.one_way_delay + each.jitter for each in evidence.cell.impairments)
            return _if(one, any(one.at <= t <= soon for t in _ends(evidence, one.flow)))
        case ServerClose():
            return _if(one, one.proof["flow"] == one.flow.id)
        case ServerRestart() | ClientMove():  # no flow survives either
            return _if(one, any(entry.t < one.at for entry in evidence.of(ServerFlow, id=one.flow.id)))
        case ServerFreeze() | ServerMute() | ServerSlow():
            return _unheard(evidence, one)
        case _:  # a certificate, a name: who was refused says so, see ``faults``
            return Harm(since_s=one.at)


def _if(one: Struck, harmed: bool) -> Harm | None:  # noqa: FBT001  (what follows from it is all there is)
    return Harm(since_s=one.at) if harmed else None


def _ends(evidence: Evidence, flow: Flow) -> Iterator[float]:
    """When the flow ended at either side, but for the client's own idle timer."""
    for said in evidence.transport(flow):
        if said.event.state in ENDED_AT_CLIENT and said.event.reason != "idle-timer":
            yield said.t
    for entry in evidence.of(ServerFlow, id=flow.id):
        if entry.event.state in ENDED_AT_SERVER:
            yield entry.t


# Packets that were lost


def _lossy(evidence: Evidence, one: Struck) -> Harm | None:
    """What a loss of packets cost: the probe's own, or earlier ones after which the flow was never seen whole again.

    A client that answers, or has no subscription, is not out of reach: there the loss must have cost it a request.
    """
    lost = [entry for entry in _packets(evidence, one.flow) if _loses(evidence, one, entry)]
    if not lost:
        return None
    first = lost[0]
    if not one.probe.unreached:
        told = _given_up(evidence, since=first.t, until=one.over + GIVES_UP_WITHIN_S)
        told += [entry for entry in _expired(evidence, one) if entry.t >= first.t]
        return (
            Harm(since_s=first.t, evidence=(first.line,))
            if told or not client_of(evidence.cell).tells_failures
            else None
        )
    if one.probe.asked_s <= one.over:
        asked = [entry.line for entry in lost if one.probe.asked_s - BEFORE_S <= entry.t <= one.probe.known_s]
        if asked:
            return Harm(since_s=one.at, evidence=(asked[0],))
    if _alive(evidence, one.flow, since=one.over, until=one.probe.asked_s):
        return None
    return Harm(since_s=first.t, evidence=(first.line,))


def _packets(evidence: Evidence, flow: Flow) -> Iterator[Entry[Packet]]:
    """The packets of a flow, on any link, but for those that end it."""
    ends = set(flow.endpoints)
    for entry in evidence.of(Packet):
        if ends & {entry.event.src, entry.event.dst} and not {"F", "R"} & set(entry.event.flags):
            yield entry


def _loses(evidence: Evidence, one: Struck, entry: Entry[Packet]) -> bool:
    """Whether a packet ran into a fault: one that a capture has seen where, and while, such packets are lost."""
    if not one.at <= entry.t <= one.over:
        return False
    topology, packet = evidence.cell.topology, entry.event
    match one.fault:
        case LinkDown(link=link):
            return bool(packet.link == link)
        case MtuBlackHole(link=link, mtu=mtu):
            return bool(packet.link == link and packet.bytes > mtu)
        case DnsChange():
            hosts = {packet.src.host, packet.dst.host}
            return packet.link == topology.server_link().name and one.proof["was"] in hosts
        case BlackHole(node=node, direction=direction):
            (wire,) = (each for each in topology.links if each.name == packet.link)
            arrives = node in {end for end, _ in wire.ends} and packet.from_ != node
            heading = Direction.IN if packet.dst in one.flow.endpoints else Direction.OUT
            return arrives and one.proof["flow"] == one.flow.id and direction in (Direction.BOTH, heading)
        case _:
            return False


def _alive(evidence: Evidence, flow: Flow, *, since: float, until: float) -> bool:
    """Whether a flow was seen to carry packets to the ends again: of TCP both ways, since each is acknowledged."""
    last = evidence.cell.topology.server_link().name
    first = {link.name for link in evidence.cell.topology.client_links()}
    ends = set(flow.endpoints)
    out = back = False
    for entry in _packets(evidence, flow):
        packet = entry.event
        if since < entry.t < until:
            out = out or (packet.link == last and packet.src in ends)
            back = back or (packet.link in first and packet.dst in ends)
            if (out or back) if packet.proto == "udp" else (out and back):
                return True
    return False


# Requests that were not answered


def _unheard(evidence: Evidence, one: Struck) -> Harm | None:
    """What a server that does not answer, or late, cost: requests given up, a subscription, or the probe itself."""
    if one.probe.reason == "server-frozen":
        return Harm(since_s=one.at)
    asked = _asked(evidence, one)
    if not asked:
        return None
    since = min(t for t, _ in asked)
    # what a frozen server did not read, nobody knows
    methods = None if isinstance(one.fault, ServerFreeze) else {what for _, what in asked}
    until = one.over + GIVES_UP_WITHIN_S
    told = [entry.t for entry in _given_up(evidence, since=since, until=until, methods=methods)]
    if methods is None or "SUBSCRIBE" in methods:
        told += [entry.t for entry in _expired(evidence, one)]
    if one.closed is not None and since <= one.closed <= until:
        told.append(one.closed)
    told = [t for t in told if t <= one.probe.known_s]
    return Harm(since_s=min(told)) if told else None


def _asked(evidence: Evidence, one: Struck) -> list[tuple[float, str]]:
    """Return when the client asked something meanwhile, and what: by the server or, while that is frozen, its link."""
    if not isinstance(one.fault, ServerFreeze):
        said: list[Entry[Ignored | Held]] = [*evidence.of(Ignored), *evidence.of(Held)]
        return [(entry.t, entry.event.what) for entry in said if one.at <= entry.t <= one.over]
    last = evidence.cell.topology.server_link().name
    return [
        (entry.t, "")
        for entry in _packets(evidence, one.flow)
        if one.at <= entry.t <= one.over
        and (entry.event.link, entry.event.from_ != evidence.server) == (last, True)
        and entry.event.payload > 0
    ]


def _given_up(
    evidence: Evidence, *, since: float, until: float, methods: Collection[str] | None = None
) -> list[Entry[Event]]:
    """Requests of the client that failed in a time, and connections it gave up for want of an answer."""
    found: list[Entry[Event]] = [*evidence.of(Unanswered)]
    for kind, method in REQUESTS.items():
        if methods is None or method in methods:
            found += [entry for entry in evidence.of(kind) if entry.event.code >= FAILED_FROM]
    return [entry for entry in found if since <= entry.t <= until]


def _expired(evidence: Evidence, one: Struck) -> list[Entry[ServerSubscription]]:
    """Subscriptions that the server saw end for want of a refresh."""
    ended = evidence.of(ServerSubscription, state="expired")
    return [entry for entry in ended if one.at <= entry.t <= one.probe.known_s]


def proof_of(entry: Entry[FaultBegan]) -> dict[str, Any]:
    """Return what a fault proved when it began."""
    proof: dict[str, Any] = json.loads(bytes(entry.event.proof))
    return proof
