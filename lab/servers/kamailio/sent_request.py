"""Follows one request that Kamailio sends for the lab, in its log."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from lab.model.endpoint import Endpoint
from lab.servers.kamailio.clients import StoredContact
from lab.servers.kamailio.flows import Flow
from lab.servers.kamailio.log import LogLine
from lab.servers.kamailio.server_context import ServerContext
from lab.servers.probe_report import FROZEN, SENT_LATE_S
from lab.sip.fields import Uri
from lab.sip.message import MalformedMessage


class SentRequest:
    """One request that Kamailio has been told to send, from then to its fate.

    Args:
        origin: the server.
        call_id: of the request.
        method: of the request.
        target: whom it is for.
        within: seconds until it counts as unanswered.
        expects: the number in its CSeq; None: Kamailio chooses it.
        on_sent, on_answered, on_failed: called with the flow (None: unknown), the moment, and the reply or the reason.
    """

    def __init__(
        self,
        origin: ServerContext,
        call_id: str,
        method: str,
        target: StoredContact,
        within: float,
        *,
        on_sent: Callable[[Flow | None, float], None],
        on_answered: Callable[[Flow, LogLine, float], None],
        on_failed: Callable[[Flow | None, str, str | None], None],
        expects: int | None = None,
    ) -> None:
        self._expects = expects
        self.call_id = call_id
        self.method = method
        self.target = target
        self.cseq: int | None = None  # not sent yet
        self._origin = origin
        self.flow: Flow | None = None
        self._on_sent = on_sent
        self._on_answered = on_answered
        self._on_failed = on_failed
        self._over = False
        self._began = asyncio.get_running_loop().time()
        self._timer = asyncio.get_running_loop().call_later(within, self.fail, "timeout")

    def is_it(self, method: str, call_id: str, cseq: int) -> bool:
        """Return whether it has not been sent yet and is this one, which Kamailio is about to send."""
        waits = self.cseq is None and self._expects in (None, cseq)
        return waits and (self.method, self.call_id) == (method, call_id)

    def sending(self, cseq: int, uri: str, *, at: float) -> None:
        """Handle that Kamailio is about to send it."""
        self.cseq = cseq
        self.flow = self._way(uri)
        if at > self._began + SENT_LATE_S:
            self.fail(FROZEN)
            return
        if self.flow is None and not self._origin.connects and self.target.transport != "udp":
            self._timer.cancel()
            self._on_failed(None, "flow-gone", self.target.flow)
        else:
            self._on_sent(self.flow, at)

    def answered(self, flow: Flow, reply: LogLine, *, at: float) -> bool:
        """Take a final answer; False if it was read too late, as the server stood still: then it has failed."""
        if at > self._timer.when() and not self._over:
            self.fail("timeout")
            return False
        self._timer.cancel()
        self._on_answered(flow, reply, at)
        return True

    def fail(self, reason: str) -> None:
        """Handle a request that will not be answered, or too late."""
        self._timer.cancel()
        self._over = True
        self._on_failed(self.flow, reason, None)

    def _way(self, uri: str) -> Flow | None:
        """Return the flow for a request to this URI; by flow, it is the target's."""
        if self._origin.by_flow:
            return self._origin.flows.get(self.target.flow)
        try:
            hop = Uri.parse(uri)
        except MalformedMessage:
            return None
        return self._origin.flows.find(hop.transport, Endpoint.of(hop.endpoint))
