"""Finds the weakest moments of a client that answered its probes. Pure function of the evidence.

A single probe says that the client could be reached then, not that it can be reached at any moment. The record of a
cell says when it was least likely: just after something that a probe needs has ended, until it is there again, and
just before the client sends something by itself, with so little time left that its sending cannot help the probe. A
twin of the cell then tries (``lab.engine.twins``); nothing is concluded from the record alone.

What a fault of the scenario breaks is not a weakness of the client: no moment counts whose probe could still be under
way when a fault begins, and from then on none until the first probe that is answered after it. The scenario's author
has put that probe where the client is to be back.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import chain
from math import inf

from lab.faults.base import occurrences
from lab.judge.metrics import client_packets
from lab.judge.tolerances import AIM_S, AT_ONCE_S, LEAST_LACK_S, SOON_S
from lab.model.endpoint import Endpoint
from lab.model.scenario import ProbeKind, Transport
from lab.model.twin import AtMoment
from lab.record.events import (
    ENDED_AT_CLIENT,
    ENDED_AT_SERVER,
    Binding,
    ClientBack,
    ClientGivenUp,
    ClientProcess,
    ClientTransport,
    Mapping,
    ServerFlow,
    ServerSubscription,
)
from lab.record.evidence import Evidence
from lab.record.flows import Flow

HELD = ("active", "refreshed")
"""States of a binding and of a subscription that the server goes by."""


@dataclass(frozen=True, slots=True)
class End:
    """Something that a probe needs ended.

    Attributes:
        at_s: when.
        until_s: when it was there again; infinite: not before the end of the run.
        why: what ended, a clause.
    """

    at_s: float
    until_s: float
    why: str


def weakest(evidence: Evidence, count: int) -> list[AtMoment]:
    """Return the weakest moments, the weakest first.

    After an end the client is out of reach if anything is; so ends come first, the longest lack first, and then the
    silences before transmissions, the longest first; of equal ones the first.

    Args:
        evidence: of a cell that passed.
        count: how many at most.
    """
    over = evidence.ended() or float(evidence.cell.ends)
    ranked = [*_longest_first(_after_ends(evidence, over)), *_longest_first(_before_transmissions(evidence))]
    excused = list(_excused(evidence))
    found: list[AtMoment] = []
    for moment in ranked:
        at = moment.at_s
        if len(found) < count and AT_ONCE_S <= at <= over and not any(since <= at < until for since, until in excused):
            found.append(moment)
    return found


def _longest_first(moments: Iterable[tuple[float, AtMoment]]) -> Iterator[AtMoment]:
    """Yield moments by how long they last; of those that two runs of a cell may have in another order, the first."""
    left = list(moments)
    while left:
        longest = max(lasts for lasts, _ in left)
        first = next(one for one in left if one[0] > longest - AIM_S)
        left.remove(first)
        yield first[1]


def ends(evidence: Evidence, *, woken: bool = False) -> list[End]:
    """Return the ends of what the server used at that time to reach the client, in time order.

    Of ends that are closer together than a burst, as of a connection at its two sides, only the first counts.

    Args:
        evidence: of a cell.
        woken: whether the server wakes the client by a push first, so that it needs the account alone.
    """
    over = evidence.ended() or float(evidence.cell.ends)
    found: list[End] = []
    kinds = [_lapses(evidence), _marks(evidence)]
    if not woken:
        kinds += [_flow_ends(evidence), _mapping_ends(evidence), _deaths(evidence)]
    for end in sorted(chain(*kinds), key=lambda end: end.at_s):
        if end.at_s >= over:  # what the end of the run ends
            break
        if not found or end.at_s - found[-1].at_s > AT_ONCE_S:
            found.append(end)
    return found


def _deaths(evidence: Evidence) -> Iterator[End]:
    """Find the times in which the client's process was dead."""
    for killed in evidence.of(ClientProcess, state="killed"):
        started = (entry.t for entry in evidence.of(ClientProcess, state="started") if entry.t >= killed.t)
        yield End(killed.t, next(started, inf), "the client's process was killed")


def _after_ends(evidence: Evidence, over: float) -> Iterator[tuple[float, AtMoment]]:
    for end in ends(evidence):
        lack = min(end.until_s, over) - end.at_s
        if lack > LEAST_LACK_S:
            until = end.until_s if end.until_s <= over else None
            at = end.at_s + min(SOON_S if evidence.cell.transport is Transport.UDP else AIM_S, lack / 8)
            yield lack, AtMoment(at_s=round(at, 3), until_s=until, why=f"just after {end.why}")


def _before_transmissions(evidence: Evidence) -> Iterator[tuple[float, AtMoment]]:
    """Find the client's own transmissions, and the silence before each."""
    patience = _patience_s(evidence)
    shadows = [(0.0, AT_ONCE_S), *((probe.sent_s, probe.known_s + AT_ONCE_S) for probe in evidence.probes)]
    last = 0.0
    for entry in client_packets(evidence):
        if entry.event.from_ != evidence.client or entry.t < 0:
            continue
        quiet, last = entry.t - last, entry.t
        if quiet < AT_ONCE_S or any(since <= entry.t <= until for since, until in shadows):
            continue
        at = max(entry.t - quiet + min(AIM_S, quiet / 8), entry.t - patience - AIM_S)
        why = f"just before it sent something by itself at {entry.t:.1f} s, after {quiet:.1f} s of silence"
        yield quiet, AtMoment(at_s=round(at, 3), until_s=entry.t, why=why)


