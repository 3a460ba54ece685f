"""Reads logs of pjsip (level 4 or more): its messages, its connections and why they ended, its keep-alives."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from lab.importing.facts import HERE, Endpoint, Fact, Kept, Side, Why
from lab.importing.sip_text import LARGEST
from lab.importing.source import Source
from lab.importing.text_log import Facts, endpoint, lines

NAME = "a log of pjsip"

LONGEST_ENTRY = 1000
"""Bytes of a line, but for the text of a message, that are looked at."""
MOST_TRANSPORTS = 1024
"""Connections whose ends are remembered."""
_MARKS = re.compile(rb"\.c +\.*(?:[TR]X \d+ bytes Re|Transaction |Module \"mod-|SIP (?:UDP|TCP|TLS) |pjsua version )")
_SHOWN = re.compile(rb"(?P<way>[TR]X) \d+ bytes Re(?:quest|sponse) msg .{0,200}? (?:to|from) (?P<transport>[A-Za-z]+)"
                    rb" (?P<peer>\S{3,64}):$")  # pjsua_core.c  # fmt: skip
_END = b"--end msg--"
_CONNECTS = re.compile(rb"(?P<name>\S{1,64}) +\.*(?P<transport>TCP|TLS) transport (?P<own>\S{3,64}) is"
                       rb" (?P<state>connecting|connected) to (?P<peer>\S{3,64}?)(?:\.\.\.)?$")  # fmt: skip
_IDLE = re.compile(rb"Transport (?P<name>\S{1,64}) is being destroyed due to timeout in (?P<timer>\w+) timer")
_SHUTS = re.compile(rb"Transport (?P<name>\S{1,64}) shutting down")
_CLOSED = re.compile(rb"(?P<name>\S{1,64}) +\.*(?:TCP|TLS) connection closed")
_DESTROYED = re.compile(rb"(?P<name>\S{1,64}) +\.*(?:TCP|TLS) transport destroyed (?P<how>normally|with reason .*)")
_KEPT = re.compile(rb"(?P<name>\S{1,64}) +\.*Sending (?P<size>\d{1,4}) byte\(s\) keep-alive to ")
_KEPT_UDP = re.compile(rb"Sending (?P<size>\d{1,4}) bytes keep-alive packet for acc \d+ to (?P<peer>\S{3,64})")
_REASONS = (
    (re.compile(rb"reset by peer|\b120104\b", re.IGNORECASE), Why.RESET),
    (re.compile(rb"timed out|\b120110\b", re.IGNORECASE), Why.TIMED_OUT),
    (re.compile(rb"end of file|\b70016\b", re.IGNORECASE), Why.CLOSED_THERE),
)
"""What a reason says: pjlib's status of the system's error is 120000 and its number (errno.h of Linux)."""


def recognises(head: bytes) -> bool:
    """Return whether a file begins as a log of pjsip."""
    return _MARKS.search(head) is not None


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
    sent: bool
    transport: str
    peer: Endpoint
    text: list[bytes] = field(default_factory=list)
    size: int = 0


@dataclass(slots=True)
class _Transport:
    transport: str
    own: Endpoint
    peer: Endpoint
    why: Why | None = None
    number: int = 0
    t: float | None = None


class _Reader:
    def __init__(self, source: Source) -> None:
        self._source = source
        self._facts = Facts(source, Side.CLIENT)
        self._shown: _Shown | None = None
        self._transports: dict[bytes, _Transport] = {}

    def line(self, number: int, line: bytes) -> Iterator[Fact]:
        shown = self._shown
        if shown is not None:
            if line.startswith(_END):
                self._shown = None
                yield from self._message(shown)
                return
            if shown.size > LARGEST or _SHOWN.search(line[:LONGEST_ENTRY]):
                self._source.remark(f"line {shown.number}: the end of this message is missing")
                self._shown = None
            else:
                shown.text.append(line)
                shown.size += len(line) + 2
                return
        if not self._facts.clock.read(line) and self._facts.clock.t is None and b"bytes Re" not in line:
            return
        yield from self._entry(number, line[:LONGEST_ENTRY])

    def end(self) -> Iterator[Fact]:
        if self._shown is not None:
            self._source.remark("the last message is cut off")
            yield from self._message(self._shown)
        for name, known in list(self._transports.items()):
            yield from self._over(name, known.why or Why.FAILED)
        self._facts.finish()

    def _entry(self, number: int, line: bytes) -> Iterator[Fact]:
        t = self._facts.clock.t
        if (found := _SHOWN.search(line)) is not None and (peer := endpoint(found["peer"])) is not None:
            transport = found["transport"].decode().lower().removesuffix("6")
            self._shown = _Shown(number, t, found["way"] == b"TX", transport, peer)
        elif (found := _CONNECTS.search(line)) is not None:
            own, peer = endpoint(found["own"]), endpoint(found["peer"])
            if own is not None and peer is not None:
                transport = found["transport"].decode().lower()
                self._transports.pop(found["name"], None)
                self._transports[found["name"]] = _Transport(transport, own, peer)
                if len(self._transports) > MOST_TRANSPORTS:
                    del self._transports[next(iter(self._transports))]
                if found["state"] == b"connected":
                    yield from self._facts.opened(number, transport, (own, peer), t)
        elif (found := _IDLE.search(line)) is not None:
            idle = found["timer"].startswith(b"idle")
            self._because(number, found["name"], Why.IDLE_TIMER if idle else Why.CLOSED_HERE)
        elif (found := _CLOSED.search(line)) is not None:
            self._because(number, found["name"], Why.CLOSED_THERE)
        elif (found := _SHUTS.search(line)) is not None:
            self._because(number, found["name"], Why.CLOSED_HERE)
        elif (found := _DESTROYED.search(line)) is not None:
            self._because(number, found["name"], reason := _reason(found["how"]))
            yield from self._over(found["name"], reason)
        else:
            yield from self._keep_alive(number, line)

    def _message(self, shown: _Shown) -> Iterator[Fact]:
        data = b"\r\n".join(shown.text)
        own = self._own(shown.transport, shown.peer)
        ends = (own, shown.peer) if shown.sent else (shown.peer, own)
        yield from self._facts.message(shown.number, data, shown.transport, ends, shown.t)

    def _own(self, transport: str, peer: Endpoint) -> Endpoint:
        """Return the own end of the newest connection to a peer, as far as the log tells it."""
        if transport != "udp":
            for each in reversed(self._transports.values()):
                if each.peer == peer and each.transport == transport:
                    return each.own
        return HERE

    def _because(self, number: int, name: bytes, why: Why) -> None:
        """Take note of the first reason for which a connection ends: what follows are steps of pjsip's own.

        A connection that the other end has closed is destroyed by the idle timer, set to nothing.
        """
        if (known := self._transports.get(name)) is not None and known.why is None:
            known.why, known.number, known.t = why, number, self._facts.clock.t

    def _over(self, name: bytes, reason: Why) -> Iterator[Fact]:
        known = self._transports.pop(name, None)
        if known is not None and known.why is not None:
            why = reason if known.why is Why.CLOSED_THERE and reason in (Why.RESET, Why.TIMED_OUT) else known.why
            yield from self._facts.ended(known.number, why, known.transport, (known.own, known.peer), known.t)

    def _keep_alive(self, number: int, line: bytes) -> Iterator[Fact]:
        t = self._facts.clock.t
        if (found := _KEPT.search(line)) is not None and (known := self._transports.get(found["name"])) is not None:
            yield from self._facts.kept(number, _kept(found["size"]), known.transport, (known.own, known.peer), t)
        elif (found := _KEPT_UDP.search(line)) is not None and (peer := endpoint(found["peer"])) is not None:
            yield from self._facts.kept(number, _kept(found["size"]), "udp", (HERE, peer), t)


def _reason(how: bytes) -> Why:
    if how == b"normally":
        return Why.CLOSED_HERE
    return next((why for pattern, why in _REASONS if pattern.search(how)), Why.FAILED)


def _kept(size: bytes) -> Kept:
    return {4: Kept.PING, 2: Kept.PONG}.get(int(size), Kept.EMPTY)
