"""Computes what the sentinel's flows must meet if the middleboxes obey the scenario, and compares. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from enum import Enum

from lab.faults.base import client_moves, occurrences
from lab.judge.tolerances import TICKS_S
from lab.model.impairment import loses, round_trip_s
from lab.model.middlebox import ForgottenFlow, Middlebox, PortAssignment
from lab.model.sentinel_time import followed_s
from lab.model.topology import Role, Topology
from lab.record.client_addresses import without
from lab.record.events import ClientAddresses, Mapping, SentinelChallenged, SentinelOpened, SentinelOutcome
from lab.record.evidence import Evidence
from lab.units import Seconds

FLOWS = ("from-inside", "from-outside")


CLOSED = ("CLOSE", "TIME_WAIT", "LAST_ACK")
"""States of a mapping that ends because another middlebox has ended the connection."""


class MappingState(Enum):
    """The state of a flow's mapping in one middlebox."""

    YES = "still there"
    EXPIRED = "timed out"
    LOST = "gone with the whole table"
    MOVED = "gone with the whole table and the address it used"


class AbsentClient(Enum):
    """For how much of a time the client lacks an address."""

    NEVER = "never"
    SOMETIMES = "sometimes"
    ALL_THE_TIME = "all the time"


Path = Sequence[tuple[Middlebox, MappingState]]
"""The middleboxes between client and server, the client's first, each with what became of the flow."""


def expected(path: Path) -> tuple[str, str]:
    """Return what a sender meets (delivered, reset, closed, unreachable, silent): from inside, from outside."""
    return _from_inside(path), _from_outside(path)


def forgets(box: Middlebox, *, idle: float, age: float | None = None) -> bool:
    """Return whether a middlebox forgets an established TCP flow.

    Args:
        box: what it does.
        idle: for how long nothing has passed, in seconds.
        age: of the flow, in seconds; None: as old as it has been idle.
    """
    spans = ((box.established_idle_timeout, idle), (box.lifetime, idle if age is None else age))
    return any(end is not None and span >= end for end, span in spans)


def middleboxes_on_path(topology: Topology) -> tuple[str, ...]:
    """Return the names of the middleboxes between client and server, the client's first."""
    nodes = topology.way(topology.access_link()).nodes
    return tuple(name for name in nodes if topology.node(name).role is Role.MIDDLEBOX)


def outcome_of(evidence: Evidence, flow: str) -> str:
    """Return what came of a flow's challenge, a ``SentinelState``; empty if it was not challenged."""
    return next((entry.event.state for entry in evidence.of(SentinelOutcome, flow=flow)), "")


def why_inconclusive(evidence: Evidence) -> str:
    """Say why the record does not show the middleboxes doing what the scenario says; empty if it does."""
    for flow, side in zip(FLOWS, (0, 1), strict=True):
        sent = next(evidence.of(SentinelChallenged, flow=flow), None)
        outcome = outcome_of(evidence, flow)
        if sent is None or not outcome:
            return f"the sentinel's flow {flow} was not challenged"
        idle = sent.event.idle
        quiet_since = sent.t - idle
        absent = _absent(evidence, flow, since=sent.t, until=sent.t + followed_s(evidence.cell.impairments))
        if absent is AbsentClient.ALL_THE_TIME:
            allowed = {"silent"}  # nobody is where the flow ends
        else:
            wanted = {end for path in _paths(evidence, flow) for end in _ends(path)[side]}
            allowed = {each for end in wanted for each in _allowed(evidence, end, sent=sent.t)}
            allowed |= {"silent"} if absent is AbsentClient.SOMETIMES else set()
        if outcome not in allowed:
            return (
                f"sentinel: sent {flow.replace('-', ' ')} after {idle:.1f} s of silence,"
                f" the middlebox should show `{' or '.join(sorted(allowed))}`, showed `{outcome}`"
            )
        if early := _too_early(evidence, flow, quiet_since=quiet_since, until=sent.t):
            return early
    return ""


