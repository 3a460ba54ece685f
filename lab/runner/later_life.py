"""Tells the connections of a client that was started again from those of its earlier lives."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from lab.clients.protocol import ClientLineDecoder, ClientMessage, ProtocolViolation
from lab.record.events import ClientTransport, TransportReference, Unanswered


class LaterLife:
    """Adds the number of its life to the names that a client gives to its connections: each life counts anew.

    Args:
        ears: understand the client.
        life: the number, from 2 on.
    """

    def __init__(self, ears: ClientLineDecoder, life: int) -> None:
        self._ears = ears
        self._life = life

    def feed(self, data: bytes, *, now: float) -> Iterable[ClientMessage | ProtocolViolation]:
        """See `LineDecoder`."""
        for told in self._ears.feed(data, now=now):
            event = told.event if isinstance(told, ClientMessage) else None
            if isinstance(event, ClientTransport | TransportReference | Unanswered) and event.id:
                event = msgspec.structs.replace(event, id=f"{event.id}/{self._life}")
                yield ClientMessage(event, told.at)  # type: ignore[union-attr]  # it has an event
            else:
                yield told
