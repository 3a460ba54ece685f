"""What the sentinel's flows must have met if the middleboxes do what the scenario says, and whether they did. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from lab.judge.story import Story
from lab.model.middlebox import ForgottenFlow, Middlebox
from lab.model.scenario import Cell
from lab.model.topology import Role, Topology

FLOWS = ("from-inside", "from-outside")
OUTCOMES = ("delivered", "reset", "silent", "failed")

EARLY_S = 0.5
"""A mapping that ends this much before its time ended too early; conntrack counts in ticks of at most 10 ms."""


def expected(path: Sequence[tuple[Middlebox, bool]]) -> tuple[str, str]:
    """What a sender meets (delivered, reset, silent): from inside, from outside.

    Args:
        path: the middleboxes between client and server, the client's first, each with whether it forgot the flow.
    """
    return _from_inside(path), _from_outside(path)


def forgets(box: Middlebox, *, idle: float) -> bool:
    """Whether a middlebox forgets an established TCP flow that has been idle for so long (seconds)."""
    return box.established_idle_timeout is not None and idle >= box.established_idle_timeout


def middleboxes_on_path(topology: Topology) -> tuple[str, ...]:
    """The names of the middleboxes between client and server, the client's first."""
    path = _path(topology, topology.only(Role.CLIENT).name, topology.only(Role.SERVER).name, frozenset())
    return tuple(name for name in path if topology.node(name).role is Role.MIDDLEBOX)


def outcome_of(story: Story, flow: str) -> str:
    """What came of a flow's challenge, one of ``OUTCOMES``; empty if it was not challenged."""
    for _, line in story.of("sentinel", "sentinel", flow=flow):
        if line["state"] in OUTCOMES:
            return str(line["state"])
    return ""


def doubt(cell: Cell, story: Story) -> str:
    """Why the record does not show the middleboxes doing what the scenario says; empty if it does."""
    boxes = dict(cell.middleboxes)
    names = middleboxes_on_path(cell.topology)
    for flow, side in zip(FLOWS, (0, 1), strict=True):
        sent = next((line for _, line in story.of("sentinel", "sentinel", flow=flow, state="sent")), None)
        outcome = outcome_of(story, flow)
        if sent is None or not outcome:
            return f"the sentinel's flow {flow} was not challenged"
        quiet_since = sent["t"] - sent["idle"]
        if cut := _cut_during(story, sent["t"]):
            return f"link {cut} was down while the sentinel was challenged"
        path = [
            (boxes[name], forgets(boxes[name], idle=sent["idle"]) or _emptied(story, name, quiet_since, sent["t"]))
            for name in names
        ]
        wanted = expected(path)[side]
        if outcome != wanted:
            return (
                f"sentinel: sent {flow.replace('-', ' ')} after {sent['idle']:.1f} s of silence,"
                f" the middlebox should show `{wanted}`, showed `{outcome}`"
            )
        if early := _too_early(story, flow, boxes, quiet_since=quiet_since, until=sent["t"]):
            return early
    return ""


def _from_inside(path: Sequence[tuple[Middlebox, bool]]) -> str:
    for box, has_forgotten in path:
        if has_forgotten and box.forgotten is not ForgottenFlow.REPICKUP:
            return "silent" if box.forgotten is ForgottenFlow.SILENT else "reset"
    return "delivered"


def _from_outside(path: Sequence[tuple[Middlebox, bool]]) -> str:
    for box, has_forgotten in reversed(path):
        if has_forgotten:
            return "reset" if box.forgotten is ForgottenFlow.RST_TO_SENDER else "silent"
    return "delivered"


def _path(topology: Topology, start: str, goal: str, been: frozenset[str]) -> tuple[str, ...]:
    """The nodes from start to goal; empty if there is no way (the topology has no loops, so there is at most one)."""
    if start == goal:
        return (goal,)
    for link in topology.links:
        ends = [end for end, _ in link.ends]
        if start in ends:
            (other,) = (end for end in ends if end != start)
            if other not in been and (rest := _path(topology, other, goal, been | {start})):
                return (start, *rest)
    return ()


def _emptied(story: Story, node: str, since: float, until: float) -> bool:
    faults = story.of("runner", "fault", fault="ForgetFlows", node=node)
    return any(since <= line["t"] <= until for _, line in faults)


def _cut_during(story: Story, sent: float) -> str:
    """The link that was down at some moment of a challenge."""
    for _, line in story.of("runner", "fault", fault="LinkDown"):
        if line["t"] <= sent + 3 and line["t"] + line["lasts"] >= sent:
            return str(line["link"])
    return ""


def _too_early(story: Story, flow: str, boxes: dict[str, Middlebox], *, quiet_since: float, until: float) -> str:
    established = next((line for _, line in story.of("sentinel", "sentinel", flow=flow, state="established")), None)
    if established is None:
        return f"the sentinel's flow {flow} was never established"
    for _, line in story.of("middlebox", "mapping", state="destroyed", inside=established["local"]):
        lived = line["t"] - quiet_since
        timeout = boxes[line["node"]].established_idle_timeout
        if line["t"] >= until or _emptied(story, line["node"], quiet_since, line["t"]):
            continue
        if timeout is None or lived < timeout - EARLY_S:
            return f"middlebox {line['node']} forgot the sentinel's flow after {lived:.1f} s, not {timeout or 'never'}"
    return ""
