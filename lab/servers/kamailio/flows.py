"""Tracks the flows in Kamailio's log, by their names in the record."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from lab.actors.channel import Channel
from lab.model.endpoint import Endpoint
from lab.record.events import FlowState, ServerFlow
from lab.sip.ports import FRAMED, SECURE

ENDS = {"closed": "fin", "reset": "Connection reset by peer", "gone": "not told"}
"""How a connection ended, by what Kamailio calls it: ``gone`` is its timeout route, which it also takes when its own
farewell comes too late for a peer that has closed."""

_UPGRADED = {"tcp": "ws", "tls": "wss"}


class Flow(NamedTuple):
    """A transport association as far as it has been seen.

    Attributes:
        id: ``f1``, ``f2``, ….
        transport: a key of ``lab.sip.ports.PORTS``.
        peer: the client's end as the server sees it.
        own: the server's end.
        connection: Kamailio's number for it; 0 for UDP.
    """

    id: str
    transport: str
    peer: Endpoint
    own: Endpoint
    connection: int

    @property
    def endpoint(self) -> Endpoint:
        """The client's end."""
        return self.peer

    @property
    def name(self) -> str:
        """As Kamailio's log has it."""
        return f"{self.transport}:{self.peer}/{self.own}"


class Flows:
    """All that are there.

    Args:
        channel: takes what becomes of them.
        on_end: called with a flow that is gone, after it was said.
        on_stream: called with each new TCP or TLS flow, after it was said.
    """

    def __init__(
        self,
        channel: Channel,
        on_end: Callable[[Flow], None],
        on_stream: Callable[[Flow], None] = lambda _: None,
    ) -> None:
        self._channel = channel
        self._on_end = on_end
        self._on_stream = on_stream
        self._count = 0
        self._flows: dict[str, Flow] = {}  # by name

    def seen(self, name: str, connection: int, *, at: float, answered: bool = False, subject: str = "") -> Flow:
        """Return the flow of a message; report it if it is new.

        Args:
            name: as logged, ``tls:198.51.100.2:40000/203.0.113.10:5061``.
            connection: Kamailio's number for it.
            at: when it came.
            answered: it is a response, so Kamailio had begun the flow.
            subject: who the peer is by its verified certificate; empty if it was not asked for one.
        """
        flow = self._flows.get(name)
        if flow is not None and flow.connection == connection:
            return flow
        if flow is not None:  # its end has not been told, but here is another from the same port
            self.ended(name, "closed", "replaced", at=at)
        flow = self._flows[name] = self._new(name, connection)
        self._say(flow, "connected" if answered else "accepted", "", at=at)
        if flow.transport in SECURE:
            self._say(flow, "secured", "", at=at, subject=subject)
        if flow.transport in FRAMED:
            self._say(flow, "upgraded", "", at=at)
        if flow.transport != "udp":
            self._on_stream(flow)
        return flow

    def websocket(self, what: str, name: str, connection: int, *, at: float) -> None:
        """Take note of a WebSocket that was ``upgraded`` or has ended; its name is that of what it began as."""
        began, _, ends = name.partition(":")
        if what == "upgraded":
            self.seen(f"{_UPGRADED[began]}:{ends}", connection, at=at)
        else:
            self.ended(f"{_UPGRADED[began]}:{ends}", "closed", "WebSocket closed", at=at)

    def refused(self, name: str, reason: str) -> None:
        """Take note of a connection, just now, whose handshake has failed."""
        flow = self._new(name, 0)
        self._say(flow, "accepted", "", at=None)
        self._say(flow, "failed", reason, at=None)

    def ended(self, name: str, state: FlowState, reason: str, *, at: float | None) -> None:
        """Take note of the end of a flow; one that was never seen has none."""
        flow = self._flows.pop(name, None)
        if flow is not None:
            self._say(flow, state, reason, at=at)
            self._on_end(flow)

    def all_ended(self, reason: str) -> None:
        """Take note of the end of them all, now."""
        for flow in list(self._flows.values()):
            self.ended(flow.name, "closed", reason, at=None)

    def find(self, transport: str, peer: Endpoint) -> Flow | None:
        """Return the newest flow to a peer, if there is one; a URI may say ``ws`` of a ``wss`` (RFC 7118 §5.2)."""
        same = FRAMED if transport in FRAMED else (transport,)
        flows = reversed(self._flows.values())
        return next((flow for flow in flows if flow.transport in same and flow.peer == peer), None)

    def named(self, name: str) -> Flow | None:
        """Return the flow by its name in the log, if it exists."""
        return self._flows.get(name)

    def get(self, id_: str) -> Flow | None:
        """Return the flow by its name, if it still exists."""
        return next((flow for flow in self._flows.values() if flow.id == id_), None)

    def _say(self, flow: Flow, state: FlowState, reason: str, *, at: float | None, subject: str = "") -> None:
        event = ServerFlow(
            id=flow.id,
            state=state,
            transport=flow.transport,
            peer=flow.peer,
            own=flow.own,
            reason=reason,
            subject=subject,
        )
        self._channel.emit(event, at=at)

    def _new(self, name: str, connection: int) -> Flow:
        self._count += 1
        transport, _, ends = name.partition(":")
        peer, _, own = ends.partition("/")
        return Flow(f"f{self._count}", transport, Endpoint.parse(peer), Endpoint.parse(own), connection)
