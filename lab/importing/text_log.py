"""Reads logs of programs: lines of bounded length, their times, and the SIP messages that stand in them.

A log is a stream: nothing of it is kept but the message that is being read. A line that is longer than any line of a
log is cut off, and a message that does not end is given up.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import suppress
from datetime import datetime, timezone
from typing import Any

from lab.importing.facts import Ended, Endpoint, KeepAlive, Kept, Message, Opened, Place, Side, Viewpoint, Why
from lab.importing.sip_text import LARGEST, read_message
from lab.importing.source import Source

LONGEST_LINE = 2 * LARGEST
"""Bytes; of a longer line the rest is left out. A message in base64 has 4/3 of its size."""
_DAY_S = 86_400.0
_BACK_S = _DAY_S / 2
"""A time of day that goes back by more than this belongs to the next day."""
_TIMES = (
    re.compile(rb"(?:^|[^\d:.-])(?P<date>\d{4}-\d\d-\d\d)[ T](?P<clock>\d\d:\d\d:\d\d)(?:[.,:](?P<part>\d{1,9}))?"),
    re.compile(rb"(?:^|[^\d:.])(?P<clock>\d\d:\d\d:\d\d)[.,:](?P<part>\d{1,9})(?!\d)"),
    re.compile(rb"^ *(?P<seconds>\d{1,12}\.\d{3,9})(?= |$)"),
    re.compile(rb"^[A-Z][a-z]{2} [ \d]\d (?P<clock>\d\d:\d\d:\d\d) "),  # syslog (RFC 3164 §4.1.2), whole seconds
)
"""How programs write when: with the date, as a time of day, or in seconds from any origin."""
_LOGCAT = re.compile(rb"^\d\d-\d\d \d\d:\d\d:\d\d\.\d{3} +\d+ +\d+ [VDIWEF] [^:]{0,60}?: ")
"""What Android puts before each line."""
_COLOURS = re.compile(rb"\x1b\[[0-9;]*[A-Za-z]")
_ENDPOINT = re.compile(rb"(?:[A-Za-z]{2,4}://)?(?:\[(?P<six>[0-9A-Fa-f:.]{2,45})\]|(?P<host>[^\s\[\]:/]{1,253}))"
                       rb":(?P<port>\d{1,5})")  # fmt: skip


def lines(source: Source) -> Iterator[tuple[int, bytes]]:
    """Yield the lines of a log with their numbers, without their ends, colours, and what Android puts before them."""
    with source.path.open("rb") as file:
        number = 0
        while line := file.readline(LONGEST_LINE):
            number += 1
            if not line.endswith(b"\n") and len(line) == LONGEST_LINE:
                source.remark(f"line {number} is longer than any line of a log; its rest was left out")
                while (rest := file.readline(LONGEST_LINE)) and not rest.endswith(b"\n"):
                    pass
            plain = _LOGCAT.sub(b"", line.rstrip(b"\r\n"), count=1)
            yield number, _COLOURS.sub(b"", plain) if b"\x1b" in plain else plain


class Clock:
    """Reads the times of lines; what has none has that of the line before.

    Attributes:
        t: the newest time, in seconds; None: there was none yet.
    """

    def __init__(self) -> None:
        self.t: float | None = None
        self._days = 0.0

    def read(self, line: bytes) -> bool:
        """Read the time of a line; return whether it has one."""
        for pattern in _TIMES:
            if (found := pattern.search(line[:120])) is not None:
                with suppress(ValueError, OverflowError):
                    self._take(found.groupdict())
                    return True
        return False

    def _take(self, found: dict[str, bytes | None]) -> None:
        if (plain := found.get("seconds")) is not None:
            self.t = float(plain)
            return
        clock, date, part = found["clock"], found.get("date"), found.get("part")
        assert clock is not None
        fraction = float(b"0." + part) if part else 0.0
        if date is not None:
            moment = datetime.fromisoformat(f"{date.decode()} {clock.decode()}").replace(tzinfo=timezone.utc)
            self.t = moment.timestamp() + fraction
            return
        hours, minutes, seconds = map(int, clock.split(b":"))
        if hours > 23 or minutes > 59 or seconds > 60:
            raise ValueError("no time of day")
        t = hours * 3600 + minutes * 60 + seconds + fraction + self._days
        if self.t is not None and t < self.t - _BACK_S:
            self._days += _DAY_S
            t += _DAY_S
        self.t = t


def endpoint(text: bytes) -> Endpoint | None:
    """Return the endpoint that a text begins with; None: it does not, or has no port."""
    found = _ENDPOINT.match(text)
    if found is None or int(found["port"]) > 65_535:
        return None
    host = (found["six"] or found["host"]).decode("ascii", "replace").lower()
    return Endpoint(host.removeprefix("::ffff:"), int(found["port"]))


class Facts:
    """Makes facts of what a log says.

    Args:
        source: of the log.
        side: whose it is.
    """

    def __init__(self, source: Source, side: Side) -> None:
        self.clock = Clock()
        self._source = source
        self._view = Viewpoint(file=source.number, side=side)
        self.messages = 0

    def message(
        self, number: int, data: bytes, transport: str, ends: tuple[Endpoint, Endpoint], t: float | None
    ) -> Iterator[Message]:
        """Yield a message, if it is one and its time is known.

        Args:
            number: of the line.
            data: the message.
            transport: as in `Fact`.
            ends: sender and receiver.
            t: when; None: the log has no times.
        """
        fields = read_message(data, self._source.pseudonym)
        if fields is None:
            self._source.remark(f"line {number}: a message that is no SIP, or that was cut off")
        elif (common := self._common(number, transport, ends, t)) is not None:
            self.messages += 1
            yield Message(**common, **fields)

    def kept(
        self, number: int, what: Kept, transport: str, ends: tuple[Endpoint, Endpoint], t: float | None
    ) -> Iterator[KeepAlive]:
        """Yield a keep-alive, if its time is known."""
        if (common := self._common(number, transport, ends, t)) is not None:
            yield KeepAlive(**common, what=what)

    def opened(self, number: int, transport: str, ends: tuple[Endpoint, Endpoint], t: float | None) -> Iterator[Opened]:
        """Yield the beginning of a connection."""
        if (common := self._common(number, transport, ends, t)) is not None:
            yield Opened(**common)

    def ended(
        self, number: int, why: Why, transport: str, ends: tuple[Endpoint, Endpoint], t: float | None
    ) -> Iterator[Ended]:
        """Yield the end of a connection; of its ends the first is ours, and the sender of the fact is who ended it."""
        if why in (Why.CLOSED_THERE, Why.RESET):
            ends = ends[1], ends[0]
        if (common := self._common(number, transport, ends, t)) is not None:
            yield Ended(**common, why=why)

    def finish(self) -> None:
        """Say how far the log goes, once it is read."""
        if self.clock.t is not None:
            self._source.until = max(self._source.until, self.clock.t)

    def _common(
        self, number: int, transport: str, ends: tuple[Endpoint, Endpoint], t: float | None
    ) -> dict[str, Any] | None:
        if t is None:
            self._source.remark("lines without a time were left out: write the log with times")
            return None
        return {
            "t": t,
            "place": Place(self._source.number, number),
            "view": self._view,
            "source": ends[0],
            "destination": ends[1],
            "transport": transport,
        }
