"""Cuts a byte stream (TCP, TLS) into SIP messages and keep-alive pings (RFC 3261 §18.3, RFC 5626 §3.5.1).

What comes out depends on the bytes alone, never on how reads cut them; but where a pong is expected, a single CRLF at
the end of what was read is one, and not half a ping.
"""

from __future__ import annotations

from dataclasses import replace
from enum import Enum

from lab.sip.message import LARGEST, MalformedMessage, Request, Response, parse_head

_END = b"\r\n\r\n"


class KeepAlive(Enum):
    """Bytes between messages that mean something."""

    PING = b"\r\n\r\n"
    """A double CRLF; asks for a single one."""
    PONG = b"\r\n"
    """A single CRLF, which answers one."""


Item = Request | Response | KeepAlive | MalformedMessage


class StreamParser:
    """The reading end of one stream.

    Attributes:
        lost: nothing more can be read.
        expects_pong: the next single CRLF is a pong.
        message: the bytes of the message that was returned last, as they came.

    A malformed message whose end is known is reported and skipped. After one whose end is not known (no or bad
    Content-Length, no end of the header section within ``LARGEST`` bytes) nothing can be read: ``lost`` is True and
    further bytes are dropped.
    """

    def __init__(self) -> None:
        self.lost = False
        self.expects_pong = False
        self.message = b""  # the bytes of the message that `next` has returned
        self._buffer = bytearray()
        self._seen = 0  # bytes of the buffer that hold no end of a header section
        self._head: Request | Response | MalformedMessage | None = None  # waits for its body of _length bytes
        self._length = 0
        self._head_bytes = b""

    def feed(self, data: bytes) -> list[Item]:
        """Return what ``data`` completes, in order."""
        self.add(data)
        items: list[Item] = []
        while (item := self.next()) is not None:
            items.append(item)
        return items

    def add(self, data: bytes) -> None:
        """Take what was read, for ``next``."""
        if not self.lost:
            self._buffer += data

    def next(self) -> Item | None:
        """Return the next thing that what was read completes; None: it completes no more."""
        if self._head is None:
            if (ping := self._between()) is not None:
                return ping
            self._head = self._read_head()
        if self._head is None or len(self._buffer) < self._length:
            return None
        head, body = self._head, bytes(self._buffer[: self._length])
        del self._buffer[: self._length]
        self._head, self._length = None, 0
        self.message = self._head_bytes + _END + body
        return head if isinstance(head, MalformedMessage) else replace(head, body=body)

    def _between(self) -> KeepAlive | None:
        while self._buffer.startswith(b"\r\n") and (len(self._buffer) > 2 or self.expects_pong):
            if self._buffer.startswith(b"\r\n\r\n"):
                del self._buffer[:4]
                return KeepAlive.PING
            if self._buffer == b"\r\n\r":
                return None
            del self._buffer[:2]
            if self.expects_pong:
                self.expects_pong = False
                return KeepAlive.PONG
        return None

    def _read_head(self) -> Request | Response | MalformedMessage | None:
        end = self._buffer.find(_END, max(0, self._seen - len(_END) + 1), LARGEST + len(_END))
        if end < 0:
            self._seen = len(self._buffer)
            if self._seen < LARGEST + len(_END):
                return None
            self._head_bytes = bytes(self._buffer[:LARGEST])
            self._lose()
            return MalformedMessage(f"a header section of more than {LARGEST} bytes", code=513)
        head = bytes(self._buffer[:end])
        del self._buffer[: end + len(_END)]
        self._head_bytes = head
        self._seen = 0
        request: Request | None
        error: MalformedMessage | None
        try:
            message, length = parse_head(head)
            request, error = message if isinstance(message, Request) else None, None
        except MalformedMessage as caught:
            request, length, error = caught.request, caught.skip, caught
        if length is None:
            error = error or MalformedMessage("no Content-Length on a stream", request=request)
        elif length > LARGEST:
            error = MalformedMessage(f"a body of more than {LARGEST} bytes", code=513, request=request)
            length = None
        if length is None:
            self._lose()
        self._length = length or 0
        return error or message

    def _lose(self) -> None:
        self.lost = True
        self._buffer.clear()
        self._seen = 0
