"""Reads logs of baresip with its SIP trace (``baresip -s``, ``/sip_trace``), and with times (``-T``)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from lab.importing.facts import Endpoint, Fact, Side
from lab.importing.sip_text import LARGEST
from lab.importing.source import Source
from lab.importing.text_log import Facts, endpoint, lines

NAME = "a log of baresip"

_STAMP = re.compile(rb"^(?:\d{1,12}\.\d{3,9}|\d\d:\d\d:\d\d\.\d{3,6}\|?) ?")
"""What stands before a line that has a time."""
_WAY = re.compile(rb"^(?P<transport>UDP|TCP|TLS|WSS|WS) (?P<source>\S{3,64}) -> (?P<destination>\S{3,64})$")  # ua.c
_BANNER = re.compile(rb"baresip v\d|baresip is ready|^ua: |\| *baresip", re.MULTILINE)
_TRACE = re.compile(rb"(?:UDP|TCP|TLS|WSS|WS) \S{3,64} -> \S{3,64}[\r\n]")


def recognises(head: bytes) -> bool:
    """Return whether a file begins as a log of baresip."""
    return _BANNER.search(head) is not None or _TRACE.search(head) is not None


def read(source: Source) -> Iterator[Fact]:
    """Yield the facts of a log."""
    reader = _Reader(source)
    for number, line in lines(source):
        yield from reader.line(number, line)
    yield from reader.end()


@dataclass(slots=True)
class _Shown:
    """A message whose text is being read."""

    number: int
    t: float | None
    transport: str
    ends: tuple[Endpoint, Endpoint]
    text: list[bytes] = field(default_factory=list)
    size: int = 0


class _Reader:
    def __init__(self, source: Source) -> None:
        self._source = source
        self._facts = Facts(source, Side.CLIENT)
        self._shown: _Shown | None = None

    def line(self, number: int, line: bytes) -> Iterator[Fact]:
        timed = self._facts.clock.read(line)
        plain = _STAMP.sub(b"", line, count=1) if timed else line
        found = _WAY.match(plain)
        ends = (endpoint(found["source"]), endpoint(found["destination"])) if found else (None, None)
        if found is not None and ends[0] is not None and ends[1] is not None:
            yield from self._message()
            transport = found["transport"].decode().lower()
            self._shown = _Shown(number, self._facts.clock.t, transport, (ends[0], ends[1]))
        elif self._shown is not None:
            if plain == b"#" or (plain.endswith(b"#") and len(plain) < 20):  # the next message follows
                yield from self._message()
            elif self._shown.size > LARGEST:
                self._source.remark(f"line {self._shown.number}: the end of this message is missing")
                self._shown = None
            else:
                self._shown.text.append(plain)
                self._shown.size += len(plain) + 2

    def end(self) -> Iterator[Fact]:
        yield from self._message()
        self._facts.finish()

    def _message(self) -> Iterator[Fact]:
        shown, self._shown = self._shown, None
        if shown is not None:
            data = b"\r\n".join(shown.text)
            yield from self._facts.message(shown.number, data, shown.transport, shown.ends, shown.t)
