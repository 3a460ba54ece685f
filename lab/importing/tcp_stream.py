"""Puts one direction of a TCP connection together from its segments. No I/O."""

from __future__ import annotations

from dataclasses import dataclass, field

MOST_WAITING = 64
"""Segments after a gap that are kept; then the gap is taken for lost in the capture."""
_HALF, _WHOLE = 2**31, 2**32


@dataclass(slots=True)
class TcpDirection:
    """One direction, as one viewpoint saw it.

    Attributes:
        expected: the next sequence number; None: nothing was seen yet.
    """

    expected: int | None = None
    _waiting: dict[int, bytes] = field(default_factory=dict)

    def take(self, seq: int, data: bytes, *, syn: bool) -> tuple[bytes, bool]:
        """Return the bytes that a segment adds, in order, and whether bytes before them are missing for good."""
        if syn:
            self.expected, self._waiting = (seq + 1) % _WHOLE, {}
            seq = self.expected
        if not data:
            return b"", False
        if self.expected is None:
            self.expected = seq
        lost = False
        self._waiting[seq] = data
        if len(self._waiting) > MOST_WAITING:
            first = min(self._waiting, key=lambda each: (each - (self.expected or 0)) % _WHOLE)
            self.expected, lost = first, True
        return self._ready(), lost

    def _ready(self) -> bytes:
        found = bytearray()
        assert self.expected is not None
        for seq in sorted(self._waiting, key=lambda each: _distance(self.expected or 0, each)):
            behind = -_distance(self.expected, seq)
            if behind < 0:
                break
            data = self._waiting.pop(seq)
            found += data[behind:]
            self.expected = (self.expected + max(0, len(data) - behind)) % _WHOLE
        return bytes(found)

    def is_old(self, seq: int, size: int) -> bool:
        """Return whether a segment carries nothing new."""
        return self.expected is not None and size > 0 and _distance(self.expected, (seq + size) % _WHOLE) <= 0


def _distance(start: int, end: int) -> int:
    """Return how far one sequence number is after another (RFC 9293 §3.4)."""
    return (end - start + _HALF) % _WHOLE - _HALF