def _absent(evidence: Evidence, flow: str, *, since: float, until: float) -> AbsentClient:
    """Return for how much of a time the client's node lacks the address at which a flow ends."""
    if not evidence.has(ClientAddresses):  # of an older lab, whose client moved once, and stayed away
        gone = any(t <= since for t in client_moves(evidence))
        return AbsentClient.ALL_THE_TIME if gone else AbsentClient.NEVER
    opened = next(evidence.of(SentinelOpened, flow=flow), None)
    times = [] if opened is None else without(evidence, opened.event.local.host)
    if any(gone <= since and until <= back for gone, back in times):
        return AbsentClient.ALL_THE_TIME
    met = any(gone <= until and since <= back for gone, back in times)
    return AbsentClient.SOMETIMES if met else AbsentClient.NEVER


def _paths(evidence: Evidence, flow: str) -> list[Path]:
    """Return what may have become of a flow by the time of its challenge.

    A middlebox heard of the flow last when the last packet passed its inside, as far as the record shows packets; where
    packets take their time, it may be by so much younger. Where packets are lost, it may be older by as long as the
    challenge is sent again.
    """
    (sent,) = list(evidence.of(SentinelChallenged, flow=flow))[:1]
    opened = next(evidence.of(SentinelOpened, flow=flow), None)
    cell = evidence.cell
    boxes = dict(cell.middleboxes)
    ends = () if opened is None else evidence.flows.translations(opened.event.local, sent.t)
    seen = [
        each for each in evidence.packets_at(tuple(ends), until=sent.t) if each.event.proto == "tcp" and each.t < sent.t
    ]
    told = next((each.t for each in seen if {"R", "F"} & set(each.event.flags)), sent.t)
    packets = [each for each in seen if each.t < told]  # RST and FIN say that it has forgotten; an ACK answers the FIN
    paths: list[Path] = []
    again = -followed_s(cell.impairments) if loses(cell.impairments) else 0.0
    for younger in dict.fromkeys((0.0, round_trip_s(cell.impairments), again)):
        path: list[tuple[Middlebox, MappingState]] = []
        for name in middleboxes_on_path(cell.topology):
            inside = cell.topology.node(name).inside
            begun = sent.t - sent.event.idle
            quiet = max([begun, *(each.t for each in packets if each.event.link == inside)])
            born = min((each.t for end in ends for each in evidence.of(Mapping, who=name, inside=end)), default=begun)
            emptied = _emptied(evidence, name, since=begun, until=sent.t)
            path.append((boxes[name], _kept(boxes[name], sent.t - quiet - younger, sent.t - born - younger, emptied)))
        paths.append(path)
    return paths


def _ends(path: Path) -> tuple[set[str], set[str]]:
    """Return what each side may meet; where two middleboxes forget at once, either may have been the first."""
    found: tuple[set[str], set[str]] = (set(), set())
    for way in (path, *_with_one_first(path)):
        for side, end in zip(found, expected(way), strict=True):
            side.add(end)
    return found


def _with_one_first(path: Path) -> Iterator[Path]:
    """Give, for each of several middleboxes with the same timer, the path on which it forgets a little earlier."""
    timers = [_timeout(box) for box, _ in path]
    for number, (box, kept) in enumerate(path):
        if (
            kept is MappingState.EXPIRED
            and timers.count(_timeout(box)) > 1
            and box.established_idle_timeout is not None
        ):
            sooner = replace(box, established_idle_timeout=Seconds(box.established_idle_timeout - TICKS_S))
            yield [(sooner, kept) if at == number else each for at, each in enumerate(path)]


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
        if _stops(box, kept, elsewhere=elsewhere):
            return _ANSWERS_INSIDE.get(box.forgotten, "silent")
        elsewhere |= _moves(box, kept)
    return "reset" if elsewhere else "delivered"  # by the server, who knows no such connection


def _stops(box: Middlebox, kept: MappingState, *, elsewhere: bool) -> bool:
    """Return whether a segment from inside ends at this middlebox."""
    return (elsewhere or kept is not MappingState.YES) and not box.forgotten.picks_up


def _moves(box: Middlebox, kept: MappingState) -> bool:
    """Return whether what a middlebox picks up comes out of another endpoint than before."""
    lost = kept in (MappingState.LOST, MappingState.MOVED) and box.port_assignment is PortAssignment.NO_PRESERVATION
    new_port = kept is not MappingState.YES and box.forgotten is ForgottenFlow.REPICKUP_NEW_PORT
    return kept is MappingState.MOVED or new_port or lost


