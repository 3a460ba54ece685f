"""Stops using a connection on which a request was not answered."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from lab.mitigations.base import STREAMS, TIMED_OUT, Answer, Client, ClientSide, TransportState

TIMER_F_S = 32.0
"""How long pjsip waits for an answer (RFC 3261 §17.1.2.2)."""

_TOLERANCE_S = 1.0
"""A connection made for the request is younger than it by the time connecting took."""


@dataclass(frozen=True, kw_only=True, slots=True)
class DropDeadFlow(ClientSide):
    """After a 408 to a request of ours, shut the connections on which nothing has come in since it was sent.

    Without it pjsip sends the next request, and the one after that, into the same dead connection until the kernel
    gives it up. Sends nothing by itself and does not connect: something else must try, such as ``options-ping``. pjsip
    of July 2026 does the same after a REGISTER.
    """

    kind: ClassVar[str] = "drop-dead-flow"
    source: ClassVar[str] = "pjsip/pjproject#5033; RFC 5626 §4.4"
    transports: ClassVar[tuple[str, ...]] = STREAMS

    def attach(self, client: Client) -> None:
        """Watch what comes in, and for 408."""
        heard: dict[int, float] = {}

        def on_transport(handle: int, state: TransportState) -> None:
            if state is TransportState.CONNECTED:
                heard[handle] = client.now()
            else:
                heard.pop(handle, None)

        def on_received(handle: int, _: bytes) -> None:
            if handle in heard:
                heard[handle] = client.now()

        def on_answer(answer: Answer) -> None:
            if answer.code != TIMED_OUT:
                return
            sent = client.now() - TIMER_F_S
            for handle, at in list(heard.items()):
                if at <= sent + _TOLERANCE_S:
                    client.give_up_transport(handle, after=TIMER_F_S)

        client.on_transport(on_transport)
        client.on_received(on_received)
        client.on_answer(on_answer)
