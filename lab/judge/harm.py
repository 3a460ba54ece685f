"""What a fault did to the way by which the server should have reached the client, as far as the record shows it. Pure.

That a fault happened does not make it a cause: a link may be down while nobody sends. It did harm if the record has a
trace of it on the flow of the lost probe: a packet that was lost, a mapping or connection that ended by it, a request
that nobody answered and that its sender then gave up.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from lab.judge.story import BEFORE_S, ENDED_AT_CLIENT, ENDED_AT_SERVER, FAILED_FROM, Flow, Line, ProbeSeen, Story
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
from lab.model.scenario import Cell
from lab.model.topology import Role

AT_ONCE_S = 1.0
"""What a fault does by itself shows within this time, and the time its segments are under way."""

GIVES_UP_WITHIN_S = 33.0
"""A request that was lost has failed by then: Timer F (RFC 3261 §17.1.2.2, 32 s), and room for what follows."""

_REQUESTS = {"subscription": "SUBSCRIBE", "registration": "REGISTER", "options-answer": "OPTIONS"}
"""Events of the client that tell the outcome of a request, and which."""


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
        fault, line, over: the fault, its line in the record, and when it was over.
        probe, flow: the probe, and the flow it took or should have taken.
        closed: when the client closed that flow for a reason of its own, if it did.
    """

    fault: Fault
    line: Line
    over: float
    probe: ProbeSeen
    flow: Flow
    closed: float | None

    @property
    def at(self) -> float:
        """When the fault began."""
        return float(self.line["t"])


def harm(cell: Cell, story: Story, one: Struck) -> Harm | None:
    """What a fault did to the flow of a lost probe; None if the record shows nothing."""
    match one.fault:
        case Reboot(node=node) | EvictFlow(node=node):
            ended = [line for _, line in story.lost_mappings(one.flow, one.probe.asked_s) if line["node"] == node]
            return _if(one, any(one.at <= line["t"] <= one.at + AT_ONCE_S for line in ended))
        case BlackHole() | LinkDown() | MtuBlackHole() | DnsChange(old=OldAddress.SILENT):
            return _lossy(cell, story, one)
        case ForgedSegment():
            soon = one.at + AT_ONCE_S + sum(each.one_way_delay + each.jitter for each in cell.impairments)
            return _if(one, any(one.at <= t <= soon for t in _ends(story, one.flow)))
        case ServerClose():
            return _if(one, one.line["flow"] == one.flow.id)
        case ServerRestart() | ClientMove():  # no flow survives either
            return _if(one, any(line["t"] < one.at for _, line in story.of("server", "flow", id=one.flow.id)))
        case ServerFreeze() | ServerMute() | ServerSlow():
            return _unheard(cell, story, one)
        case _:  # a certificate, a name: who was refused says so, see ``faults``
            return Harm(since_s=one.at)


def _if(one: Struck, harmed: bool) -> Harm | None:  # noqa: FBT001  (what follows from it is all there is)
    return Harm(since_s=one.at) if harmed else None


def _ends(story: Story, flow: Flow) -> Iterator[float]:
    """When the flow ended at either side, but for the client's own idle timer."""
    for _, line in story.transport(flow):
        if line["state"] in ENDED_AT_CLIENT and line["reason"] != "idle-timer":
            yield line["t"]
    for _, line in story.of("server", "flow", id=flow.id):
        if line["state"] in ENDED_AT_SERVER:
            yield line["t"]


# Packets that were lost


def _lossy(cell: Cell, story: Story, one: Struck) -> Harm | None:
    """What a loss of packets cost: the probe's own, or earlier ones after which the flow was never seen whole again.

    A client that answers, or has no subscription, is not out of reach: there the loss must have cost it a request.
    """
    lost = [(number, line) for number, line in _packets(story, one.flow) if _loses(cell, one, line)]
    if not lost:
        return None
    number, first = lost[0]
    if not one.probe.unreached:
        told = _given_up(story, since=first["t"], until=one.over + GIVES_UP_WITHIN_S)
        told += [line for line in _expired(story, one) if line["t"] >= first["t"]]
        return Harm(since_s=first["t"], evidence=(number,)) if told or cell.client.is_own else None
    if one.probe.asked_s <= one.over:
        asked = [at for at, line in lost if one.probe.asked_s - BEFORE_S <= line["t"] <= one.probe.known_s]
        if asked:
            return Harm(since_s=one.at, evidence=(asked[0],))
    if _alive(cell, story, one.flow, since=one.over, until=one.probe.asked_s):
        return None
    return Harm(since_s=first["t"], evidence=(number,))


