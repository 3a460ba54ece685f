"""Follows TCP sequence numbers on the links, for segments with a forged sender."""

from __future__ import annotations

from lab.model.endpoint import Endpoint
from lab.record.entry import TimedEvent
from lab.record.events import Event, Packet

_COUNT = 1 << 32
"""They wrap around (RFC 9293 §3.4)."""


class SequenceNumbers:
    """Follows a record; before asking, take into it what has happened until now."""

    def __init__(self) -> None:
        self._next: dict[tuple[str, Endpoint, Endpoint], int] = {}  # by link, source, target

    def see(self, happening: TimedEvent[Event]) -> None:
        """Take note of an event."""
        packet = happening.event
        if not isinstance(packet, Packet) or packet.seq is None or "R" in packet.flags:
            return
        begins = "S" in packet.flags
        end = packet.seq + packet.payload + begins + ("F" in packet.flags)
        key = (packet.link, packet.src, packet.dst)
        known = self._next.get(key)
        if known is None or begins or (end - known) % _COUNT < _COUNT // 2:
            self._next[key] = end % _COUNT

    def next(self, link: str, source: Endpoint, target: Endpoint) -> int | None:
        """Return with what the next segment of ``source`` begins, as seen on a link; None if none was seen there."""
        return self._next.get((link, source, target))
