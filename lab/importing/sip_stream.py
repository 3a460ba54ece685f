"""Cuts one direction of a TCP or TLS connection into SIP messages and keep-alives, as they come in the field. No I/O.

After a gap it goes on with the next message that begins.
"""

from __future__ import annotations

from lab.importing.facts import Kept
from lab.importing.sip_text import LARGEST, begins_sip, content_length, next_start


class SipStream:
    """The reading end of one direction."""

    def __init__(self) -> None:
        self._buffer = bytearray()

    def feed(self, data: bytes) -> list[bytes | Kept]:
        """Return the messages and keep-alives that bytes complete; a single CRLF at the end is a pong."""
        self._buffer += data
        found: list[bytes | Kept] = []
        while self._buffer:
            if self._buffer.startswith(b"\r\n"):
                double = self._buffer.startswith(b"\r\n\r\n")
                del self._buffer[: 4 if double else 2]
                found.append(Kept.PING if double else Kept.PONG)
                continue
            message = self._message()
            if message is None:
                break
            if message:
                found.append(message)
        return found

    def gap(self) -> None:
        """Take note that bytes are missing."""
        self._buffer.clear()

    def _message(self) -> bytes | None:
        """Return the message at the beginning; empty: something was skipped; None: more bytes are needed."""
        buffer = self._buffer
        end = buffer.find(b"\r\n\r\n")
        if end < 0:
            if len(buffer) > LARGEST or (len(buffer) > 16 and next_start(buffer) < 0 and b"\n" in buffer):
                buffer.clear()
            return None
        if not begins_sip(bytes(buffer[: end + 2])):
            start = next_start(buffer)
            del buffer[: start if start > 0 else end + 4]
            return b""
        size = end + 4 + (content_length(bytes(buffer[:end])) or 0)
        if size > 2 * LARGEST:
            del buffer[: end + 4]
            return b""
        if len(buffer) < size:
            return None
        message = bytes(buffer[:size])
        del buffer[:size]
        return message
