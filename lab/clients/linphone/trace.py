"""Reads SIP messages from what belle-sip logs (src/channel.c of belle-sip 5.1)."""

from __future__ import annotations

import re

from lab.clients.message_events import TracedMessage
from lab.model.endpoint import Endpoint

_LOCAL = re.compile(rb"Channel has local address (\S+)")
_MESSAGE = re.compile(
    rb"channel \[\S+\]: (?:message (?P<sent>sent) to|received \[\d+\] new bytes from) "
    rb"\[(?P<transport>\w+)://(?P<remote>[^\]]+)\][^\n]*\n(?P<data>.*)",
    re.DOTALL,
)


class Trace:
    """Reads the log of one linphone, entry by entry."""

    def __init__(self) -> None:
        self._local: Endpoint | None = None

    def read(self, entry: bytes) -> TracedMessage | None:
        """Return the message that an entry shows; None: it shows none."""
        if (match := _LOCAL.search(entry)) is not None:
            self._local = _endpoint(match[1])
            return None
        if (match := _MESSAGE.search(entry)) is None:
            return None
        return TracedMessage(
            data=match["data"],
            sent=match["sent"] is not None,
            transport=match["transport"].decode().lower(),
            local=self._local,
            remote=_endpoint(match["remote"]),
        )


def _endpoint(text: bytes) -> Endpoint | None:
    try:
        return Endpoint.parse(text.decode())
    except ValueError:
        return None