def path_of(evidence: Evidence, flow: str) -> Path:
    """Return what became of a flow that was challenged, in each middlebox on its way."""
    return _paths(evidence, flow)[0]


def deciders(path: Path) -> tuple[int | None, int | None]:
    """Return where on the path each challenge ended, from inside and from outside; None: no middlebox ended it."""
    elsewhere, from_inside = False, None
    for place, (box, kept) in enumerate(path):
        if _stops(box, kept, elsewhere=elsewhere):
            from_inside = place
            break
        elsewhere |= _moves(box, kept)
    forgot = [place for place, (_, kept) in enumerate(path) if kept is not MappingState.YES]
    return from_inside, forgot[-1] if forgot else None


def _from_outside(path: Path) -> str:
    if told := _told(path[::-1], {ForgottenFlow.RST_TO_BOTH: "reset"}):
        return told
    for box, kept in reversed(path):
        if kept is not MappingState.YES:
            answers = box.forgotten is ForgottenFlow.RST_TO_SENDER and kept is not MappingState.MOVED
            return "reset" if answers else "silent"  # nobody answers for an address that is gone
    return "delivered"


def _told(path: Path, words: dict[ForgottenFlow, str]) -> str:
    """Return how a middlebox informed the sender when the mapping expired; empty if nothing came through.

    The word passes the middleboxes on its way only if they still have the flow at that moment.
    """
    for number, (box, kept) in enumerate(path):
        if kept is MappingState.EXPIRED and box.forgotten in words:
            nearer = [other for other, of_other in path[:number] if of_other is not MappingState.YES]
            if all(_timeout(other) > _timeout(box) for other in nearer):
                return words[box.forgotten]
    return ""


def _timeout(box: Middlebox) -> float:
    return float("inf") if box.established_idle_timeout is None else box.established_idle_timeout


def _kept(box: Middlebox, idle: float, age: float, emptied: MappingState | None) -> MappingState:
    if emptied is not None:
        return emptied
    return MappingState.EXPIRED if forgets(box, idle=idle, age=age) else MappingState.YES


def _emptied(evidence: Evidence, node: str, *, since: float, until: float) -> MappingState | None:
    """Return what faults that emptied a middlebox's table in a time did to flows; None: there were none."""
    happened = sorted(occurrences(evidence), key=lambda one: one[1].at)
    effects = [fault.wide_effect for fault, seen in happened if since <= seen.at <= until]
    emptied = [effect for effect in effects if effect.empties_table == node]
    if not emptied:
        return None
    topology = evidence.cell.topology
    first = next(str(address.ip) for end, address in topology.link(topology.node(node).outside).ends if end == node)
    last = [effect.new_address for effect in emptied if effect.new_address][-1:]
    return MappingState.MOVED if last not in ([], [first]) else MappingState.LOST


def _allowed(evidence: Evidence, wanted: str, *, sent: float) -> set[str]:
    """Return the outcomes a challenge may have, given the one it has if no link on its way is down meanwhile."""
    topology = evidence.cell.topology
    way, front = topology.way(topology.access_link()), topology.front().name
    crossed = way.links[: way.nodes.index(front) + 1]  # the sentinel's flows end there
    over = sent + followed_s(evidence.cell.impairments)
    allowed = {wanted}
    for fault, seen in occurrences(evidence):
        if fault.wide_effect.cuts_link not in crossed:
            continue
        if seen.at < over and seen.over > sent:
            allowed.add("silent")
            if wanted == "delivered" and seen.at <= sent and seen.over >= over:
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
            born = [
                each.t for each in evidence.of(Mapping, who=entry.who, state="new", inside=inside) if each.t < entry.t
            ]
            age = entry.t - max(born, default=quiet_since) + TICKS_S
            timeout = box.established_idle_timeout
            if entry.t >= until or _emptied(evidence, entry.who, since=quiet_since, until=entry.t):
                continue
            if not forgets(box, idle=lived + TICKS_S, age=age) and entry.event.tcp_state not in CLOSED:
                claim = timeout or box.lifetime or "never"
                return f"middlebox {entry.who} forgot the sentinel's flow after {lived:.1f} s, not {claim}"
    return ""
