"""What the sentinel's flows must have met if the middleboxes do what the scenario says, and whether they did. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from enum import Enum

from lab.faults.base import client_moves, occurrences
from lab.model.middlebox import ForgottenFlow, Middlebox
from lab.model.topology import Role, Topology
from lab.record.events import Mapping, SentinelChallenged, SentinelOpened, SentinelOutcome
from lab.record.evidence import Evidence

FLOWS = ("from-inside", "from-outside")

FOLLOWED_S = 3.0
"""A challenge waits this long for an outcome (``lab.actors.sentinel``)."""

EARLY_S = 0.5
"""A mapping that ends this much before its time ended too early; conntrack counts in ticks of at most 10 ms."""

CLOSED = ("CLOSE", "TIME_WAIT", "LAST_ACK")
"""States of a mapping that ends because another middlebox has ended the connection."""


class Kept(Enum):
    """What became of a flow's mapping in one middlebox."""

    YES = "still there"
    EXPIRED = "timed out"
    LOST = "gone with the whole table"
    MOVED = "gone with the whole table and the address it used"


Path = Sequence[tuple[Middlebox, Kept]]
"""The middleboxes between client and server, the client's first, each with what became of the flow."""


def expected(path: Path) -> tuple[str, str]:
    """What a sender meets (delivered, reset, closed, unreachable, silent): from inside, from outside."""
    return _from_inside(path), _from_outside(path)


def forgets(box: Middlebox, *, idle: float) -> bool:
    """Whether a middlebox forgets an established TCP flow that is as old as it has been idle (seconds)."""
    ends = [end for end in (box.established_idle_timeout, box.lifetime) if end is not None]
    return any(idle >= end for end in ends)


def middleboxes_on_path(topology: Topology) -> tuple[str, ...]:
    """The names of the middleboxes between client and server, the client's first."""
    nodes = topology.way(topology.access_link()).nodes
    return tuple(name for name in nodes if topology.node(name).role is Role.MIDDLEBOX)


def outcome_of(evidence: Evidence, flow: str) -> str:
    """Return what came of a flow's challenge, a ``SentinelState``; empty if it was not challenged."""
    return next((entry.event.state for entry in evidence.of(SentinelOutcome, flow=flow)), "")


def doubt(evidence: Evidence) -> str:
    """Say why the record does not show the middleboxes doing what the scenario says; empty if it does."""
    cell = evidence.cell
    boxes = dict(cell.middleboxes)
    names = middleboxes_on_path(cell.topology)
    for flow, side in zip(FLOWS, (0, 1), strict=True):
        sent = next(evidence.of(SentinelChallenged, flow=flow), None)
        outcome = outcome_of(evidence, flow)
        if sent is None or not outcome:
            return f"the sentinel's flow {flow} was not challenged"
        idle = sent.event.idle
        quiet_since = sent.t - idle
        emptied = {name: _emptied(evidence, name, since=quiet_since, until=sent.t) for name in names}
        path = [(boxes[name], _kept(boxes[name], idle, emptied[name])) for name in names]
        if any(quiet_since <= t <= sent.t for t in client_moves(evidence)):
            allowed = {"silent"}  # nobody is where the flow ends
        else:
            allowed = _allowed(evidence, expected(path)[side], sent=sent.t)
        if outcome not in allowed:
            return (
                f"sentinel: sent {flow.replace('-', ' ')} after {idle:.1f} s of silence,"
                f" the middlebox should show `{' or '.join(sorted(allowed))}`, showed `{outcome}`"
            )
        if early := _too_early(evidence, flow, quiet_since=quiet_since, until=sent.t):
            return early
    return ""


_ANSWERS_INSIDE = {
    ForgottenFlow.RST_TO_SENDER: "reset",
    ForgottenFlow.RST_TO_INSIDE: "reset",
    ForgottenFlow.UNREACHABLE_TO_INSIDE: "unreachable",
}