def _packets(story: Story, flow: Flow) -> Iterator[tuple[int, Line]]:
    """The packets of a flow, on any link, but for those that end it."""
    ends = {flow.peer, flow.inside, *flow.hops}
    for number, line in story.of("link", "packet"):
        if ends & {line["src"], line["dst"]} and not {"F", "R"} & set(line.get("flags", "")):
            yield number, line


def _loses(cell: Cell, one: Struck, packet: Line) -> bool:
    """Whether a packet ran into a fault: one that a capture has seen where, and while, such packets are lost."""
    if not one.at <= packet["t"] <= one.over:
        return False
    match one.fault:
        case LinkDown(link=link):
            return bool(packet["link"] == link)
        case MtuBlackHole(link=link, mtu=mtu):
            return bool(packet["link"] == link and packet["bytes"] > mtu)
        case DnsChange():
            hosts = {packet[end].partition(":")[0] for end in ("src", "dst")}
            return packet["link"] == cell.topology.server_link().name and one.line["was"] in hosts
        case BlackHole(node=node, direction=direction):
            (wire,) = (each for each in cell.topology.links if each.name == packet["link"])
            arrives = node in {end for end, _ in wire.ends} and packet["from"] != node
            inwards = packet["dst"] in {one.flow.peer, one.flow.inside, *one.flow.hops}
            heading = Direction.IN if inwards else Direction.OUT
            return arrives and one.line["flow"] == one.flow.id and direction in (Direction.BOTH, heading)
        case _:
            return False


def _alive(cell: Cell, story: Story, flow: Flow, *, since: float, until: float) -> bool:
    """Whether a flow was seen to carry packets to the ends again: of TCP both ways, since each is acknowledged."""
    last = cell.topology.server_link().name
    first = {link.name for link in cell.topology.client_links()}
    ends = {flow.peer, flow.inside, *flow.hops}
    out = back = False
    for _, line in _packets(story, flow):
        if since < line["t"] < until:
            out = out or (line["link"] == last and line["src"] in ends)
            back = back or (line["link"] in first and line["dst"] in ends)
            if (out or back) if line["proto"] == "udp" else (out and back):
                return True
    return False


# Requests that were not answered


def _unheard(cell: Cell, story: Story, one: Struck) -> Harm | None:
    """What a server that does not answer, or late, cost: requests given up, a subscription, or the probe itself."""
    if one.probe.reason == "server-frozen":
        return Harm(since_s=one.at)
    asked = _asked(cell, story, one)
    if not asked:
        return None
    since = min(line["t"] for line in asked)
    whats = {line.get("what") for line in asked}
    methods = None if isinstance(one.fault, ServerFreeze) else whats  # what a frozen server did not read, nobody knows
    told = [line["t"] for line in _given_up(story, since=since, until=one.over + GIVES_UP_WITHIN_S, methods=methods)]
    if methods is None or "SUBSCRIBE" in methods:
        told += [line["t"] for line in _expired(story, one)]
    if one.closed is not None and since <= one.closed <= one.over + GIVES_UP_WITHIN_S:
        told.append(one.closed)
    told = [t for t in told if t <= one.probe.known_s]
    return Harm(since_s=min(told)) if told else None


def _asked(cell: Cell, story: Story, one: Struck) -> list[Line]:
    """What the client asked meanwhile: as the server says, or of one that stands still, as its link shows."""
    if not isinstance(one.fault, ServerFreeze):
        said = [*story.of("server", "ignored"), *story.of("server", "held")]
        return [line for _, line in said if one.at <= line["t"] <= one.over]
    server = cell.topology.only(Role.SERVER).name
    last = cell.topology.server_link().name
    return [
        line
        for _, line in _packets(story, one.flow)
        if one.at <= line["t"] <= one.over and line["link"] == last and line["from"] != server and line["payload"] > 0
    ]


def _given_up(story: Story, *, since: float, until: float, methods: Iterable[str | None] | None = None) -> list[Line]:
    """Requests of the client that failed in a time, and connections it gave up for want of an answer."""
    found = [line for _, line in story.of("client", "unanswered")]
    for ev, method in _REQUESTS.items():
        if methods is None or method in methods:
            found += [line for _, line in story.of("client", ev) if line["code"] >= FAILED_FROM]
    return [line for line in found if since <= line["t"] <= until]


def _expired(story: Story, one: Struck) -> list[Line]:
    """Subscriptions that the server saw end for want of a refresh."""
    ended = (line for _, line in story.of("server", "subscription", state="expired"))
    return [line for line in ended if one.at <= line["t"] <= one.probe.known_s]
