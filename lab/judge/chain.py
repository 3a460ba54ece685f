"""From a cause to the probe it cost: what happened in between, each link with the lines that show it. Pure.

The record shows what happened, not what followed from what. So the links between are what befell the probe's own flow,
the subscription and the client's requests after the cause and before the probe's end; each kind once, when it first
happened. The last link is the symptom: the probe, and how far it got.
"""

from __future__ import annotations

from collections.abc import Iterator

from lab.judge.causes import flow_of
from lab.judge.faults import begun
from lab.judge.sentinel import CLOSED
from lab.judge.story import (
    BEFORE_S,
    ENDED_AT_CLIENT,
    ENDED_AT_SERVER,
    FAILED_FROM,
    Flow,
    Line,
    ProbeSeen,
    Story,
    accepted,
)
from lab.model.outcome import CauseFound, Link
from lab.model.scenario import Cell
from lab.model.topology import Role, Topology

_REQUESTS = {"options-answer": "OPTIONS", "registration": "REGISTER", "subscription": "SUBSCRIBE"}
"""Events of the client that tell the outcome of a request, and which."""

_KEEP_ALIVES = {"options": "OPTIONS", "crlf": "CRLF"}

LASTING_S = 0.5
"""A fault that was over sooner was over at once."""


def chain(cell: Cell, story: Story, probe: ProbeSeen, cause: CauseFound) -> tuple[Link, ...]:
    """The links from the cause, which is the first, to the failed probe, which is the last.

    A cause that is unknown is no link, nor is anything before the probe one then.
    """
    symptom = _symptom(cell, story, probe)
    if cause.at_s is None:
        return (symptom,)
    flow = flow_of(story, probe)
    between = [
        link
        for link in (*_of_flow(story, flow), *_of_requests(story, since=cause.at_s), *_of_fault(cell, story, cause))
        if cause.at_s <= link.at_s <= probe.known_s and not {*link.evidence} & {*cause.evidence, *symptom.evidence}
    ]
    first = Link(at_s=cause.at_s, text=cause.text, evidence=cause.evidence)
    return (first, *sorted(between, key=lambda link: link.at_s), symptom)


def _of_flow(story: Story, flow: Flow | None) -> Iterator[Link]:
    """The end of the flow: of its mapping, of its connection at either side."""
    if flow is None:
        return
    for inside in flow.hops or (flow.inside,):
        for number, line in story.of("middlebox", "mapping", inside=inside, state="destroyed"):
            if line.get("tcp_state") not in CLOSED:
                yield _link(number, line, f"the mapping in {line['node']} ended")
                break
    for number, line in story.transport(flow):
        if line["state"] in ENDED_AT_CLIENT:
            by_timer = line["reason"] == "idle-timer"
            what = "client idle timer closed the transport" if by_timer else "the client's connection ended"
            yield _link(number, line, what, "" if by_timer else line["reason"])
            break
    for number, line in story.of("server", "flow", id=flow.id):
        if line["state"] in ENDED_AT_SERVER:
            yield _link(number, line, "the server's connection ended", line["reason"] or line["state"])
            break


def _of_requests(story: Story, *, since: float) -> Iterator[Link]:
    """What client and server then tried in vain, and the subscription that ended for want of it."""
    kinds = (
        [(n, line, f"the server ignored {line['what']}", "") for n, line in story.of("server", "ignored")],
        [(n, line, "the client gave up its connection", "no answer") for n, line in story.of("client", "unanswered")],
        *(
            [
                (number, line, f"the client's {method} failed", str(line["code"]))
                for number, line in story.of("client", ev)
                if line["code"] >= FAILED_FROM
            ]
            for ev, method in _REQUESTS.items()
        ),
        [
            (number, line, f"the server's {_KEEP_ALIVES[line['kind']]} failed", line["reason"])
            for number, line in story.of("server", "keep-alive", state="failed")
        ],
        [
            (number, line, "the server's subscription ended", line["state"])
            for number, line in story.of("server", "subscription")
            if line["state"] in ("expired", "terminated")
        ],
    )
    for kind in kinds:
        later = [each for each in kind if each[1]["t"] >= since]
        if later:
            yield _link(*min(later, key=lambda each: float(each[1]["t"])))


