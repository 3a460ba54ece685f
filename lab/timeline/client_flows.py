"""Finds the server's name for a connection, from either end of it. Pure."""

from __future__ import annotations

from collections import defaultdict

from lab.model.endpoint import Endpoint
from lab.record.events import ENDED_AT_SERVER, ClientTransport, ServerFlow
from lab.record.evidence import Evidence


class ClientFlows:
    """The server's flows, by the client's end of them: its own endpoint, and the one that the server sees."""

    def __init__(self, evidence: Evidence) -> None:
        over = {each.event.id: each.t for each in evidence.of(ServerFlow) if each.event.state in ENDED_AT_SERVER}
        self._insides: dict[Endpoint, list[tuple[str, float]]] = defaultdict(list)
        self._peers: dict[Endpoint, list[tuple[str, float]]] = defaultdict(list)
        self._branches: dict[str, str] = {}
        for name in evidence.flows.ids():
            flow = evidence.flows.get(name)
            if flow is not None:
                until = over.get(name, float("inf"))
                self._insides[flow.inside].append((name, until))
                for end in dict.fromkeys((flow.peer, *flow.client_ends)):
                    self._peers[end].append((name, until))

    def at(self, inside: Endpoint, t: float) -> str | None:
        """Return the flow that an endpoint of the client had at a time, or had last; None: the server has seen none."""
        return _at(self._insides.get(inside, []), t)

    def of_peer(self, peer: Endpoint, t: float) -> str | None:
        """Return the flow that an endpoint had at a time, or had last, as the server sees it; None: none."""
        return _at(self._peers.get(peer, []), t)

    def carried(self, branch: str, flow: str) -> None:
        """Take note that a flow carried a message of a transaction."""
        if branch:
            self._branches[branch] = flow

    def of_branch(self, branch: str) -> str | None:
        """Return the flow that carried a message of a transaction; None: none is known."""
        return self._branches.get(branch)


def secured_at(evidence: Evidence) -> dict[str, float]:
    """Return when the TLS handshake of each flow was over, whatever came of it, as far as one is known."""
    over: dict[str, float] = {}
    tls = {each.event.id for each in evidence.of(ServerFlow, transport="tls")}
    for each in evidence.of(ServerFlow):
        if each.event.id in tls and each.event.state not in ("accepted", "connected"):
            over.setdefault(each.event.id, each.t)
    flows = ClientFlows(evidence)
    for one in evidence.of(ClientTransport, state="connected"):
        flow = flows.at(one.event.local, one.t)
        if flow in over:
            over[flow] = min(over[flow], one.t)
    return over


def _at(flows: list[tuple[str, float]], t: float) -> str | None:
    living = [name for name, until in flows if t <= until]
    return living[0] if living else flows[-1][0] if flows else None
