"""What a record cannot show if the lab did what the scenario says; a pass would then be worth nothing. Pure.

Faults and sentinel prove that they were there. This looks at the other side: whether the probes themselves, and the
flow they took, agree that it was so.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from lab.judge.faults import begun, over
from lab.judge.metrics import client_packets
from lab.judge.story import BEFORE_S, Flow, Line, ProbeSeen, Story
from lab.model.fault import BlackHole, ClientMove, Fault, LinkDown, ServerFreeze, ServerRestart
from lab.model.middlebox import Middlebox, RefreshDirection, RefreshingSegments
from lab.model.scenario import Cell, NotifyRoute, ProbeKind, Transport
from lab.model.topology import Role
from lab.units import Seconds

LATE_S = 2.0
"""A probe or fault that comes later than this after its time is another one; on a busy machine some tens of
milliseconds are usual, and Kamailio takes a round trip more."""

EARLY_S = 0.1
"""Two clocks of one kernel, read by two processes."""

PAST_S = 2.0
"""A mapping that lets something in this long after its time has not ended: conntrack counts in whole seconds, and so
does the lab where it ages a mapping itself."""


def doubt(cell: Cell, story: Story) -> str:
    """Why the record contradicts the scenario; empty if it does not."""
    return next(_contradictions(cell, story), "")


def _contradictions(cell: Cell, story: Story) -> Iterator[str]:
    probes = {probe.name: probe for probe in story.probes()}
    yield from _untimely(cell, story, probes)
    yield from _unseen(cell, story, probes.values())
    for number, fault in enumerate(cell.faults):
        for _, line in begun(story, number):
            until = over(story, number) or float("inf")
            for probe in probes.values():
                if probe.answered and line["t"] < probe.sent_s and probe.known_s < until:
                    yield from _through(cell, story, fault, line, probe)
    for node, box in cell.middleboxes:
        yield from _let_in(cell, story, node, box)


def _untimely(cell: Cell, story: Story, probes: dict[str, ProbeSeen]) -> Iterator[str]:
    """Probes that came at another time than they should, or were answered too late to count; faults likewise."""
    stands = [fault.lasts for fault in cell.faults if isinstance(fault, ServerFreeze)]
    patience = LATE_S + sum(stands)  # a server that stands still reads what has come when it goes on
    by_contact = cell.server.notify_route is NotifyRoute.CONTACT  # which may have to connect first
    for number, probe in enumerate(cell.probes, start=1):
        seen = probes[f"p{number}"]
        if not seen.answered:
            continue
        if not -EARLY_S <= seen.sent_s - probe.at <= patience + by_contact * probe.within:
            yield f"probe p{number} was sent at {seen.sent_s:.1f} s, not at {probe.at}"
        if probe.kind_ is ProbeKind.INVITE and seen.asked_s - seen.sent_s < probe.hold - EARLY_S:
            yield f"call p{number} was ended after {seen.asked_s - seen.sent_s:.1f} s, not held for {probe.hold}"
        if seen.known_s - seen.asked_s > probe.within + patience:
            waited = f"{seen.known_s - seen.asked_s:.1f} s"
            yield f"probe p{number} counts as answered after {waited}, not within {probe.within}"
    for number, fault in enumerate(cell.faults):
        for _, line in begun(story, number):
            name = f"fault {number + 1} ({line['fault']})"
            if fault.at.fixed is not None and abs(line["t"] - fault.at.fixed) > LATE_S:
                yield f"{name} came at {line['t']:.1f} s, not at {fault.at}"
            lasts = _lasts(fault)
            lasted = (over(story, number) or cell.ends) - line["t"]
            if lasts is not None and abs(lasted - min(lasts, cell.ends - line["t"])) > LATE_S:
                yield f"{name} was over after {lasted:.1f} s, not {lasts}"


def _unseen(cell: Cell, story: Story, probes: Iterable[ProbeSeen]) -> Iterator[str]:
    """Probes that the server takes for answered and of which the client's own links saw nothing."""
    client = cell.topology.only(Role.CLIENT).name
    seen = [line for line in client_packets(cell, story) if line["payload"] > 0]
    for probe in probes:
        first, last = probe.asked_s - BEFORE_S, probe.known_s + BEFORE_S
        sent = {line["from"] == client for line in seen if first <= line["t"] <= last}
        if probe.answered and sent != {True, False}:
            what = "came back" if False in sent else "reached the client"
            yield f"probe {probe.name} counts as answered at {probe.known_s:.1f} s, and nothing {what}"