def _of_fault(cell: Cell, story: Story, cause: CauseFound) -> Iterator[Link]:
    """The end of a fault that lasted, if a fault is the cause."""
    for place in range(len(cell.faults)):
        for number, line in begun(story, place):
            for end, over in story.of("runner", "fault-over", n=place):
                if number in cause.evidence and over["t"] > line["t"] + LASTING_S:
                    yield _link(end, over, "the fault was over")


def _symptom(cell: Cell, story: Story, probe: ProbeSeen) -> Link:
    said = [
        (number, line)
        for who in ("server", "runner")
        for number, line in story.of(who, "probe", probe=probe.name)
        if line["t"] >= probe.asked_s
    ]
    evidence = [number for number, _ in said]
    _, last = max(said, key=lambda each: float(each[1]["t"]))
    request = "BYE" if probe.asked_s > probe.sent_s else probe.kind.upper()
    name = f"{request} {probe.name} at {probe.asked_s:.1f} s"
    reason = last.get("reason", "")
    if reason == "timeout":
        packets, how_far = _journey(cell.topology, story, probe)
        evidence += packets
        text = f"{name} was not answered by {probe.known_s:.1f} s: {how_far}"
    elif reason == "flow-gone":
        text = f"{name} had no flow: {last['flow']} was gone"
    elif reason == "no-subscription":
        text = f"{name} had no subscription"
    elif reason == "server-frozen":
        text = f"{name} was not sent: the server stood still"
    elif last["state"] == "answered" and not accepted(last):
        text = f"{name} was refused: {last['code']}"
    elif last["state"] == "answered":  # of a call
        text = f"{name} was answered, and the client had not seen the call begin"
    else:
        text = f"{name} failed: {reason}"
    return Link(at_s=probe.asked_s, text=text, evidence=tuple(sorted(evidence)))


def _journey(topology: Topology, story: Story, probe: ProbeSeen) -> tuple[list[int], str]:
    """The packets with data that went from the server to the client for a probe, and how far they got."""
    flow = flow_of(story, probe)
    ends = set() if flow is None else {flow.peer, flow.inside, *flow.hops}
    seen: dict[str, list[int]] = {}
    for number, line in story.of("link", "packet"):
        if line["dst"] in ends and line["payload"] > 0 and probe.asked_s - BEFORE_S <= line["t"] <= probe.known_s:
            seen.setdefault(line["link"], []).append(number)
    if not seen:
        return [], "no packet with data left the server"
    server = topology.only(Role.SERVER).name
    hops = {
        link.name: min(len(topology.path(end, server)) for end, _ in link.ends)
        for link in topology.links
        if link.name in seen
    }
    nearest, furthest = min(hops, key=hops.__getitem__), max(hops, key=hops.__getitem__)
    (last,) = (link for link in topology.links if link.name == furthest)
    arrived = any(topology.node(end).role is Role.CLIENT for end, _ in last.ends)
    left = f"{_counted(len(seen[nearest]))} with data left the server"
    reached = f"{len(seen[furthest])} reached the client's link {furthest}"  # where it may no longer be
    how_far = reached if arrived else f"none got beyond link {furthest}"
    return seen[nearest], f"{left}, {how_far}"


def _counted(packets: int) -> str:
    return "1 packet" if packets == 1 else f"{packets} packets"


def _link(number: int, line: Line, what: str, why: str = "") -> Link:
    t = float(line["t"])
    return Link(at_s=t, text=f"{what} at {t:.1f} s" + (f": {why}" if why else ""), evidence=(number,))
