"""Combines a cell and its record in one object with indexes, for the judge."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import Any, TypeVar, cast

from lab.model.endpoint import Endpoint
from lab.model.scenario import Cell
from lab.model.topology import Role
from lab.record.entry import Entry
from lab.record.events import (
    REQUESTS,
    Aborted,
    ClientCall,
    ClientProcess,
    ClientSubscription,
    ClientTransport,
    Event,
    FaultBegan,
    FaultEnded,
    Mapping,
    NeverSilent,
    OptionsAnswer,
    Packet,
    Probe,
    RequestOutcome,
    RunEnded,
)
from lab.record.flows import Flow, Flows
from lab.sip.status import CHALLENGES, FAILED_FROM, is_success

E = TypeVar("E", bound=Event)

BEFORE_S = 0.05
"""A packet may be seen this much before its sender says that it has sent: the two look at the clock one after the
other."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ProbeAttempt:
    """A probe and its fate.

    Attributes:
        name: ``p1``, ``p2``, … as the runner numbers them.
        sent_s: when it was sent, or should have been if the server had no way to, or held it for a push.
        known_s: when it was answered, or given up.
        answered: whether the client accepted it in time (2xx); for a call, also whether the client saw it begin.
        kind: ``notify``, ``message``, ``options`` or ``invite``.
        asked_s: when the request was sent that decided its fate: of a call, its BYE
            (or should have been) if it came so far.
        flow: id of the flow it took or should have taken; None where the server does not say.
        reason: why it failed, in the server's word (``timeout``, ``flow-gone``, ``no-subscription``, ``no-binding``);
            empty: it was answered, be it with a refusal.
        unconfirmed_s: when the server sent the ACK of a call that ended in order although the client never got it;
            None: not so.
    """

    name: str
    sent_s: float
    known_s: float
    answered: bool
    kind: str
    asked_s: float
    flow: str | None
    reason: str
    unconfirmed_s: float | None = None

    @property
    def unreached(self) -> bool:
        """True if the request was sent, or should have been, and got no answer at all."""
        return self.reason not in ("", "no-subscription", "no-binding") and not self.reason[:3].isdecimal()


def accepted(probe: Probe) -> bool:
    """Return whether the client took the probe: a client that answers 481 has lost its subscription."""
    return probe.state == "answered" and is_success(probe.code)


