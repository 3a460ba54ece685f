"""Decides whether the server handles received data at once, late, or not at all."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import NamedTuple

from lab.actors.channel import Channel
from lab.record.events import Held, Ignored, Obeyed
from lab.servers.scripted.connections import Connections
from lab.servers.scripted.flows import Flow
from lab.servers.scripted.items import PingFrame, PongFrame, Received
from lab.sip.message import Request, Response
from lab.sip.stream import KeepAlive


class ResponsePolicy(NamedTuple):
    """The way in which requests and pings are answered.

    Attributes:
        mode: ``at-once``, ``late``, ``mute``.
        by: seconds, of ``late``.
    """

    mode: str
    by: float


class Reader:
    """Acts on what is read, in the manner that is asked for; answers to what the server itself has sent come at once.

    Args:
        channel: takes what is held or ignored.
        loop: of all timers.
        connections: all that are there.
        act: acts on an item.
    """

    def __init__(
        self,
        channel: Channel,
        loop: asyncio.AbstractEventLoop,
        connections: Connections,
        act: Callable[[Flow, Received], None],
    ) -> None:
        self._channel = channel
        self._loop = loop
        self._connections = connections
        self._act = act
        self._manner = ResponsePolicy("at-once", 0.0)

    def behave(self, manner: ResponsePolicy) -> None:
        """Act like this from now on; what is held already keeps its time, and is not acted on if mute then."""
        self._manner = manner
        self._channel.emit(Obeyed(do="answer", mode=manner.mode, by=manner.by))

    def read(self, flow: Flow, item: Received) -> None:
        """Act on a message, a ping, or what was neither, now or later."""
        if self._manner.mode == "at-once" or isinstance(item, (Response, PongFrame)) or item is KeepAlive.PONG:
            self._act(flow, item)
        elif self._manner.mode == "mute":
            self._channel.emit(Ignored(what=_what(item), flow=flow.id))
        else:
            self._channel.emit(Held(what=_what(item), flow=flow.id))
            self._loop.call_later(self._manner.by, self._act_late, flow, item)

    def _act_late(self, flow: Flow, item: Received) -> None:
        if self._connections.get(flow.id) is None:
            return
        if self._manner.mode == "mute":  # by now: it answers nothing, whenever that came
            self._channel.emit(Ignored(what=_what(item), flow=flow.id))
        else:
            self._act(flow, item)


def _what(item: Received) -> str:
    """Return the kind of a received item, in the words of `Ignored` and `Held`."""
    if isinstance(item, Request):
        return item.method
    return "crlf-ping" if isinstance(item, KeepAlive) else "frame-ping" if isinstance(item, PingFrame) else "malformed"
