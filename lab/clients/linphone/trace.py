"""Reads SIP messages from what belle-sip logs (src/channel.c of belle-sip 5.1)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import suppress

from lab.clients.message_events import TracedMessage
from lab.model.endpoint import Endpoint
from lab.sip.message import MalformedMessage, Request, Response, parse
from lab.sip.stream import StreamParser

_LOCAL = re.compile(rb"Channel has local address (\S+)")
_BYTES = re.compile(
    rb"channel \[(?P<channel>\S+)\]: (?:message (?P<sent>sent) to|received \[\d+\] new bytes from) "
    rb"\[(?P<transport>\w+)://(?P<remote>[^\]]+)\][^\n]*\n(?P<data>.*)",
    re.DOTALL,
)


class Trace:
    """Reads the log of one linphone, entry by entry; of a stream an entry shows what one read brought."""

    def __init__(self) -> None:
        self._local: Endpoint | None = None
        self._streams: dict[tuple[bytes, bool], StreamParser] = {}

    def read(self, entry: bytes) -> Iterator[TracedMessage]:
        """Yield the messages that an entry completes."""
        if (match := _LOCAL.search(entry)) is not None:
            self._local = _endpoint(match[1])
        elif (match := _BYTES.search(entry)) is not None:
            sent, transport = match["sent"] is not None, match["transport"].decode().lower()
            remote = _endpoint(match["remote"])
            for message, data in self._messages(match["data"], (match["channel"], sent), datagram=transport == "udp"):
                yield TracedMessage(
                    message=message, sent=sent, transport=transport, local=self._local, remote=remote, data=data
                )

    def _messages(
        self, data: bytes, key: tuple[bytes, bool], *, datagram: bool
    ) -> Iterator[tuple[Request | Response, bytes]]:
        if datagram:
            with suppress(MalformedMessage):
                yield parse(data), data
            return
        if (stream := self._streams.get(key)) is None or stream.lost:
            stream = self._streams[key] = StreamParser()
        stream.add(data)
        while (item := stream.next()) is not None:
            if isinstance(item, Request | Response):
                yield item, stream.message


def _endpoint(text: bytes) -> Endpoint | None:
    try:
        return Endpoint.parse(text.decode())
    except ValueError:
        return None
