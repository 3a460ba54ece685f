"""Builds the chain from a cause to the lost probe; each step names the lines that show it. Pure.

The record shows what happened, not what followed from what. So the links between are what befell the probe's own flow,
the subscription and the client's requests after the cause and before the probe's end; each kind once, when it first
happened. The last link is the symptom: the probe, and how far it got.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator

from lab.judge import account, probe_packets, pushes
from lab.judge.causes import HUNG_UP, flow_of
from lab.judge.probe_needs import Account
from lab.judge.sentinel import CLOSED
from lab.judge.tolerances import CLOCKS_S, TICKS_S
from lab.model.outcome import Cause, ChainStep
from lab.model.topology import Role, Topology
from lab.record.entry import Entry
from lab.record.events import (
    ENDED_AT_CLIENT,
    ENDED_AT_SERVER,
    GIVEN_UP,
    REQUESTS,
    Event,
    Ignored,
    KeepAlive,
    Mapping,
    Probe,
    ServerFlow,
    Unanswered,
)
from lab.record.evidence import Evidence, ProbeAttempt, accepted
from lab.record.flows import Flow

_KEEP_ALIVES = {"options": "OPTIONS", "crlf": "CRLF", "ws-ping": "ping frame"}


def chain(evidence: Evidence, probe: ProbeAttempt, cause: Cause) -> tuple[ChainStep, ...]:
    """Return the links from the cause, which is the first, to the failed probe, which is the last.

    A cause that is unknown is no link, nor is anything before the probe one then.
    """
    symptom = _symptom(evidence, probe)
    if cause.at_s is None:
        return (symptom,)
    flow = flow_of(evidence, probe)
    needed = account.needed(evidence.cell, probe.kind)
    at_once = {entry.t for entry in account.changes(evidence, needed) if entry.event.state == "expired"}
    between = [
        link
        for link in (
            *_of_flow(evidence, flow),
            *_of_requests(evidence, needed, since=cause.at_s, until=probe.known_s + CLOCKS_S),
            *_of_fault(evidence, cause),
            *pushes.steps(evidence, probe),
        )
        if cause.at_s <= link.at_s <= probe.known_s + CLOCKS_S * (link.at_s in at_once)
        and not {*link.evidence} & {*cause.evidence, *symptom.evidence}
    ]
    first = ChainStep(at_s=cause.at_s, text=cause.text, evidence=cause.evidence)
    return (first, *sorted(between, key=lambda link: link.at_s), symptom)


def _of_flow(evidence: Evidence, flow: Flow | None) -> Iterator[ChainStep]:
    """Find the end of the flow: of its mapping, of its connection at either side."""
    if flow is None:
        return
    for inside in flow.hops or (flow.inside,):
        for mapping in evidence.of(Mapping, inside=inside, state="destroyed"):
            if mapping.event.tcp_state not in CLOSED:
                yield _link(mapping, f"the mapping in {mapping.who} ended")
                break
    for transport in evidence.transport(flow):
        if transport.event.state in ENDED_AT_CLIENT:
            by_timer = transport.event.reason == "idle-timer"
            what = "client idle timer closed the transport" if by_timer else "the client's connection ended"
            yield _link(transport, what, "" if by_timer else transport.event.reason)
            break
    for ended in evidence.of(ServerFlow, id=flow.id):
        if ended.event.state in ENDED_AT_SERVER:
            yield _link(ended, "the server's connection ended", ended.event.reason or ended.event.state)
            break


def _of_requests(evidence: Evidence, needed: Account, *, since: float, until: float) -> Iterator[ChainStep]:
    """Find what client and server then tried in vain, and the account that ended for want of it."""
    kinds: list[list[tuple[Entry[Event], str, str]]] = [
        [(entry, f"the server ignored {entry.event.what}", "") for entry in evidence.between(Ignored, since, until)],
        [
            (entry, "the client gave up its connection", "no answer")
            for entry in evidence.between(Unanswered, since, until)
        ],
    ]
    failed = [(each, method) for each, method in evidence.failed_requests() if since <= each.t <= until]
    kinds += [
        [(each, f"the client's {method} failed", str(each.event.code)) for each, method in failed if method == asked]
        for asked in REQUESTS.values()
    ]
    kinds += [
        [
            (entry, f"the server's {_KEEP_ALIVES[entry.event.kind]} failed", entry.event.reason)
            for entry in evidence.between(KeepAlive, since, until, state="failed")
        ],
        [
            (entry, f"the server's {needed} ended", entry.event.state)
            for entry in account.changes(evidence, needed)
            if since <= entry.t <= until and entry.event.state not in account.GRANTED
        ],
    ]
    for kind in kinds:
        if kind:
            yield _link(*min(kind, key=lambda each: each[0].t))


def _of_fault(evidence: Evidence, cause: Cause) -> Iterator[ChainStep]:
    """Find the end of a fault that lasted, if a fault is the cause."""
    for place in range(len(evidence.cell.faults)):
        began, ended = evidence.fault_began(place), evidence.fault_ended(place)
        if began is not None and ended is not None and began.line in cause.evidence and ended.t > began.t + TICKS_S:
            yield _link(ended, "the fault was over")


_SAID_OF = {
    "flow-gone": "{name} failed: flow {flow} had ended",
    "no-subscription": "{name} had no subscription",
    "no-binding": "{name} had no binding to go to: nobody was registered",
    "given-up": "{name} was not sent: the server had given up the client",
    "not-registered": "{name} was held for a push, and the client did not register in time",
    "push-refused": "{name} was held for a push, which the push service refused",
    "server-frozen": "{name} was not sent: the server stood still",
    "server-down": "{name} was lost with the server's process",
}
"""What is said of a lost probe, by the server's reason."""


