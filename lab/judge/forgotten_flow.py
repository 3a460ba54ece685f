"""Finds how a middlebox treated a flow that it had forgotten. Pure."""

from __future__ import annotations

from lab.judge.sentinel import CLOSED, FLOWS, MappingState, Path, deciders, middleboxes_on_path, outcome_of, path_of
from lab.model.middlebox import ForgottenFlow
from lab.model.scenario import Transport
from lab.record.events import SENTINEL_PORT, Mapping, Packet, SentinelChallenged, SentinelOpened
from lab.record.evidence import Evidence

UDP = " and lets nothing in until a datagram from inside makes a new mapping"
"""UDP has no state that a middlebox could miss: the sentinel, which is TCP, shows nothing of it."""

BOTH = {
    ("silent", "silent"): " and drops what follows from either side silently",
    ("delivered", "silent"): " and picks it up again only from inside",
    ("reset", "reset"): " and answers either side with RST",
    ("reset", "silent"): " and answers the inside with RST, the outside with silence",
    ("closed", "silent"): " and has ended it towards the inside with FIN",
    ("unreachable", "silent"): " and answers the inside with ICMP, the outside with silence",
}
"""By what both of the sentinel's challenges met at this middlebox: from inside, from outside."""

FROM_INSIDE = {
    "silent": " and drops what follows from inside silently",
    "delivered": " and picks it up again from inside",
    "reset": " and answers the inside with RST",
    "closed": " and has ended it towards the inside with FIN",
    "unreachable": " and answers the inside with ICMP",
}
FROM_OUTSIDE = {"silent": " and drops what follows from outside silently", "reset": " and answers the outside with RST"}
"""The same where another middlebox was in the way of one challenge."""


def words(evidence: Evidence, node: str) -> str:
    """Say what a middlebox was seen to do, a clause that goes on a sentence; empty if nothing was seen of it."""
    if evidence.cell.transport is Transport.UDP:
        return UDP
    names = middleboxes_on_path(evidence.cell.topology)
    challenged = list(evidence.of(SentinelChallenged))
    if node not in names or len(challenged) < len(FLOWS):
        return ""
    place = names.index(node)
    paths = [path_of(evidence, flow) for flow in FLOWS]
    box, kept = paths[0][place]
    if kept is MappingState.EXPIRED:
        if box.forgotten is ForgottenFlow.RST_TO_BOTH and {entry.event.found for entry in challenged} == {"reset"}:
            return " and ended it towards both with RST"
        if _another_port(evidence, node):
            return " and picks it up only from inside, on another port, where the server knows no connection"
    inside, outside = (_met(evidence, flow, path, place) for flow, path in zip(FLOWS, paths, strict=True))
    by_sentinel = BOTH.get((inside, outside)) or FROM_INSIDE.get(inside) or FROM_OUTSIDE.get(outside)
    return by_sentinel or (FROM_INSIDE["reset"] if _answered_with_rst(evidence, node) else "")


def _met(evidence: Evidence, flow: str, path: Path, place: int) -> str:
    """Return what a challenge met at a middlebox; empty if it met another, or none that had forgotten the flow."""
    if path[place][1] is MappingState.YES:
        return ""
    decides = deciders(path)[FLOWS.index(flow)]
    if place == decides:
        return outcome_of(evidence, flow)
    passed = flow == FLOWS[0] and (decides is None or place < decides)
    return "delivered" if passed and path[place][0].forgotten.picks_up else ""


def _another_port(evidence: Evidence, node: str) -> bool:
    """Return whether the sentinel's flow from inside was mapped a second time, to another endpoint."""
    for opened in evidence.of(SentinelOpened, flow="from-inside"):
        for inside in evidence.flows.translations(opened.event.local):
            mapped = evidence.of(Mapping, who=node, inside=inside, state="new")
            if len({entry.event.outside for entry in mapped}) > 1:
                return True
    return False


def _answered_with_rst(evidence: Evidence, node: str) -> bool:
    """Return whether the middlebox itself sent RST to the inside, on another flow than the sentinel's."""
    about = evidence.cell.topology.node(node)
    resets = [entry for entry in evidence.of(Packet, proto="tcp") if "R" in entry.event.flags]
    resets = [entry for entry in resets if entry.event.src.port != SENTINEL_PORT]
    passed_on = [entry.event.src for entry in resets if entry.event.link == about.outside and entry.event.from_ != node]
    ended = [entry.event.inside for entry in evidence.of(Mapping, who=node, state="destroyed", proto="tcp")
             if entry.event.tcp_state not in CLOSED]  # fmt: skip
    return any(
        packet.from_ == node and packet.link == about.inside and packet.src not in passed_on and packet.dst in ended
        for packet in (entry.event for entry in resets)
    )