def _lasts(fault: Fault) -> Seconds | None:
    """How long a fault should last; None: it is over at once, or lasts until the end of the run."""
    return fault.down if isinstance(fault, ServerRestart) else getattr(fault, "lasts", None)


def _through(cell: Cell, story: Story, fault: Fault, line: Line, probe: ProbeSeen) -> Iterator[str]:
    """A probe that was sent and answered while nothing could pass, or nobody was there."""
    flow = story.flow(probe.flow, probe.sent_s) if probe.flow else story.subscription_flow(probe.sent_s)
    match fault:
        case LinkDown(link=link):
            blocked = flow is not None and link in _links(cell, flow)
        case BlackHole():
            blocked = flow is not None and line["flow"] == flow.id and not _moved(cell, story, before=probe.sent_s)
        case ServerFreeze() | ServerRestart():
            blocked = True
        case _:
            blocked = False
    if blocked:
        yield f"probe {probe.name} was answered at {probe.known_s:.1f} s, in the midst of {type(fault).__name__}"


def _links(cell: Cell, flow: Flow) -> set[str]:
    """The links a flow crosses, by the network the client's end of it is in."""
    topology = cell.topology
    client, server = topology.only(Role.CLIENT).name, topology.only(Role.SERVER).name
    host = flow.inside.partition(":")[0]
    for link in topology.client_links():
        ends = dict(link.ends)
        if str(ends[client].ip) == host:
            (start,) = (end for end in ends if end != client)
            nodes = topology.path(start, server)
            return {link.name, *(topology.link_towards(node, server).name for node in nodes[:-1])}
    return set()


def _moved(cell: Cell, story: Story, *, before: float) -> bool:
    moves = (number for number, fault in enumerate(cell.faults) if isinstance(fault, ClientMove))
    return any(line["t"] < before for number in moves for _, line in begun(story, number))


def _let_in(cell: Cell, story: Story, node: str, box: Middlebox) -> Iterator[str]:
    """Packets that a middlebox let in on a mapping that should have ended, of the very flows that the probes take.

    What it passes is what a capture sees it send: outwards from the mapped endpoint, inwards to the client's.
    """
    timer = _longest(box, cell.transport)
    if timer is None:
        return
    about = cell.topology.node(node)
    mapped = {line["outside"]: line["inside"] for _, line in story.of("middlebox", "mapping", node=node, state="new")}
    insides = set(mapped.values())
    under_way = sum(each.one_way_delay + each.jitter for each in cell.impairments)
    refreshed: dict[str, float] = {}
    for line in _passed(cell, story, node):
        outwards = line["link"] == about.outside
        inside = str(mapped.get(line["src"]) if outwards else line["dst"])
        if inside not in insides:
            continue
        quiet = line["t"] - refreshed.get(inside, line["t"])
        if not outwards and quiet > timer + PAST_S + under_way:
            yield f"middlebox {node} let a packet in after {quiet:.1f} s of silence, its timer is {Seconds(timer)}"
        if (outwards or box.refresh_direction is RefreshDirection.BOTH) and _counts(box, line):
            refreshed[inside] = line["t"]


def _longest(box: Middlebox, transport: Transport) -> float | None:
    """The longest a mapping lives without being refreshed; None: for ever, or by rules that are not the timers'."""
    if transport.value in [alg.value for alg in box.sip_alg]:  # it keeps mappings as it likes
        return None
    if transport is Transport.UDP:
        return max(box.udp_mapping_timer, box.new_udp_timer)
    established = box.established_idle_timeout
    return None if established is None else max(established, box.transitory_timeout)


def _passed(cell: Cell, story: Story, node: str) -> Iterator[Line]:
    """The packets of the scenario's transport that a node sent on, but for those that begin or end a connection."""
    proto = "udp" if cell.transport is Transport.UDP else "tcp"
    for _, line in story.of("link", "packet", proto=proto, **{"from": node}):
        if not {"F", "R", "S"} & set(line.get("flags", "")):
            yield line


def _counts(box: Middlebox, packet: Line) -> bool:
    """Whether a packet starts a mapping's timer anew."""
    return box.refreshing_segments is RefreshingSegments.ANY or packet["proto"] == "udp" or packet["payload"] > 0