class Evidence:
    """The record of a cell, with indexes.

    Args:
        cell: what was run.
        entries: its record, in time order.

    Attributes:
        client, server: the names of their nodes.
        flows: which flow the server used when.
    """

    def __init__(self, cell: Cell, entries: Sequence[Entry[Event]]) -> None:
        self.cell = cell
        self.entries = entries
        self.client = cell.topology.only(Role.CLIENT).name
        self.server = cell.topology.only(Role.SERVER).name
        self.flows = Flows()
        self._by_kind: dict[type[Event], list[Entry[Event]]] = defaultdict(list)
        self._packets: dict[tuple[Endpoint, ...], list[Entry[Packet]]] = {}
        self._mappings: dict[tuple[Endpoint, Endpoint], list[Entry[Mapping]]] = defaultdict(list)
        for entry in entries:
            self._by_kind[type(entry.event)].append(entry)
            self.flows.see(entry.t, entry.event)
            if isinstance(entry.event, Mapping):
                mapping = cast("Entry[Mapping]", entry)
                self._mappings[mapping.event.inside, mapping.event.outside].append(mapping)

    def of(self, kind: type[E], *, who: str = "", **fields: Any) -> Iterator[Entry[E]]:
        """Return the entries of one kind of event, in time order.

        Args:
            kind: the type of event.
            who: only what comes from there; empty: from anywhere.
            **fields: only events whose fields have these values.
        """
        found = cast("list[Entry[E]]", self._by_kind[kind])
        if who or fields:
            return _with(found, who, fields)
        return iter(found)

    def between(self, kind: type[E], since: float, until: float, **fields: Any) -> Iterator[Entry[E]]:
        """Return the entries of one kind of event from one moment to another, both included.

        Args:
            kind: the type of event.
            since: the time begins, in seconds.
            until: the time ends.
            **fields: only events whose fields have these values.
        """
        entries = cast("list[Entry[E]]", self._by_kind[kind])
        first = bisect_left(entries, since, key=lambda entry: entry.t)
        last = bisect_right(entries, until, key=lambda entry: entry.t)
        for entry in entries[first:last]:
            if all(getattr(entry.event, key) == value for key, value in fields.items()):
                yield entry

    def has(self, kind: type[Event]) -> bool:
        """Return whether there is an event of this kind."""
        return bool(self._by_kind[kind])

    @cached_property
    def _by_endpoint(self) -> dict[Endpoint, list[Entry[Packet]]]:
        at: dict[Endpoint, list[Entry[Packet]]] = defaultdict(list)
        for entry in self.of(Packet):
            for end in {entry.event.src, entry.event.dst}:
                at[end].append(entry)
        return at

    def packets_of(self, flow: Flow, since: float = float("-inf"), until: float = float("inf")) -> list[Entry[Packet]]:
        """Return the packets of a flow, on any link, from one moment to another, both included."""
        return self.packets_at(flow.endpoints, since, until)

    def packets_at(
        self, ends: tuple[Endpoint, ...], since: float = float("-inf"), until: float = float("inf")
    ) -> list[Entry[Packet]]:
        """Return the packets of any of some endpoints, on any link, from one moment to another, both included."""
        if ends not in self._packets:
            found = {entry.line: entry for end in ends for entry in self._by_endpoint[end]}
            self._packets[ends] = sorted(found.values(), key=lambda entry: (entry.t, entry.line))
        packets = self._packets[ends]
        first = bisect_left(packets, since, key=lambda entry: entry.t)
        return packets[first : bisect_right(packets, until, key=lambda entry: entry.t)]

    @cached_property
    def probes(self) -> tuple[ProbeAttempt, ...]:
        """Every probe whose fate is known, in the order they were sent."""
        held, connecting, sent, talking, ending = (
            {entry.event.probe: entry.t for entry in self.of(Probe, state=state)}
            for state in ("held", "connecting", "sent", "talking", "ending")
        )
        fates = []
        for state in ("answered", "failed"):
            for entry in self._by_kind[Probe]:
                event = cast("Entry[Probe]", entry).event
                if event.state != state:
                    continue
                began = {event.probe: entry.t, **connecting, **sent, **held}[event.probe]
                confirmed = event.kind != "invite" or self._confirmed(event.call_id, began, entry.t)
                fates.append(
                    ProbeAttempt(
                        name=event.probe,
                        sent_s=began,
                        known_s=entry.t,
                        answered=accepted(event) and confirmed,
                        kind=event.kind,
                        asked_s=ending.get(event.probe, entry.t if event.probe in talking else began),
                        flow=event.flow,
                        reason=event.reason,
                        unconfirmed_s=talking.get(event.probe) if accepted(event) and not confirmed else None,
                    )
                )
        return tuple(sorted(fates, key=lambda probe: probe.sent_s))

    def _confirmed(self, call_id: str, since: float, until: float) -> bool:
        """Return whether the client got the ACK to its acceptance of a call; one that never speaks of calls passes.

        Args:
            call_id: the call's Call-ID; empty in records in which servers do not tell it.
            since: when its INVITE was sent.
            until: when its fate was known.
        """
        if not self.has(ClientCall):
            return True
        confirmed = [entry for entry in self.of(ClientCall, state="confirmed") if since <= entry.t <= until]
        if call_id and any(entry.event.call_id for entry in self.of(ClientCall)):
            confirmed = [entry for entry in confirmed if entry.event.call_id == call_id]
        return bool(confirmed)

    def never_silent(self) -> bool:
        """Return whether the client never got as far as falling silent."""
        return self.has(NeverSilent)

    def ended(self) -> float | None:
        """Return when the timeline had run to its end; None if it was cut short."""
        return next((entry.t for entry in self.of(RunEnded)), None)

    def fault_began(self, number: int) -> Entry[FaultBegan] | None:
        """Return when and how the scenario's fault of that number (from 0) began; None if it never did."""
        return next(self.of(FaultBegan, n=number), None)

    def fault_ended(self, number: int) -> Entry[FaultEnded] | None:
        """Return when that fault was over; None if the record does not have its end."""
        return next(self.of(FaultEnded, n=number), None)

    def client_deaths(self) -> Iterator[float]:
        """Return when a process of the client's ended: by itself, or killed by the lab as a phone's system does."""
        yield from (entry.t for entry in self.of(Aborted, who=self.client))
        yield from (entry.t for entry in self.of(ClientProcess, who=self.client, state="killed"))

    def flow_of(self, probe: ProbeAttempt) -> Flow | None:
        """Return the flow a probe took or should have taken; None if there was none."""
        t = probe.asked_s
        if probe.kind == "notify":
            return self.flows.current(t)
        if probe.flow is not None:
            return self.flows.get(probe.flow, t)
        return self.flows.bound(t) if self.cell.registers else self.flows.current(t)

    def failed_requests(self) -> Iterator[tuple[Entry[RequestOutcome], str]]:
        """Return what the client said of requests of its that failed, each with the method, in no order.

        A challenge (401, 407) is no failure: of OPTIONS it is an answer, whether the client authenticates or not, and a
        REGISTER has failed only if none succeeds afterwards. A subscription that ended with one has failed.
        """
        for kind, method in REQUESTS.items():
            outcomes = list(self.of(kind))
            for place, entry in enumerate(outcomes):
                later = (other.event for other in outcomes[place + 1 :])
                if entry.event.code >= FAILED_FROM and not _is_only_asked(entry.event, later):
                    yield entry, method

    def lost_mappings(self, flow: Flow, since: float, until: float | None = None) -> list[Entry[Mapping]]:
        """Return the ends of a flow's mappings that were not mended at one of two moments; without ``until`` at one.

        A mapping that was made anew mends the loss. Not if it has another endpoint outside: the server's packets go to
        the old one. Nor, over TCP, while data of the server's that was lost meanwhile has not come through, which holds
        up all that follows; or behind a SIP ALG, which has forgotten by how much it had changed sequence numbers.
        """
        found = []
        for outside, inside in zip(flow.endpoints, flow.hops, strict=False):
            ends = [self._last_end(flow, inside, outside, t) for t in (since, until) if t is not None]
            found += [end for end in ends if end is not None][:1]
        return found

    def _last_end(self, flow: Flow, inside: Endpoint, outside: Endpoint, before: float) -> Entry[Mapping] | None:
        changes = [entry for entry in self._mappings[inside, outside] if entry.t <= before]
        for ended, anew in pairwise(changes):
            if ended.event.state != "destroyed" or anew.event.state != "new" or flow.proto == "udp":
                continue
            if self._changes_numbers(ended.who) or self._held_up(flow, ended.t, anew.t, before):
                return ended
        return changes[-1] if changes and changes[-1].event.state == "destroyed" else None

    def _changes_numbers(self, node: str) -> bool:
        """Return whether a middlebox changes the sequence numbers of the cell's connections."""
        algs = [alg.value for alg in dict(self.cell.middleboxes)[node].sip_alg]
        return self.cell.transport.value in algs

    def _held_up(self, flow: Flow, since: float, until: float, before: float) -> bool:
        """Return whether data that the server sent over TCP in a time had not reached the client by a moment.

        Behind a proxy it is the proxy that sends it on.
        """
        ends = set(flow.endpoints)
        nearest = self.cell.topology.front_link().name
        last = {link.name for link in self.cell.topology.client_links()}
        sent, arrived = set(), set()
        for entry in self.packets_of(flow, since, before):
            packet = entry.event
            if packet.dst not in ends or packet.payload == 0 or packet.seq is None:
                continue
            if packet.link == nearest and entry.t < until:
                sent.add(packet.seq)
            elif packet.link in last:
                arrived.add(packet.seq)
        return bool(sent - arrived)

    def transport(self, flow: Flow) -> Iterator[Entry[ClientTransport]]:
        """Return what the client said of the flow's transport."""
        ids = {entry.event.id for entry in self.of(ClientTransport, state="connected", local=flow.inside)}
        return (entry for entry in self.of(ClientTransport) if entry.event.id in ids)


def _is_only_asked(outcome: RequestOutcome, later: Iterable[RequestOutcome]) -> bool:
    """Return whether a request was challenged and has not failed thereby; ``later`` outcomes are of its kind."""
    if outcome.code not in CHALLENGES or isinstance(outcome, ClientSubscription):
        return False
    return isinstance(outcome, OptionsAnswer) or any(is_success(other.code) for other in later)


def _with(entries: list[Entry[E]], who: str, fields: dict[str, Any]) -> Iterator[Entry[E]]:
    """Yield the entries from a node (empty: any) whose events have these values in these fields."""
    wanted = tuple(fields.items())
    for entry in entries:
        if who in ("", entry.who):
            event = entry.event
            for key, value in wanted:
                if getattr(event, key) != value:
                    break
            else:
                yield entry
