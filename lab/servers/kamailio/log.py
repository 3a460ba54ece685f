"""Reads Kamailio's log: lines of the lab's configuration, and everything else. Pure.

A line of ours ends with ``@lab ready at=1795392126.123456``, or with another word and more fields. What a peer has
written (a Contact, a Call-ID) is in base64, so that it cannot be taken for a field.
"""

from __future__ import annotations

import base64
import binascii
import re
from dataclasses import dataclass
from typing import NamedTuple

_OURS = re.compile(rb"@lab (?P<what>[a-z-]+) at=(?P<at>\d+\.\d+)(?P<fields>[^\n]*)")
_FIELD = re.compile(rb" ([a-z_]+)=(\S*)")
_NULL = b"<null>"

PLAIN = frozenset(("flow", "connection", "cseq", "code", "branch", "passed", "bytes"))
"""Fields that Kamailio itself makes; all others are in base64."""


_ERROR = re.compile(
    rb"^ *(?P<process>\d+\(\d+\)) ERROR: tls .*?: TLS accept:error:\w+:[^:]*:[^:]*:(?P<reason>.*) \(sni: "
)
_END = re.compile(rb"^ *(?P<process>\d+\(\d+\)) ERROR: tls .*?: (?P<which>src|dst) addr: (?P<end>\S+)$")


@dataclass(frozen=True, slots=True)
class LogLine:
    """A line of ours.

    Attributes:
        what: its word.
        at: when it was written, seconds of Unix time.
        fields: by name; those that have no value are left out.
    """

    what: str
    at: float
    fields: dict[str, str]

    def get(self, name: str) -> str:
        """Return a field; empty if it has no value."""
        return self.fields.get(name, "")

    def number(self, name: str) -> int:
        """Return a field that is a number; 0 if it has no value."""
        return int(self.fields.get(name, "0"))


def parse(line: bytes) -> LogLine | None:
    """Read one line; None if it is none of ours, or damaged."""
    match = _OURS.search(line)
    if match is None:
        return None
    fields = {}
    for name, value in _FIELD.findall(match["fields"]):
        if value in (b"", _NULL):
            continue
        key = name.decode()
        try:
            fields[key] = (value if key in PLAIN else base64.b64decode(value, validate=True)).decode("utf-8", "replace")
        except binascii.Error:
            return None
    return LogLine(match["what"].decode(), float(match["at"]), fields)


class HandshakeFailure(NamedTuple):
    """A TLS handshake that has failed.

    Attributes:
        flow: as the lab's lines name it.
        reason: in OpenSSL's words.
    """

    flow: str
    reason: str


class Handshakes:
    """Reads Kamailio's own lines about handshakes that fail: one with the reason, then one for each end."""

    def __init__(self) -> None:
        self._reasons: dict[bytes, str] = {}  # by process, as the log names it
        self._peers: dict[bytes, str] = {}

    def read(self, line: bytes) -> HandshakeFailure | None:
        """Read one line; what has failed if that is known with it."""
        if (error := _ERROR.search(line)) is not None:
            self._reasons[error["process"]] = error["reason"].decode("utf-8", "replace")
        elif (found := _END.search(line)) is not None:
            process, end = found["process"], found["end"].decode("utf-8", "replace")
            if found["which"] == b"src":
                self._peers[process] = end
                return None
            reason, peer = self._reasons.pop(process, None), self._peers.pop(process, None)
            return None if reason is None or peer is None else HandshakeFailure(f"tls:{peer}/{end}", reason)
        return None
