"""Reads what Kamailio writes of its messages: files of its module sipdump, and logs with lines of the lab's own.

Kamailio's plain log does not have the messages. Its module sipdump writes them to text files; the lab's server writes
each into its log as one line (``lab/servers/kamailio/template.cfg``).
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterator

from lab.importing.facts import Endpoint, Fact, Side
from lab.importing.sip_text import LARGEST
from lab.importing.source import Source
from lab.importing.text_log import Facts, endpoint, lines

NAME = "a log of Kamailio with its messages (module sipdump)"

_BEGINS, _TEXT, _ENDS = b"=" * 20, b"~" * 20, b"|" * 20  # sipdump_write.c
_OURS = re.compile(rb"@lab message at=(?P<t>\d{1,12}\.\d{1,9}) passed=(?P<way>snd|rcv) flow=(?P<transport>[a-z]{2,4}):"
                   rb"(?P<source>[^\s/]{3,64})/(?P<destination>[^\s/]{3,64}) bytes=\d+ text=(?P<text>[A-Za-z0-9+/=]*)"
                   )  # fmt: skip
_MARKS = re.compile(rb"^={20}\r?\ntag: |<core> \[core/|(?:INFO|NOTICE|WARNING|ERROR|DEBUG): \S+ \[\S+\.c:\d+\]: ")
_FIELDS = ("tag", "time", "proto", "srcip", "srcport", "dstip", "dstport")


def recognises(head: bytes) -> bool:
    """Return whether a file begins as one of Kamailio's."""
    return _MARKS.search(head) is not None


def read(source: Source) -> Iterator[Fact]:
    """Yield the facts of a file."""
    reader = _Reader(source)
    for number, line in lines(source):
        yield from reader.line(number, line)
    yield from reader.end()


class _Reader:
    def __init__(self, source: Source) -> None:
        self._source = source
        self._facts = Facts(source, Side.SERVER)
        self._fields: dict[str, str] | None = None
        self._text: list[bytes] | None = None
        self._size = self._number = 0

    def line(self, number: int, line: bytes) -> Iterator[Fact]:
        if (found := _OURS.search(line)) is not None:
            yield from self._ours(number, found)
        elif line == _BEGINS and self._text is None:
            self._fields, self._number = {}, number
        elif self._fields is None:
            return
        elif self._text is None:
            if line == _TEXT:
                self._text, self._size = [], 0
            else:
                name, _, value = line.partition(b": ")
                self._fields[name.decode("ascii", "replace")[:20]] = value.decode("ascii", "replace")[:100]
        elif line.endswith(_ENDS) or self._size > LARGEST:
            if not line.endswith(_ENDS):
                self._source.remark(f"line {self._number}: the end of this message is missing")
            self._text.append(line.removesuffix(_ENDS))
            yield from self._dumped()
        else:
            self._text.append(line)
            self._size += len(line) + 2

    def end(self) -> Iterator[Fact]:
        if self._text is not None:
            self._source.remark("the last message is cut off")
            yield from self._dumped()
        if not self._facts.messages:
            self._source.remark("Kamailio's own log has no messages; its module sipdump writes them")
        self._facts.finish()

    def _dumped(self) -> Iterator[Fact]:
        fields, text = self._fields or {}, self._text or []
        self._fields = self._text = None
        if missing := [name for name in _FIELDS if name not in fields]:
            self._source.remark(f"line {self._number}: a message without {', '.join(missing)}")
            return
        try:
            t = float(fields["time"])
            ends = (_end(fields["srcip"], fields["srcport"]), _end(fields["dstip"], fields["dstport"]))
        except ValueError:
            self._source.remark(f"line {self._number}: a message with a time or a port that is no number")
            return
        transport = fields["proto"].partition(" ")[0].lower()
        yield from self._take(self._number, b"\r\n".join(text), transport, ends, t)

    def _ours(self, number: int, found: re.Match[bytes]) -> Iterator[Fact]:
        source, destination = endpoint(found["source"]), endpoint(found["destination"])
        try:
            data = base64.b64decode(found["text"], validate=True)
        except (binascii.Error, ValueError):
            self._source.remark(f"line {number}: a message that is cut off")
            return
        if source is not None and destination is not None:
            ends = source, destination
            yield from self._take(number, data, found["transport"].decode(), ends, float(found["t"]))

    def _take(
        self, number: int, data: bytes, transport: str, ends: tuple[Endpoint, Endpoint], t: float
    ) -> Iterator[Fact]:
        self._facts.clock.t = max(t, self._facts.clock.t or t)
        if transport in ("udp", "tcp", "tls", "ws", "wss"):
            yield from self._facts.message(number, data, transport, ends, t)


def _end(host: str, port: str) -> Endpoint:
    number = int(port)
    if not 0 <= number <= 65_535:
        raise ValueError(port)
    return Endpoint(host.lower(), number)