def _from_inside(path: Path) -> str:
    if told := _told(path, {ForgottenFlow.RST_TO_BOTH: "reset", ForgottenFlow.FIN_TO_INSIDE: "closed"}):
        return told
    elsewhere = False  # whether the flow now comes from an endpoint that nobody beyond has seen
    for box, kept in path:
        unknown = elsewhere or kept is not Kept.YES
        elsewhere |= kept is Kept.MOVED
        elsewhere |= kept is not Kept.YES and box.forgotten is ForgottenFlow.REPICKUP_NEW_PORT
        if unknown and not box.forgotten.picks_up:
            return _ANSWERS_INSIDE.get(box.forgotten, "silent")
    return "reset" if elsewhere else "delivered"  # by the server, who knows no such connection


def _from_outside(path: Path) -> str:
    if told := _told(path[::-1], {ForgottenFlow.RST_TO_BOTH: "reset"}):
        return told
    for box, kept in reversed(path):
        if kept is not Kept.YES:
            answers = box.forgotten is ForgottenFlow.RST_TO_SENDER and kept is not Kept.MOVED
            return "reset" if answers else "silent"  # nobody answers for an address that is gone
    return "delivered"


def _told(path: Path, words: dict[ForgottenFlow, str]) -> str:
    """What a middlebox told the sender when the mapping expired; empty if nothing came through.

    The word passes the middleboxes on its way only if they still have the flow at that moment.
    """
    for number, (box, kept) in enumerate(path):
        if kept is Kept.EXPIRED and box.forgotten in words:
            nearer = [other for other, of_other in path[:number] if of_other is not Kept.YES]
            if all(_timeout(other) > _timeout(box) for other in nearer):
                return words[box.forgotten]
    return ""


def _timeout(box: Middlebox) -> float:
    return float("inf") if box.established_idle_timeout is None else box.established_idle_timeout


def _kept(box: Middlebox, idle: float, emptied: Kept | None) -> Kept:
    if emptied is not None:
        return emptied
    return Kept.EXPIRED if forgets(box, idle=idle) else Kept.YES


def _emptied(evidence: Evidence, node: str, *, since: float, until: float) -> Kept | None:
    """Return what faults that emptied a middlebox's table in a time did to flows; None: there were none."""
    happened = sorted(occurrences(evidence), key=lambda one: one[1].at)
    effects = [fault.wide_effect for fault, seen in happened if since <= seen.at <= until]
    emptied = [effect for effect in effects if effect.empties_table == node]
    if not emptied:
        return None
    topology = evidence.cell.topology
    first = next(str(address.ip) for end, address in topology.link(topology.node(node).outside).ends if end == node)
    last = [effect.new_address for effect in emptied if effect.new_address][-1:]
    return Kept.MOVED if last not in ([], [first]) else Kept.LOST


def _allowed(evidence: Evidence, wanted: str, *, sent: float) -> set[str]:
    """Return the outcomes a challenge may have, given the one it has if no link on its way is down meanwhile."""
    topology = evidence.cell.topology
    crossed = topology.way(topology.access_link()).links
    allowed = {wanted}
    for fault, seen in occurrences(evidence):
        if fault.wide_effect.cuts_link not in crossed:
            continue
        if seen.at < sent + FOLLOWED_S and seen.over > sent:
            allowed.add("silent")
            if wanted == "delivered" and seen.at <= sent and seen.over >= sent + FOLLOWED_S:
                allowed.remove("delivered")
    return allowed


def _too_early(evidence: Evidence, flow: str, *, quiet_since: float, until: float) -> str:
    boxes = dict(evidence.cell.middleboxes)
    opened = next(evidence.of(SentinelOpened, flow=flow), None)
    if opened is None:
        return f"the sentinel's flow {flow} was never established"
    for inside in evidence.flows.translations(opened.event.local, until):
        for entry in evidence.of(Mapping, state="destroyed", inside=inside):
            lived, box = entry.t - quiet_since, boxes[entry.who]
            timeout = box.established_idle_timeout
            if entry.t >= until or _emptied(evidence, entry.who, since=quiet_since, until=entry.t):
                continue
            if not forgets(box, idle=lived + EARLY_S) and entry.event.tcp_state not in CLOSED:
                claim = timeout or "never"
                return f"middlebox {entry.who} forgot the sentinel's flow after {lived:.1f} s, not {claim}"
    return ""