def _symptom(evidence: Evidence, probe: ProbeAttempt) -> ChainStep:
    said = [entry for entry in evidence.of(Probe, probe=probe.name) if entry.t >= probe.asked_s]
    lines = [entry.line for entry in said]
    last = max(said, key=lambda entry: entry.t).event
    request = "BYE" if probe.asked_s > probe.sent_s else probe.kind.upper()
    name = f"{request} {probe.name} at {probe.asked_s:.1f} s"
    if request == "INVITE":
        name = f"call {probe.name} at {probe.asked_s:.1f} s was missed: INVITE"
    if last.reason == HUNG_UP:
        text = f"call {probe.name} of {probe.sent_s:.1f} s was ended by the client at {probe.known_s:.1f} s"
    elif last.reason == GIVEN_UP and probe.asked_s > probe.sent_s:
        text = f"call {probe.name} of {probe.sent_s:.1f} s was ended by the server at {probe.known_s:.1f} s"
    elif last.reason == "timeout":
        packets, how_far = _journey(evidence, probe)
        lines += packets
        text = f"{name} was not answered by {probe.known_s:.1f} s: {how_far}"
    elif last.reason in _SAID_OF:
        text = _SAID_OF[last.reason].format(name=name, flow=last.flow)
    elif last.state == "answered":
        text = f"{name} was " + (
            "answered, and the client had not seen the call begin" if accepted(last) else f"refused: {last.code}"
        )
    else:
        text = f"{name} failed: {last.reason}"
    return ChainStep(at_s=probe.asked_s, text=text, evidence=tuple(sorted(lines)))


def _journey(evidence: Evidence, probe: ProbeAttempt) -> tuple[list[int], str]:
    """Find the packets that went from the server to the client for a probe, and how far they got."""
    topology = evidence.cell.topology
    seen = probe_packets.packets(evidence, probe, flow_of(evidence, probe))
    if not seen:
        tried = any(evidence.of(Probe, probe=probe.name, state="connecting"))
        return [], "the server could not connect to the Contact" if tried else "no packet with data left the server"
    hops = _distances(topology, seen)
    nearest, furthest = min(hops, key=hops.__getitem__), max(hops, key=hops.__getitem__)
    (last,) = (link for link in topology.links if link.name == furthest)
    arrived = any(topology.node(end).role is Role.CLIENT for end, _ in last.ends)
    left = f"{_counted(len(seen[nearest]))} with data left the server"
    reached = f"{len(seen[furthest])} reached the client's link {furthest}"  # where it may no longer be
    how_far = reached if arrived else f"none got beyond link {furthest}"
    return seen[nearest], f"{left}, {how_far}"


def _distances(topology: Topology, links: Collection[str]) -> dict[str, int]:
    """Return how many hops each of these links is away from the server."""
    server = topology.only(Role.SERVER).name
    return {
        link.name: min(len(topology.path(end, server)) for end, _ in link.ends)
        for link in topology.links
        if link.name in links
    }


def _counted(packets: int) -> str:
    return "1 packet" if packets == 1 else f"{packets} packets"


def _link(entry: Entry[Event], what: str, why: str = "") -> ChainStep:
    return ChainStep(
        at_s=entry.t, text=f"{what} at {entry.t:.1f} s" + (f": {why}" if why else ""), evidence=(entry.line,)
    )
