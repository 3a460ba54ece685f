"""Finds the flow by which the server reaches the client, and its endpoints; live and afterwards."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from lab.model.endpoint import Endpoint
from lab.record.events import (
    ENDED_AT_SERVER,
    Binding,
    Event,
    Held,
    Ignored,
    Mapping,
    ProxyConnection,
    Request,
    ServerFlow,
    ServerSubscription,
)

_ACCOUNT = ("REGISTER", "SUBSCRIBE")
"""Requests by which a client is known to the server."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Flow:
    """The transport association the server uses to reach the client, seen from all sides.

    Attributes:
        id: the server's name for it, ``f1``.
        proto: ``tcp`` or ``udp``.
        own: the server's end.
        peer: the client's end as the server sees it; behind a proxy the proxy's.
        hops: the inside endpoints it has at the proxy and the middleboxes on its way, the server's first; the last one
            is the client's own. Empty where nothing translates.
        front: the proxy's end of the client's connection; None: there is no proxy, and the connection ends at ``own``.
    """

    id: str
    proto: str
    own: Endpoint
    peer: Endpoint
    hops: tuple[Endpoint, ...] = ()
    front: Endpoint | None = None

    @property
    def inside(self) -> Endpoint:
        """The client's own endpoint; the peer itself where nothing translates."""
        return self.hops[-1] if self.hops else self.peer

    @property
    def endpoints(self) -> tuple[Endpoint, ...]:
        """The client's end as the server sees it, then as each middlebox on the way in does."""
        return (self.peer, *self.hops)

    @property
    def pairs(self) -> tuple[tuple[Endpoint, Endpoint], ...]:
        """Each of these endpoints, with the other end of its connection: the server's, or the proxy's."""
        if self.front is None:
            return tuple((end, self.own) for end in self.endpoints)
        return ((self.peer, self.own), *((end, self.front) for end in self.hops))

    @property
    def client_ends(self) -> tuple[Endpoint, ...]:
        """The client's end of its own connection, as each node on the way sees it."""
        return self.endpoints if self.front is None else self.hops


class Flows:
    """Follows events in the order of their times; all questions are about a moment on the clock of these times."""

    def __init__(self) -> None:
        self._flows: dict[str, ServerFlow] = {}
        self._count = 0
        self._ended: set[str] = set()
        self._carried: dict[str, tuple[bool, int]] = {}  # whether of the account, and its number
        self._subscriptions: list[tuple[float, ServerSubscription]] = []
        self._bindings: list[tuple[float, Binding]] = []
        self._insides: dict[Endpoint, list[tuple[float, Endpoint]]] = defaultdict(list)
        self._outsides: dict[Endpoint, list[tuple[float, Endpoint]]] = defaultdict(list)
        self._fronts: dict[Endpoint, list[tuple[float, Endpoint]]] = defaultdict(list)

    def see(self, t: float, event: Event) -> None:
        """Take note of an event."""
        if isinstance(event, ServerFlow):
            self._flows.setdefault(event.id, event)
            if event.state in ENDED_AT_SERVER:
                self._ended.add(event.id)
        elif isinstance(event, Request):
            self._carry(event.flow, event.method)
        elif isinstance(event, Ignored | Held):
            self._carry(event.flow, event.what)
        elif isinstance(event, ServerSubscription) and event.state in ("active", "refreshed"):
            self._subscriptions.append((t, event))
        elif isinstance(event, Binding) and event.state in ("active", "refreshed"):
            self._bindings.append((t, event))
        elif isinstance(event, Mapping) and event.state == "new" and event.inside != event.outside:
            self._insides[event.outside].append((t, event.inside))
            self._outsides[event.inside].append((t, event.outside))
        elif isinstance(event, ProxyConnection) and event.state == "connected" and event.own is not None:
            self._insides[event.own].append((t, event.client))
            self._outsides[event.client].append((t, event.own))
            self._fronts[event.own].append((t, event.front))

    def current(self, t: float = float("inf")) -> Flow | None:
        """Return the flow of the newest subscription of that moment; of the newest binding where nobody subscribes.

        None before the first one.
        """
        return self._newest(self._subscriptions or self._bindings, t)

    def bound(self, t: float = float("inf")) -> Flow | None:
        """Return the flow of the newest binding of that moment; None before the first one."""
        return self._newest(self._bindings, t)

    def _newest(self, made: Sequence[tuple[float, ServerSubscription | Binding]], t: float) -> Flow | None:
        newest = next((event for at, event in reversed(made) if at <= t), None)
        return None if newest is None else self.get(newest.flow, t)

    def in_use(self) -> Flow | None:
        """Return the flow that the client uses, by all that was seen; None: none that lives.

        Of the flows that have not ended at the server it is the one that carried a REGISTER or SUBSCRIBE last; if none
        did, the one that carried any request of the client last.
        """
        living = [flow for flow in self._carried if flow not in self._ended]
        return self.get(max(living, key=self._carried.__getitem__)) if living else None

    def _carry(self, flow: str, what: str) -> None:
        """Take note of a request of the client; what is no method (a ping) is none."""
        if not what.isupper():
            return
        self._count += 1
        account = what in _ACCOUNT
        if account or not self._carried.get(flow, (False, 0))[0]:
            self._carried[flow] = (account, self._count)

    def ids(self) -> tuple[str, ...]:
        """Return the ids of all flows that there were, in the order of their beginnings."""
        return tuple(self._flows)

    def get(self, flow_id: str, t: float = float("inf")) -> Flow | None:
        """Return the flow of that id, as its way was at that moment."""
        event = self._flows.get(flow_id)
        if event is None:
            return None
        proto = "udp" if event.transport == "udp" else "tcp"
        hops = _follow(self._insides, event.peer, t)[1:]
        front = next((end for at, end in reversed(self._fronts.get(event.peer, ())) if at <= t), None)
        return Flow(id=flow_id, proto=proto, own=event.own, peer=event.peer, hops=hops, front=front)

    def translations(self, inside: Endpoint, t: float = float("inf")) -> tuple[Endpoint, ...]:
        """Return the client's own endpoint and those that NATs and a proxy had made of it, the client's first."""
        return _follow(self._outsides, inside, t)

    def granted_until(self) -> float | None:
        """Return when the newest subscription ends unless it is refreshed; the newest binding where nobody subscribes.

        None before the first one.
        """
        made: Sequence[tuple[float, ServerSubscription | Binding]] = self._subscriptions or self._bindings
        if not made:
            return None
        at, event = made[-1]
        return at + event.expires


def _follow(ways: dict[Endpoint, list[tuple[float, Endpoint]]], start: Endpoint, t: float) -> tuple[Endpoint, ...]:
    """Follow translations from an endpoint, each the newest that leads somewhere new."""
    passed = [start]
    while True:
        further = (end for at, end in reversed(ways.get(passed[-1], ())) if at <= t and end not in passed)
        found = next(further, None)
        if found is None:
            return tuple(passed)
        passed.append(found)
