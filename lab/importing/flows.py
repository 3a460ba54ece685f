"""Puts facts of several viewpoints together into flows: what was sent, and whether it arrived. Pure.

Two viewpoints matter: the one that is nearest to the client, and the one that is nearest to the server. A fact of the
sender's viewpoint and the same fact at the receiver's are one `Event`.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from lab.importing.facts import (
    Datagram,
    Endpoint,
    Fact,
    KeepAlive,
    Message,
    Place,
    Record,
    Segment,
    Side,
    Unreachable,
    Viewpoint,
)

INITIAL_TTLS = (64, 128, 255)
"""Of Linux and Apple; Windows; others: a packet that has one of these has passed no router."""
SAME_S = 3.0
"""A packet is on its way for so long at most; later it is another one."""


@dataclass(slots=True)
class Event:
    """Something that one end sent.

    Attributes:
        t: when it was seen first.
        up: from the client.
        fact: as the sender's viewpoint saw it; if none did, as the receiver's did.
        arrived: whether it was seen at the receiver's viewpoint; None: there is none.
        sent: whether it was seen at the sender's viewpoint; None: there is none. False: somebody in between made it.
        ttl: as the viewpoint nearest to the receiver saw it.
    """

    t: float
    up: bool
    fact: Fact
    arrived: bool | None = None
    sent: bool | None = None
    ttl: int = 0

    @property
    def place(self) -> Place:
        """The frame or line that says so."""
        return self.fact.place


@dataclass(slots=True, kw_only=True)
class Flow:
    """A connection, or a pair of UDP endpoints.

    Attributes:
        transport: ``udp``, ``tcp``, ``tls``, ``ws`` or ``wss``.
        client: the client's endpoint at the viewpoint nearest to it.
        outside: its endpoint at the server's viewpoint; None: there is none.
        server: the server's endpoint.
        events: in the order of time.
        carries_sip: whether it does; else it is another flow of the same hosts.
    """

    transport: str
    client: Endpoint
    server: Endpoint
    outside: Endpoint | None = None
    events: list[Event] = field(default_factory=list)
    carries_sip: bool = False

    @property
    def start(self) -> float:
        """The time of its first event."""
        return self.events[0].t

    @property
    def end(self) -> float:
        """The time of its last event."""
        return self.events[-1].t

    @property
    def is_stream(self) -> bool:
        """True if TCP carries it."""
        return self.transport != "udp"


@dataclass(frozen=True, slots=True)
class Sides:
    """The viewpoints that matter.

    Attributes:
        near: nearest to the client; None: none is known to be on its side.
        far: nearest to the server.
        ttls: whether TTLs say so.
    """

    near: Viewpoint | None
    far: Viewpoint | None

    @property
    def both(self) -> bool:
        """True if both ends can be seen."""
        return self.near is not None and self.far is not None and self.near != self.far


def sides(facts: Iterable[Fact], clients: frozenset[str]) -> Sides:
    """Find the viewpoints nearest to the ends, from what formats know and from TTLs."""
    hops: dict[Viewpoint, dict[bool, int]] = defaultdict(dict)
    for fact in facts:
        ttl = getattr(fact, "ttl", 0)
        here = hops[fact.view]
        if ttl:
            up = fact.source.host in clients
            distance = min(start - ttl for start in INITIAL_TTLS if start >= ttl)
            here[up] = min(distance, here.get(up, 255))
    views = sorted(hops, key=lambda view: (view.file, view.interface))
    known = {side: [view for view in views if view.side is side] for side in (Side.CLIENT, Side.SERVER)}
    near = known[Side.CLIENT] or [v for v in views if v.side is Side.UNKNOWN and hops[v].get(True) == 0]
    far = known[Side.SERVER] or [v for v in views if v.side is Side.UNKNOWN and hops[v].get(False) == 0]
    if not near and not far and views:  # neither end: the one that is nearer to one of them
        view = min(views, key=lambda each: min(hops[each].values(), default=255))
        return Sides(view, None) if hops[view].get(True, 255) <= hops[view].get(False, 255) else Sides(None, view)
    return Sides(near[0] if near else None, far[-1] if far else None)


def flows(facts: Sequence[Fact], clients: frozenset[str], seen: Sides) -> list[Flow]:
    """Return the flows of an account, in the order of time."""
    near = _of_view(facts, clients, seen.near)
    far = _of_view(facts, clients, seen.far) if seen.both or seen.near is None else []
    if not far or not near:
        single = near or far
        for flow in single:
            for event in flow.events:
                at_client = bool(near)
                event.arrived = True if event.up is not at_client else None
                event.sent = True if event.up is at_client else None
        return single
    found, rest = [], list(far)
    skew = _skew(near, far)
    for flow in near:
        other = next((each for each in rest if _same_flow(flow, each, skew)), None)
        if other is not None:
            rest.remove(other)
        found.append(_merged(flow, other, skew))
    found += [_merged(None, each, skew) for each in rest]
    return sorted(found, key=lambda flow: flow.start)


def _of_view(facts: Sequence[Fact], clients: frozenset[str], view: Viewpoint | None) -> list[Flow]:
    open_: dict[tuple[bool, Endpoint, Endpoint], Flow] = {}
    found: list[Flow] = []
    opened: dict[int, tuple[float, int]] = {}
    for fact in facts:
        if fact.view != view or isinstance(fact, Unreachable):
            continue
        up = fact.source.host in clients and (
            fact.destination.host not in clients or fact.source.port > fact.destination.port
        )
        client, server = (fact.source, fact.destination) if up else (fact.destination, fact.source)
        key = fact.transport != "udp", client, server
        flow = open_.get(key)
        syn = isinstance(fact, Segment) and "S" in fact.flags and "A" not in fact.flags
        if flow is None or (syn and isinstance(fact, Segment) and opened.get(id(flow), (0, fact.seq))[1] != fact.seq):
            flow = open_[key] = Flow(transport=fact.transport, client=client, server=server, outside=client)
            found.append(flow)
        if isinstance(fact, Segment) and syn:
            opened[id(flow)] = fact.t, fact.seq
        if fact.transport not in ("tcp", flow.transport):
            flow.transport = fact.transport
        flow.carries_sip = flow.carries_sip or isinstance(fact, Message)
        flow.events.append(Event(fact.t, up, fact, ttl=getattr(fact, "ttl", 0)))
    return found


def _key(event: Event) -> tuple[object, ...]:
    fact = event.fact
    if isinstance(fact, Segment):
        return "segment", event.up, fact.flags, fact.seq, fact.size
    if isinstance(fact, Message):
        return "message", event.up, fact.method, fact.code, fact.cseq, fact.call
    if isinstance(fact, Datagram):
        return "datagram", event.up, fact.size
    if isinstance(fact, KeepAlive):
        return "kept", event.up, fact.what
    return "record", event.up, *((fact.kind, fact.size) if isinstance(fact, Record) else ())


def _skew(near: Sequence[Flow], far: Sequence[Flow]) -> float:
    """Return how far the server's viewpoint's clock is ahead, from messages that both have once."""
    times: dict[tuple[object, ...], list[float]] = defaultdict(list)
    for flow in near:
        for event in flow.events:
            if isinstance(event.fact, Message):
                times[_key(event)].append(event.t)
    ways: dict[bool, list[float]] = {True: [], False: []}
    for flow in far:
        for event in flow.events:
            there = times.get(_key(event), []) if isinstance(event.fact, Message) else []
            if len(there) == 1:
                ways[event.up].append(event.t - there[0])
    if not ways[True] or not ways[False]:
        both = ways[True] or ways[False]
        return min(both, default=0.0) if both and abs(min(both)) > SAME_S else 0.0
    return (min(ways[True]) + max(ways[False])) / 2


def _same_flow(near: Flow, far: Flow, skew: float) -> bool:
    """Return whether two viewpoints saw one flow, whose client's endpoint a NAT may have changed."""
    if near.server.port != far.server.port or near.is_stream != far.is_stream:
        return False
    if near.end < far.start - skew - SAME_S or far.end - skew < near.start - SAME_S:
        return False
    if near.is_stream:
        ours = {e.fact.seq for e in near.events if isinstance(e.fact, Segment) and e.up}
        return any(isinstance(e.fact, Segment) and e.up and e.fact.seq in ours for e in far.events)
    if near.client == far.client:
        return True
    ours_too = {_key(event) for event in near.events if isinstance(event.fact, Message)}
    return any(isinstance(e.fact, Message) and _key(e) in ours_too for e in far.events)


