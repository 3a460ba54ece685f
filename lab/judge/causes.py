"""Why a probe went unanswered: the oldest link of the chain that the record shows.

Each finder looks for one mechanism that broke the server's flow to the client before the probe's deadline and was not
mended by then. The oldest finding is the cause; the others are its consequences or came too late to matter. A fault
that did no harm is not found (``lab.judge.harm``), and one that did is as old as that harm.
"""

from __future__ import annotations

from collections.abc import Iterator

from lab.judge import faults
from lab.judge.sentinel import OUTCOMES, outcome_of
from lab.judge.story import ENDED_AT_CLIENT, Flow, ProbeSeen, Story
from lab.model.outcome import CauseFound
from lab.model.scenario import Cell
from lab.model.topology import Role
from lab.model.verdict import Cause

DIES_WITHIN_S = 1.0
"""The runner hears of the end of the client's process this soon after its kernel has closed its connections."""

AFTER_FORGETTING = {
    ("silent", "silent"): " and drops what follows from either side silently",
    ("delivered", "silent"): " and picks it up again only from inside",
    ("reset", "reset"): " and answers either side with RST",
    ("reset", "silent"): " and answers the inside with RST, the outside with silence",
    ("closed", "silent"): " and has ended it towards the inside with FIN",
    ("unreachable", "silent"): " and answers the inside with ICMP, the outside with silence",
}
"""What the middlebox then did, by what the sentinel met (from inside, from outside) on flows of its own."""


def find(cell: Cell, story: Story, probe: ProbeSeen) -> CauseFound:
    """The cause of the failure of a probe."""
    flow = flow_of(story, probe)
    closed = [] if flow is None else [*_client_closed(story, flow, probe), *_seen_closing(cell, story, flow, probe)]
    found = [(cause, cause.at_s) for cause in _aborted(story, probe.known_s)]
    if flow is not None:
        own = [cause.at_s for cause in closed if cause.kind is Cause.CLIENT_CLOSED]
        found += faults.causes(cell, story, probe, flow, closed=next(iter(own), None))
        found += [(cause, cause.at_s) for cause in (*closed, *_mapping_lost(story, flow, probe.asked_s))]
    if not found:
        sent = probe.asked_s
        return CauseFound(
            kind=Cause.UNKNOWN, at_s=None, text=f"no answer to the probe at {sent:.1f} s; the record does not show why"
        )
    return min(found, key=lambda one: one[1] if one[1] is not None else probe.asked_s)[0]


def flow_of(story: Story, probe: ProbeSeen) -> Flow | None:
    """The flow a probe took or should have taken; None if there was none."""
    own = probe.flow if probe.kind != "notify" else None
    return story.flow(own, probe.asked_s) if own else story.subscription_flow(probe.asked_s)


def _aborted(story: Story, before: float) -> Iterator[CauseFound]:
    for number, line in story.of("client", "aborted"):
        if line["t"] <= before:
            yield CauseFound(
                kind=Cause.CLIENT_ABORTED,
                at_s=line["t"],
                text=f"client process ended by {line['how']} at {line['t']:.1f} s: {line['last']}",
                evidence=(number,),
            )


def _client_closed(story: Story, flow: Flow, probe: ProbeSeen) -> Iterator[CauseFound]:
    for number, line in story.transport(flow):
        if line["t"] > probe.known_s or line["state"] == "connected":
            continue
        if line["reason"] == "idle-timer":
            kind, text = Cause.CLIENT_IDLE_TIMER, f"client idle timer closed the transport at {line['t']:.1f} s"
        else:
            why = line["reason"] or line["state"]
            kind, text = Cause.CLIENT_CLOSED, f"client's transport ended at {line['t']:.1f} s: {why}"
        yield CauseFound(kind=kind, at_s=line["t"], text=text, evidence=(number,))
        return


def _seen_closing(cell: Cell, story: Story, flow: Flow, probe: ProbeSeen) -> Iterator[CauseFound]:
    """What the network shows where the client does not speak of the end of its transport: who sent FIN or RST first."""
    before = probe.known_s
    if any(line["t"] <= before and line["state"] in ENDED_AT_CLIENT for _, line in story.transport(flow)):
        return
    client = cell.topology.only(Role.CLIENT).name
    for number, line in story.of("link", "packet", proto="tcp"):
        ends = (line["src"], line["dst"])
        if flow.inside not in ends or line["t"] > before or not {"F", "R"} & set(line["flags"]):
            continue
        dying = any(line["t"] <= died["t"] <= line["t"] + DIES_WITHIN_S for _, died in story.of("client", "aborted"))
        if line["src"] == flow.inside and line["from"] == client and not dying:
            text = (
                f"client closed the connection at {line['t']:.1f} s, as link {line['link']} shows; it does not say why"
            )
            yield CauseFound(kind=Cause.CLIENT_CLOSED, at_s=line["t"], text=text, evidence=(number,))
        return


def _mapping_lost(story: Story, flow: Flow, before: float) -> Iterator[CauseFound]:
    lost = story.lost_mappings(flow, before)
    if not lost:
        return
    number, line = min(lost, key=lambda found: found[1]["t"])
    observed = _observed(story, line["node"])
    met = [at for at, said in story.of("sentinel", "sentinel") if observed and said["state"] in OUTCOMES]
    yield CauseFound(
        kind=Cause.MIDDLEBOX_FORGOT,
        at_s=line["t"],
        text=f"middlebox {line['node']} forgot the flow at {line['t']:.1f} s{observed}",
        evidence=(number, *met),
    )


def _observed(story: Story, node: str) -> str:
    """What the middlebox was seen to do with what it has forgotten, by the sentinel's flows."""
    flows = {line["flow"]: line for _, line in story.of("sentinel", "sentinel", state="established")}
    found = {line["flow"]: line.get("found") for _, line in story.of("sentinel", "sentinel", state="sent")}
    if found and set(found.values()) == {"reset"}:
        return " and ended it towards both with RST"
    if (own := flows.get("from-inside")) is not None:
        mapped = story.of("middlebox", "mapping", node=node, inside=own["local"], state="new")
        if len({line["outside"] for _, line in mapped}) > 1:
            return " and picks it up only from inside, on another port, where the server knows no connection"
    return AFTER_FORGETTING.get((outcome_of(story, "from-inside"), outcome_of(story, "from-outside")), "")