def _patience_s(evidence: Evidence) -> float:
    """Return how long the probe of a twin waits: the first of the scenario's."""
    probe = evidence.cell.probes[0]
    return float(probe.within) + (float(probe.ring) if probe.kind_ is ProbeKind.INVITE else 0.0)


def _excused(evidence: Evidence) -> Iterator[tuple[float, float]]:
    """Return from when to when a probe that begins then suffers from a fault of the scenario."""
    for fault, seen in occurrences(evidence):
        over = seen.at if fault.is_change else seen.over
        back = (probe.known_s for probe in evidence.probes if probe.answered and probe.sent_s >= max(over, seen.at))
        yield seen.at - _length_s(evidence), next(back, float("inf"))


def _length_s(evidence: Evidence) -> float:
    """Return how long the probe of a twin may be under way: a call until its BYE is answered."""
    probe = evidence.cell.probes[0]
    return float(probe.known_at - probe.at)


def _flow_ends(evidence: Evidence) -> Iterator[End]:
    again = _renewals(evidence)
    for entry in evidence.of(ServerFlow):
        flow = _used(evidence, entry.t)
        if entry.event.state in ENDED_AT_SERVER and flow is not None and flow.id == entry.event.id:
            yield End(entry.t, _next(again, entry.t), f"the server's connection ended at {entry.t:.1f} s")
    for said in evidence.of(ClientTransport):
        flow = _used(evidence, said.t)
        if said.event.state in ENDED_AT_CLIENT and flow is not None and flow.inside == said.event.local:
            yield End(said.t, _next(again, said.t), f"the client's connection ended at {said.t:.1f} s")


def _mapping_ends(evidence: Evidence) -> Iterator[End]:
    made: dict[tuple[Endpoint, Endpoint], list[float]] = {}
    for entry in evidence.of(Mapping, state="new"):
        made.setdefault((entry.event.outside, entry.event.inside), []).append(entry.t)
    again = _renewals(evidence)
    for entry in evidence.of(Mapping, state="destroyed"):
        flow = _used(evidence, entry.t)
        pair = entry.event.outside, entry.event.inside
        if flow is not None and pair in zip(flow.endpoints, flow.hops, strict=False):
            until = min(_next(made.get(pair, []), entry.t), _next(again, entry.t))
            yield End(entry.t, until, f"the mapping in {entry.who} ended at {entry.t:.1f} s")


def _lapses(evidence: Evidence) -> Iterator[End]:
    """Find where the server itself let go of what a probe goes by, and had no other."""
    kind = _needed(evidence)
    what = "binding" if kind is Binding else "subscription"
    again = _renewals(evidence)
    held: set[str] = set()
    for entry in evidence.of(kind):
        if entry.event.state in HELD:
            held.add(entry.event.id)
        else:
            held.discard(entry.event.id)
            if not held:
                yield End(entry.t, _next(again, entry.t), f"the {what} ended at {entry.t:.1f} s")


def _marks(evidence: Evidence) -> Iterator[End]:
    """Find where the server gave the client up without letting go of what a probe goes by."""
    back = list(evidence.of(ClientBack))
    for entry in evidence.of(ClientGivenUp, how="marked"):
        flow = _used(evidence, entry.t)
        if flow is not None and flow.id == entry.event.flow:
            until = _next([one.t for one in back if one.event.flow == flow.id], entry.t)
            yield End(entry.t, until, f"the server gave up the client at {entry.t:.1f} s")


def _needed(evidence: Evidence) -> type[Binding | ServerSubscription]:
    """Return what tells the server where the client is: a subscription for NOTIFY, else a binding if it has any.

    Of a silent hour, in which nothing is probed: a subscription if there is one.
    """
    if not evidence.cell.probes:
        return ServerSubscription if evidence.has(ServerSubscription) else Binding
    first = evidence.cell.probes[0].kind_
    return Binding if first is not ProbeKind.NOTIFY and evidence.has(Binding) else ServerSubscription


def _used(evidence: Evidence, at: float) -> Flow | None:
    """Return the flow by which the server would reach the client just before that moment."""
    newest = None
    for entry in evidence.of(_needed(evidence)):
        if entry.t < at and entry.event.state in HELD:
            newest = entry.event
    return None if newest is None else evidence.flows.get(newest.flow, at)


def _renewals(evidence: Evidence) -> list[float]:
    """Return when the server was told where the client is, in order."""
    return [entry.t for entry in evidence.of(_needed(evidence)) if entry.event.state in HELD]


def _next(times: list[float], after: float) -> float:
    """Return the first of these times, which are in order, that is later; infinite: none is."""
    place = bisect_right(times, after)
    return times[place] if place < len(times) else float("inf")
