"""Sends the server's responses, and over UDP again when the request is repeated (server transactions)."""

from __future__ import annotations

import asyncio
from typing import NamedTuple

from lab.actors.channel import Channel
from lab.record.events import ResponseLost, ResponseSent
from lab.servers.scripted.connections import Connections
from lab.servers.scripted.flows import Address, Flow, why
from lab.sip.message import MalformedMessage, Request
from lab.sip.transaction import TIMER_J, Key, server_key, top_via
from lab.sip.uas import respond


class _ServerTransaction(NamedTuple):
    """An answer as it was sent."""

    at: float
    code: int
    data: bytes
    to: Address


class ServerTransactions:
    """The answered requests (server transactions, RFC 3261 §17.2)."""

    def __init__(self, connections: Connections, channel: Channel, loop: asyncio.AbstractEventLoop) -> None:
        self._connections = connections
        self._channel = channel
        self._loop = loop
        self._sent: dict[Key, _ServerTransaction] = {}  # over UDP, by request, oldest first

    def again(self, flow: Flow, request: Request) -> bool:
        """Send the answer a request has had already; False if it has had none."""
        stored = self._sent.get(server_key(request)) if flow.transport == "udp" else None
        if stored is not None:
            self._send(flow, request.method, stored)
        return stored is not None

    def send(
        self, flow: Flow, request: Request, code: int, *headers: tuple[str, str], tag: str, body: bytes = b""
    ) -> None:
        """Answer; ``tag`` for To where it has none."""
        response = respond(request, code, *headers, peer=flow.peer, tag=tag, body=body)
        answer = _ServerTransaction(self._loop.time(), code, response.encode(), flow.peer)
        if flow.transport == "udp":
            try:
                answer = answer._replace(to=top_via(response).response_endpoint)
                self._remember(server_key(request), answer)
            except MalformedMessage:  # no readable Via: back to where it came from
                pass
        self._send(flow, request.method, answer)

    def forget(self) -> None:
        """Forget what was answered."""
        self._sent.clear()

    def _remember(self, key: Key, answer: _ServerTransaction) -> None:
        while self._sent and (oldest := next(iter(self._sent))) is not None:
            if self._sent[oldest].at + TIMER_J > answer.at:
                break
            del self._sent[oldest]
        self._sent[key] = answer

    def _send(self, flow: Flow, method: str, answer: _ServerTransaction) -> None:
        reason = ""
        if flow.transport == "udp":
            try:
                self._connections.send_datagram(flow, answer.data, answer.to)
            except OSError as error:
                reason = why(error)
        else:
            flow.send(answer.data)
        if reason:
            self._channel.emit(ResponseLost(method=method, code=answer.code, flow=flow.id, reason=reason))
        else:
            self._channel.emit(ResponseSent(method=method, code=answer.code, flow=flow.id))
