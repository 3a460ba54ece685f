"""Cuts SIPp's output into the SIP messages that it traces (``-trace_msg``)."""

from __future__ import annotations

import re
from collections.abc import Iterator

from lab.clients.message_events import TracedMessage
from lab.model.endpoint import Endpoint
from lab.sip.message import MalformedMessage, parse

_HEAD = re.compile(
    rb"-{10,} \d+-\d+-\d+ [\d:.]+\n(?P<transport>TCP|UDP) message (?P<way>sent|received) "
    rb"[\[(](?P<bytes>\d+)[\])]? ?bytes\)? ?:\n\n"
)


class Trace:
    """Reads the output of one SIPp; keeps at most one incomplete message.

    Args:
        local, remote: the ends of its one connection.
    """

    def __init__(self, local: Endpoint, remote: Endpoint) -> None:
        self._local, self._remote = local, remote
        self._rest = b""

    def feed(self, output: bytes) -> Iterator[TracedMessage]:
        """Yield the messages that a piece of output completes."""
        self._rest += output
        while (head := _HEAD.search(self._rest)) is not None:
            end = head.end() + int(head["bytes"])
            if len(self._rest) < end:
                self._rest = self._rest[head.start() :]
                return
            data, self._rest = self._rest[head.end() : end], self._rest[end:]
            try:
                message = parse(data)
            except MalformedMessage:  # a script may send what is none
                continue
            yield TracedMessage(
                message=message,
                sent=head["way"] == b"sent",
                transport=head["transport"].decode().lower(),
                local=self._local,
                remote=self._remote,
                data=data,
            )
