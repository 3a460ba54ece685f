"""Finds when the flow of the first lost probe broke, who noticed, and when it was replaced. Pure.

What counts as noticing: of the client, the end of that connection, or a request that failed (408, 503, a mitigation's
``unanswered``) or a call that ended because nobody answered (408), before it had moved to another flow; of the server,
the end of that connection, or a request of its own on it that failed.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from lab.judge.account import GRANTED
from lab.judge.causes import flow_of
from lab.judge.tolerances import AT_ONCE_S, TIMER_F_S
from lab.model.outcome import Cause, Recovery
from lab.model.verdict import CLIENT_ABORTED
from lab.record.entry import Entry
from lab.record.events import (
    ENDED_AT_CLIENT,
    ENDED_AT_SERVER,
    Binding,
    ClientCall,
    ClientTransport,
    FaultBegan,
    KeepAlive,
    Mapping,
    Obeyed,
    Probe,
    ServerFlow,
    ServerSubscription,
    Unanswered,
)
from lab.record.evidence import BEFORE_S, Evidence
from lab.record.flows import Flow

_NOBODY_ANSWERED = (408, 503)
"""With these pjsip ends a call whose requests got no answer, or could not be sent (RFC 3261 §8.1.3.1)."""


def repair(evidence: Evidence, causes: dict[str, Cause], ends: float) -> Recovery:
    """Return what became of the flow.

    Args:
        evidence: of the cell.
        causes: of the lost probes, by name. The flow is that of the first; where none was lost, it is the flow that the
            silence began with, and the record is searched for its break.
        ends: end of the run.
    """
    first = next((probe for probe in evidence.probes if probe.name in causes), None)
    cause = None if first is None else causes[first.name]
    flow = (None if first is None else flow_of(evidence, first)) or evidence.flows.current(0.0)
    broken = cause.at_s if cause is not None and cause.at_s is not None else _first_break(evidence, flow, ends)
    if broken is None or flow is None:
        return Recovery()
    # the kernel of a client that dies closes its connections a moment before the runner hears of the death
    early = AT_ONCE_S if cause is not None and cause.kind == CLIENT_ABORTED else 0.0

    def after(times: Iterable[float], *, until: float = ends, early: float = 0.0) -> float | None:
        later = [max(t - broken, 0.0) for t in times if broken - early <= t <= until]
        return round(min(later), 3) if later else None

    subscribed = [entry for entry in evidence.of(ServerSubscription) if entry.event.state in GRANTED]
    registered = [entry for entry in evidence.of(Binding) if entry.event.state in GRANTED]
    moved = [one.t for one in subscribed if one.t >= broken and one.event.flow != flow.id]
    moved += [one.t for one in registered if one.t >= broken and one.event.flow != flow.id]
    return Recovery(
        broken_s=broken,
        client_noticed_after_s=after(_client_signs(evidence, flow), until=min([ends, *moved])),
        server_noticed_after_s=after(_server_signs(evidence, flow), early=early),
        resubscribed_after_s=after(entry.t for entry in subscribed),
        reregistered_after_s=after(entry.t for entry in registered),
    )


def stale_contacts(evidence: Evidence, ends: float) -> int:
    """Count the subscriptions and bindings the server holds at the end whose flow is gone, whether it knows or not.

    A server that was killed and has lost its state holds nothing of what it knew before.
    """
    stale = 0
    forgot = max((entry.t for entry in evidence.of(Obeyed, do="go-down", forgot=True) if entry.t <= ends), default=None)
    kinds: tuple[type[ServerSubscription | Binding], ...] = (ServerSubscription, Binding)
    for kind in kinds:
        last: dict[str, Entry[ServerSubscription | Binding]] = {
            entry.event.id: entry
            for entry in evidence.of(kind)
            if entry.t <= ends and (forgot is None or entry.t > forgot)
        }
        for entry in last.values():
            live = entry.event.state in ("active", "refreshed") and entry.t + entry.event.expires > ends
            flow = evidence.flows.get(entry.event.flow, entry.t + BEFORE_S)  # its mapping is told by another clock
            gone = flow is not None and (
                any(t <= ends for t in _ends(evidence, flow)) or evidence.lost_mappings(flow, ends)
            )
            if live and gone:
                stale += 1
    return stale


def leaked_sockets(evidence: Evidence, ends: float) -> int:
    """Count the transports of the client that ended long before the end of the run and were never destroyed.

    The last to hold a reference in good faith is a transaction.
    """
    ended: dict[str, float] = {}
    destroyed = set()
    deaths = [*evidence.client_deaths()]
    for entry in evidence.of(ClientTransport):
        if entry.event.state == "destroyed":
            destroyed.add(entry.event.id)
        elif entry.event.state in ENDED_AT_CLIENT:
            ended.setdefault(entry.event.id, entry.t)
    outlived = {name for name, t in ended.items() if not any(t <= died <= t + TIMER_F_S for died in deaths)}
    return sum(1 for name in outlived if name not in destroyed and ended[name] <= ends - TIMER_F_S)


def _first_break(evidence: Evidence, flow: Flow | None, ends: float) -> float | None:
    """Return the first thing that happened to the flow: a fault, its end at either side, or that of its mapping."""
    times = [entry.t for entry in evidence.of(FaultBegan)]
    if flow is not None:
        times += [*_ends(evidence, flow), *_mapping_ends(evidence, flow)]
    return min((t for t in times if 0 <= t <= ends), default=None)


def _ends(evidence: Evidence, flow: Flow) -> Iterator[float]:
    yield from (entry.t for entry in evidence.transport(flow) if entry.event.state in ENDED_AT_CLIENT)
    yield from _ends_at_server(evidence, flow)


def _ends_at_server(evidence: Evidence, flow: Flow) -> Iterator[float]:
    return (entry.t for entry in evidence.of(ServerFlow, id=flow.id) if entry.event.state in ENDED_AT_SERVER)


def _mapping_ends(evidence: Evidence, flow: Flow) -> Iterator[float]:
    """Return the ends of the flow's mappings, unless they were made anew."""
    for inside in flow.hops or (flow.inside,):
        last = None
        for entry in evidence.of(Mapping, inside=inside):
            last = entry.t if entry.event.state == "destroyed" else None
        if last is not None:
            yield last


def _client_signs(evidence: Evidence, flow: Flow) -> Iterator[float]:
    transports = {entry.event.id for entry in evidence.transport(flow)}
    yield from (entry.t for entry in evidence.transport(flow) if entry.event.state in ENDED_AT_CLIENT)
    yield from (entry.t for entry in evidence.of(Unanswered) if entry.event.id in (None, *transports))
    yield from (entry.t for entry, _ in evidence.failed_requests())
    calls = evidence.of(ClientCall, state="disconnected")
    yield from (entry.t for entry in calls if entry.event.code in _NOBODY_ANSWERED)


def _server_signs(evidence: Evidence, flow: Flow) -> Iterator[float]:
    yield from _ends_at_server(evidence, flow)
    yield from (entry.t for entry in evidence.of(Probe, state="failed") if entry.event.flow in (None, flow.id))
    yield from (entry.t for entry in evidence.of(KeepAlive, state="failed", flow=flow.id))
