"""Sends the server's own requests, repeats them over UDP, and matches the responses (client transactions)."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Protocol

from lab.servers.scripted.flows import Flow, why
from lab.sip.message import Request, Response
from lab.sip.transaction import TIMER_F, Key, client_key, retransmissions

_RETRANSMISSIONS = {method: retransmissions(method) for method in ("INVITE", "other")}


class TransactionUser(Protocol):
    """Whoever wants to know what becomes of a request."""

    def sent(self, flow: Flow) -> None:
        """Handle that the request is about to be sent for the first time."""

    def answered(self, flow: Flow, response: Response, *, in_time: bool) -> None:
        """Handle the final response; not ``in_time`` if ``failed`` has been called before."""

    def failed(self, flow: Flow | None, reason: str) -> None:
        """Handle a time-out (``timeout``), or that no response can come: ``flow-gone``, or an errno's text."""


class ClientTransaction:
    """A request and what became of it.

    Args:
        request: what is sent.
        key: what its answers carry, see ``lab.sip.transaction.client_key``.
        asker: told what becomes of it.
        on_provisional: told of each provisional answer.
        retransmits: whether it is sent again over UDP.
    """

    def __init__(
        self,
        request: Request,
        key: Key,
        asker: TransactionUser,
        *,
        on_provisional: Callable[[Flow, Response], None] = lambda _flow, _response: None,
        retransmits: bool = True,
    ) -> None:
        self.data = request.encode()
        self.method = request.method
        self.key = key
        self.asker = asker
        self.on_provisional = on_provisional
        self.retransmits = retransmits
        self.flow: Flow | None = None
        self.began = 0.0
        self.sent = 0  # how often
        self.given_up = False
        self.proceeding = False  # an INVITE that has had a provisional answer
        self.resend: asyncio.TimerHandle | None = None
        self.patience: asyncio.TimerHandle | None = None


class ClientTransactions:
    """All requests under way."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._exchanges: dict[Key, ClientTransaction] = {}

    def begin(self, exchange: ClientTransaction, flow: Flow, within: float | None) -> None:
        """Send it as soon as the flow is ready; after ``within`` seconds say that it failed, if that is asked for."""
        now = self._loop.time()
        over = [one.key for one in self._exchanges.values() if one.began + TIMER_F < now and one.patience is None]
        for key in over:
            del self._exchanges[key]
        exchange.flow, exchange.began = flow, now
        self._exchanges[exchange.key] = exchange
        if within is not None:
            exchange.patience = self._loop.call_later(within, self._give_up, exchange)
        if flow.ready:
            self._transmit(exchange)

    def withdraw(self, key: Key) -> None:
        """Forget a request; its asker hears no more of it."""
        if (exchange := self._exchanges.get(key)) is not None:
            self._finish(exchange)

    def flow_ready(self, flow: Flow) -> None:
        """Send what has waited for it."""
        for exchange in self._on(flow):
            self._transmit(exchange)

    def flow_ended(self, flow: Flow, reason: str, *, all_lost: bool = False) -> None:
        """Fail what was under way on a flow, but for an INVITE whose final answer is still to come.

        The client sends that over another connection if this one is gone (RFC 3261 §18.2.2).

        Args:
            flow: the one that is gone.
            reason: why.
            all_lost: the server is gone, and with it all that was under way.
        """
        for exchange in self._on(flow):
            if all_lost or not exchange.proceeding:
                self._fail(exchange, reason)

    def forget(self) -> None:
        """Lose everything that is under way, with the process that had it."""
        for exchange in list(self._exchanges.values()):
            self._fail(exchange, "server-down")

    def response(self, flow: Flow, response: Response) -> bool:
        """Take an answer; False if it answers nothing that is under way.

        Raises:
            MalformedMessage: it cannot be told what it answers.
        """
        exchange = self._exchanges.get(client_key(response))
        if exchange is None:
            return False
        if response.code < 200:
            if exchange.method == "INVITE":  # RFC 3261 §17.1.1.2
                exchange.proceeding = True
                if exchange.resend is not None:
                    exchange.resend.cancel()
            exchange.on_provisional(flow, response)
            return True
        if exchange.patience is not None and self._loop.time() >= exchange.patience.when():
            exchange.patience.cancel()
            self._give_up(exchange)  # its time has passed, and this was read first: the process stood still
        self._finish(exchange)
        exchange.asker.answered(flow, response, in_time=not exchange.given_up)
        return True

    def _on(self, flow: Flow) -> list[ClientTransaction]:
        return [one for one in self._exchanges.values() if one.flow is flow]

    def _transmit(self, exchange: ClientTransaction) -> None:
        flow = exchange.flow
        assert flow is not None
        exchange.sent += 1
        if exchange.sent == 1:
            exchange.asker.sent(flow)  # first, so that nothing it causes is older
        try:
            flow.send(exchange.data)
        except OSError as error:
            self._fail(exchange, why(error))
            return
        times = _RETRANSMISSIONS.get(exchange.method, _RETRANSMISSIONS["other"])
        if flow.transport == "udp" and exchange.retransmits and exchange.sent <= len(times):
            at = exchange.began + times[exchange.sent - 1]
            exchange.resend = self._loop.call_at(at, self._transmit, exchange)

    def _give_up(self, exchange: ClientTransaction) -> None:
        exchange.patience = None
        exchange.given_up = True  # the transaction goes on
        exchange.asker.failed(exchange.flow, "timeout")

    def _fail(self, exchange: ClientTransaction, reason: str) -> None:
        self._finish(exchange)
        if not exchange.given_up:
            exchange.asker.failed(exchange.flow, reason)

    def _finish(self, exchange: ClientTransaction) -> None:
        self._exchanges.pop(exchange.key, None)
        for timer in (exchange.resend, exchange.patience):
            if timer is not None:
                timer.cancel()
