"""When the flow that the silence began with broke, who noticed, and when it was mended. Pure.

What counts as noticing: of the client, the end of the connection, or a request that failed (408, 503, a mitigation's
``unanswered``); of the server, the end of the connection, or a request of its own that failed.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from lab.model.outcome import CauseFound, Repair
from lab.record.entry import Entry
from lab.record.events import (
    ENDED_AT_CLIENT,
    ENDED_AT_SERVER,
    REQUESTS,
    Binding,
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
from lab.sip.status import FAILED_FROM

LEAKED_AFTER_S = 33.0
"""A transport that has ended and is still there after so long has been forgotten: a transaction, the last to hold a
reference in good faith, lives for 32 s (Timer B and F, RFC 3261 §17.1)."""


def repair(evidence: Evidence, cause: CauseFound | None, ends: float) -> Repair:
    """Return what became of the flow.

    Args:
        evidence: of the cell.
        cause: of the first lost probe; None if none was lost, and then the record is searched for the break.
        ends: end of the run.
    """
    flow = evidence.flows.current(0.0)
    broken = cause.at_s if cause is not None and cause.at_s is not None else _first_break(evidence, flow, ends)
    if broken is None or flow is None:
        return Repair()

    def after(times: Iterable[float]) -> float | None:
        later = [t - broken for t in times if broken <= t <= ends]
        return round(min(later), 3) if later else None

    made = ("active", "refreshed")
    return Repair(
        broken_s=broken,
        client_noticed_after_s=after(_client_signs(evidence, flow)),
        server_noticed_after_s=after(_server_signs(evidence, flow)),
        resubscribed_after_s=after(each.t for each in evidence.of(ServerSubscription) if each.event.state in made),
        reregistered_after_s=after(each.t for each in evidence.of(Binding) if each.event.state in made),
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
    """Count the transports of the client that ended long before the end of the run and were never destroyed."""
    ended: dict[str, float] = {}
    destroyed = set()
    for entry in evidence.of(ClientTransport):
        if entry.event.state == "destroyed":
            destroyed.add(entry.event.id)
        elif entry.event.state in ENDED_AT_CLIENT:
            ended.setdefault(entry.event.id, entry.t)
    return sum(1 for name, t in ended.items() if name not in destroyed and t <= ends - LEAKED_AFTER_S)


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
    yield from (entry.t for entry in evidence.transport(flow) if entry.event.state in ENDED_AT_CLIENT)
    yield from (entry.t for entry in evidence.of(Unanswered))
    for kind in REQUESTS:
        yield from (entry.t for entry in evidence.of(kind) if entry.event.code >= FAILED_FROM)


def _server_signs(evidence: Evidence, flow: Flow) -> Iterator[float]:
    yield from _ends_at_server(evidence, flow)
    yield from (entry.t for entry in evidence.of(Probe, state="failed"))
    yield from (entry.t for entry in evidence.of(KeepAlive, state="failed"))
