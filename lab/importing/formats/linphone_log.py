"""Reads logs of linphone: what belle-sip's channels sent and received, their keep-alives, and how they ended."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from lab.importing.facts import HERE, Endpoint, Fact, Kept, Side, Why
from lab.importing.sip_text import LARGEST, begins_sip
from lab.importing.source import Source
from lab.importing.text_log import Facts, endpoint, lines

NAME = "a log of linphone"

LONGEST_ENTRY = 1000
"""Bytes of a line, but for the text of a message, that are looked at."""
MOST_CHANNELS = 1024
"""Channels that are known by name."""
_MARKS = re.compile(rb"(?:belle-sip|bellesip|liblinphone|linphone|mediastreamer)[a-z-]*: |channel ?\[0x[0-9a-f]+\]")
_STAMP = re.compile(rb"^(?:\d{1,12}\.\d{3,9}|\d{4}-\d\d-\d\d \d\d:\d\d:\d\d[:.,]\d{3}) ?")
"""What stands before a line that has a time."""
_WAY = re.compile(rb"[Cc]hannel ?\[(?P<name>\w+)\]: (?P<way>message sent to|received \[\d+\] new bytes from)"
                  rb" \[(?P<transport>[A-Z]{2,4})://(?P<peer>[^\]\s]+|\[[^\]\s]+\]:\d+)\]"
                  rb"(?:, size: \[(?P<size>\d{1,6})\] bytes|:)$")  # channel.c  # fmt: skip
_RECEIVED = re.compile(rb"received \[(\d{1,6})\] new bytes")
_KEPT = re.compile(
    rb"[Cc]hannel ?\[(?P<name>\w+)\]: keep alive sent to \[(?P<transport>[A-Z]{2,4})://(?P<peer>[^\]\s]+)\]"
)
_STATE = re.compile(rb"[Cc]hannel ?\[(?P<name>\w+)\]: entering state (?P<state>READY|ERROR|DISCONNECTED)")
_IDLE = re.compile(rb"[Cc]hannel ?\[(?P<name>\w+)\]: inactivity timeout reached")


def recognises(head: bytes) -> bool:
    """Return whether a file begins as a log of linphone."""
    return _MARKS.search(head) is not None


def read(source: Source) -> Iterator[Fact]:
    """Yield the facts of a log."""
    reader = _Reader(source)
    for number, line in lines(source):
        yield from reader.line(number, line)
    yield from reader.end()


@dataclass(slots=True)
class _Shown:
    """Bytes whose text is being read."""

    number: int
    t: float | None
    sent: bool
    transport: str
    ends: tuple[Endpoint, Endpoint]
    wanted: int
    text: list[bytes] = field(default_factory=list)
    size: int = 0


class _Reader:
    def __init__(self, source: Source) -> None:
        self._source = source
        self._facts = Facts(source, Side.CLIENT)
        self._shown: _Shown | None = None
        self._channels: dict[bytes, tuple[str, Endpoint, Endpoint]] = {}  # with an own end, by which they differ
        self._count = 0
        self._idle: set[bytes] = set()

    def line(self, number: int, line: bytes) -> Iterator[Fact]:
        timed = self._facts.clock.read(line)
        plain = _STAMP.sub(b"", line, count=1) if timed else line
        if (shown := self._shown) is not None:
            if not _MARKS.match(plain[:60]) and shown.size < min(shown.wanted, LARGEST):
                shown.text.append(plain)
                shown.size += len(plain) + 2
                return
            yield from self._message()
        yield from self._entry(number, plain[:LONGEST_ENTRY])

    def end(self) -> Iterator[Fact]:
        yield from self._message()
        self._facts.finish()

    def _entry(self, number: int, line: bytes) -> Iterator[Fact]:
        t = self._facts.clock.t
        if (found := _WAY.search(line)) is not None and (peer := endpoint(found["peer"])) is not None:
            size = found["size"] or _RECEIVED.findall(line)[0]
            transport, own = self._know(found["name"], found["transport"], peer)
            sent = found["way"].startswith(b"message sent")
            self._shown = _Shown(number, t, sent, transport, (own, peer), int(size))
        elif (found := _KEPT.search(line)) is not None and (peer := endpoint(found["peer"])) is not None:
            transport, own = self._know(found["name"], found["transport"], peer)
            yield from self._facts.kept(number, Kept.PING, transport, (own, peer), t)
        elif (found := _IDLE.search(line)) is not None:
            self._idle.add(found["name"])
        elif (found := _STATE.search(line)) is not None and found["state"] != b"READY":
            known = self._channels.pop(found["name"], None)
            why = Why.FAILED if found["state"] == b"ERROR" else Why.CLOSED_THERE
            if found["name"] in self._idle:
                self._idle.discard(found["name"])
                why = Why.IDLE_TIMER
            if known is not None and known[0] != "udp":
                yield from self._facts.ended(number, why, known[0], known[1:], t)

    def _know(self, name: bytes, transport: bytes, peer: Endpoint) -> tuple[str, Endpoint]:
        """Return the transport of a channel and its own end, which the log does not tell."""
        known = self._channels.get(name)
        if known is None or known[2] != peer:
            own = HERE._replace(port=self._count % 65_536)
            known = self._channels[name] = (transport.decode().lower(), own, peer)
            self._count += 1
            if len(self._channels) > MOST_CHANNELS:
                del self._channels[next(iter(self._channels))]
        return known[0], known[1]

    def _message(self) -> Iterator[Fact]:
        shown, self._shown = self._shown, None
        if shown is None:
            return
        data = b"\r\n".join(shown.text)
        ends = shown.ends if shown.sent else (shown.ends[1], shown.ends[0])
        if begins_sip(data):
            yield from self._facts.message(shown.number, data, shown.transport, ends, shown.t)
        elif shown.sent is False and not data.strip():
            yield from self._facts.kept(shown.number, Kept.PONG, shown.transport, ends, shown.t)