def _merged(near: Flow | None, far: Flow | None, skew: float) -> Flow:
    first = near or far
    assert first is not None
    flow = Flow(
        transport=max((each.transport for each in (near, far) if each is not None), key=len),
        client=first.client,
        server=first.server,
        outside=far.client if far is not None else None,
        carries_sip=any(each is not None and each.carries_sip for each in (near, far)),
    )
    there: dict[tuple[object, ...], list[Event]] = defaultdict(list)
    for event in far.events if far is not None else ():
        event.t -= skew
        there[_key(event)].append(event)
    for event in near.events if near is not None else ():
        matches = there[_key(event)]
        other = _match(event, matches)
        event.sent, event.arrived = (True, other is not None) if event.up else (other is not None, True)
        if other is not None:
            matches.remove(other)
            if event.up:
                event.ttl = other.ttl
            else:
                event.t, event.fact = min(event.t, other.t), event.fact
        flow.events.append(event)
    for rest in there.values():
        for event in rest:
            event.sent, event.arrived = (False, True) if event.up else (True, False)
            flow.events.append(event)
    flow.events.sort(key=lambda event: (event.t, event.place))
    return flow


def _match(event: Event, others: Sequence[Event]) -> Event | None:
    """Return the same packet at the other viewpoint: of several the one that is nearest in time."""
    close = [each for each in others if abs(each.t - event.t) <= SAME_S]
    ordered = [each for each in close if (each.t >= event.t - 0.05) is event.up or abs(each.t - event.t) <= 0.05]
    return min(ordered, key=lambda each: abs(each.t - event.t), default=None)
