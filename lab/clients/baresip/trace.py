"""Cuts baresip's output into the SIP messages that its trace shows (``baresip -s``; ``sip_trace_handler`` in uag.c)."""

from __future__ import annotations

import re
from collections.abc import Iterator

from lab.clients.message_events import TracedMessage
from lab.model.endpoint import Endpoint
from lab.sip.message import MalformedMessage, Request, Response, parse

_BEGINS = b"\x1b[36;1m"
_ENDS = b"\x1b[;m\n"
_BLOCK = re.compile(
    rb"\x1b\[36;1m[^\n]*#\n(?P<transport>\w+) (?P<source>\S+) -> (?P<target>\S+)\n(?P<data>.*)", re.DOTALL
)


class Trace:
    """Reads the output of one baresip; keeps at most one incomplete message.

    Args:
        port: the server's, by which a message's direction is told: the client's own ports are others.
    """

    def __init__(self, port: int) -> None:
        self._port = port
        self._rest = b""

    def feed(self, output: bytes) -> Iterator[TracedMessage]:
        """Yield the messages that a piece of output completes."""
        *blocks, self._rest = (self._rest + output).split(_ENDS)
        for block in blocks:
            if (match := _BLOCK.search(block)) is not None and (message := _message(match["data"])) is not None:
                source, target = _endpoint(match["source"]), _endpoint(match["target"])
                sent = target is not None and target.port == self._port
                yield TracedMessage(
                    message=message,
                    sent=sent,
                    transport=match["transport"].decode().lower(),
                    local=source if sent else target,
                    remote=target if sent else source,
                    data=match["data"],
                )
        if _BEGINS not in self._rest:
            self._rest = self._rest[-len(_BEGINS) - len(_ENDS) :]


def _message(data: bytes) -> Request | Response | None:
    try:
        return parse(data)
    except MalformedMessage:
        return None


def _endpoint(text: bytes) -> Endpoint | None:
    try:
        return Endpoint.parse(text.decode())
    except ValueError:
        return None
