"""Cuts one direction of a WebSocket connection into frames (RFC 6455 §5.2). No I/O."""

from __future__ import annotations

from enum import IntEnum

LARGEST_FRAME = 131_072
"""Bytes; longer ones than any SIP message are not waited for."""


class Opcode(IntEnum):
    """The kinds of frames."""

    CONTINUATION = 0
    TEXT = 1
    BINARY = 2
    CLOSE = 8
    PING = 9
    PONG = 10


class FrameReader:
    """The frames of one direction; `lost` once a frame is too long or not one."""

    def __init__(self) -> None:
        self.lost = False
        self._buffer = bytearray()
        self._message = bytearray()

    def feed(self, data: bytes) -> list[tuple[Opcode, bytes]]:
        """Return the frames that bytes complete; of data frames whole messages."""
        found: list[tuple[Opcode, bytes]] = []
        if self.lost:
            return found
        self._buffer += data
        while (frame := self._frame()) is not None:
            last, kind, content = frame
            if kind >= Opcode.CLOSE:
                found.append((kind, content))
                continue
            self._message += content
            if len(self._message) > LARGEST_FRAME:
                self.lost = True
            if last:
                found.append((Opcode.TEXT, bytes(self._message)))
                self._message.clear()
        return found

    def _frame(self) -> tuple[bool, Opcode, bytes] | None:
        buffer = self._buffer
        if self.lost or len(buffer) < 2:
            return None
        size, at = buffer[1] & 0x7F, 2
        if size >= 126:
            at += 2 if size == 126 else 8
            size = int.from_bytes(buffer[2:at], "big")
        mask = bool(buffer[1] & 0x80)
        start = at + 4 * mask
        try:
            kind = Opcode(buffer[0] & 0xF)
        except ValueError:
            self.lost = True
            return None
        if size > LARGEST_FRAME:
            self.lost = True
            return None
        if len(buffer) < start + size:
            return None
        content = bytes(buffer[start : start + size])
        if mask:
            key = bytes(buffer[at:start]) * (size // 4 + 1)
            content = bytes(a ^ b for a, b in zip(content, key, strict=False))
        last = bool(buffer[0] & 0x80)
        del buffer[: start + size]
        return last, kind, content
