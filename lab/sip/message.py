"""Represents SIP messages as values, from and to bytes (RFC 3261 §7). No I/O; parses no fields beyond framing.

Strict where leniency would hide a defect of the peer (line ends, UTF-8, control characters), liberal where RFC 3261
asks for it (compact forms, case, folded headers, blanks around the colon). ``Content-Length`` is never among a
message's headers: it is checked and dropped when read, and computed when written.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import ClassVar

from lab.errors import LabError

Headers = tuple[tuple[str, str], ...]
"""(canonical name, value without leading and trailing blanks), in the order of the message."""

VERSION = "SIP/2.0"
LARGEST = 65535
"""Bytes of one message; what a UDP datagram can carry, and more than any SIP message of the lab."""

_COMPACT = {  # RFC 3261 §7.3.3 and the IANA registry of header fields
    "a": "Accept-Contact", "b": "Referred-By", "c": "Content-Type", "d": "Request-Disposition", "e": "Content-Encoding",
    "f": "From", "i": "Call-ID", "j": "Reject-Contact", "k": "Supported", "l": "Content-Length", "m": "Contact",
    "o": "Event", "r": "Refer-To", "s": "Subject", "t": "To", "u": "Allow-Events", "v": "Via", "x": "Session-Expires",
}  # fmt: skip
_KNOWN = (
    "Accept", "Allow", "Authorization", "CSeq", "Expires", "Max-Forwards", "Min-Expires", "Min-SE",
    "Proxy-Authenticate", "Proxy-Authorization", "Record-Route", "Require", "Route", "Server", "Subscription-State",
    "Unsupported", "User-Agent", "WWW-Authenticate", *_COMPACT.values(),
)  # fmt: skip
_CANONICAL = {name.lower(): name for name in _KNOWN} | _COMPACT

_BLANKS = " \t"
_NOT_UTF_8 = "not UTF-8"
_TOKEN = re.compile(r"[A-Za-z0-9.!%*_+`'~-]+", re.ASCII)
_CONTROL = re.compile(r"[\n\r]|(?<!\\)[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
"""A control character, but a quoted one that ends no line (RFC 3261 §25.1, ``quoted-pair``)."""
_FOLD = re.compile(rb"[ \t]*\r\n[ \t]+")
_STATUS = re.compile(r"(SIP/\d+\.\d+) ([1-6]\d\d) (.*)", re.ASCII | re.IGNORECASE)
_VERSION = re.compile(r"SIP/\d+\.\d+", re.ASCII | re.IGNORECASE)
_LENGTH = re.compile(r"\d{1,10}", re.ASCII)


class MalformedMessage(LabError):
    """A peer sent what is not SIP, or a field that is not what its name says. Never leaves the server.

    Attributes:
        reason: what is wrong, a clause.
        code: the status to answer with, where an answer is possible.
        request: the request as far as it could be read, for the answer; None when there is nothing to answer.
        skip: bytes of body that follow on a stream; None when that is unknown, and the stream unreadable from there.
    """

    side: ClassVar[str] = "peer"

    def __init__(
        self, reason: str, *, code: int = 400, request: Request | None = None, skip: int | None = None
    ) -> None:
        self.reason = reason
        self.code = code
        self.request = request
        self.skip = skip
        super().__init__(reason)


class Message:
    """The common parts of requests and responses."""

    __slots__ = ()
    headers: Headers
    body: bytes

    def all(self, name: str) -> tuple[str, ...]:
        """Return the values of every field called ``name`` (canonical), one per header line."""
        return tuple(value for key, value in self.headers if key == name)

    def first(self, name: str) -> str | None:
        """Return the value of the first field called ``name`` (canonical), or None."""
        return next((value for key, value in self.headers if key == name), None)

    def _encode(self, start: str) -> bytes:
        lines = [start, *(f"{name}: {value}" for name, value in self.headers), f"Content-Length: {len(self.body)}"]
        return "\r\n".join((*lines, "", "")).encode() + self.body


@dataclass(frozen=True, kw_only=True, slots=True)
class Request(Message):
    """A request; ``uri`` is the Request-URI as written."""

    method: str
    uri: str
    headers: Headers = ()
    body: bytes = b""
    version: str = VERSION

    def encode(self) -> bytes:
        """Return the bytes for the wire."""
        return self._encode(f"{self.method} {self.uri} {self.version}")


@dataclass(frozen=True, kw_only=True, slots=True)
class Response(Message):
    """A response; ``code`` is 100 to 699."""

    code: int
    reason: str
    headers: Headers = ()
    body: bytes = b""
    version: str = VERSION

    def encode(self) -> bytes:
        """Return the bytes for the wire."""
        return self._encode(f"{self.version} {self.code} {self.reason}")


def parse(datagram: bytes) -> Request | Response:
    """Read one datagram holding one message; bytes after the body are dropped (RFC 3261 §18.3).

    Raises:
        MalformedMessage: it is not SIP, or shorter than its Content-Length.
    """
    head, separator, rest = datagram.lstrip(b"\r\n").partition(b"\r\n\r\n")
    if not separator:
        raise MalformedMessage("the header section has no end")
    message, length = parse_head(head)
    if length is not None and length > len(rest):
        request = message if isinstance(message, Request) else None
        raise MalformedMessage("body shorter than its Content-Length", request=request)
    return replace(message, body=rest[:length])


def parse_head(head: bytes) -> tuple[Request | Response, int | None]:
    """Read a start line and headers, without the blank line that ends them.

    Returns:
        The message without its body, and its Content-Length, None when it has none.

    Raises:
        MalformedMessage: with the request as far as it was read.
    """
    text = _FOLD.sub(b" ", head)
    first, *lines = text.decode(errors="replace").split("\r\n")
    headers: list[tuple[str, str]] = []
    lengths: set[str] = set()
    defect = "" if _is_utf_8(text) else _NOT_UTF_8
    if first != first.rstrip(_BLANKS) and not _STATUS.fullmatch(first):  # whose reason may be empty
        first, defect = first.rstrip(_BLANKS), defect or "white space after the first line"
    for line in lines:
        name, colon, value = line.partition(":")
        name, value = name.rstrip(_BLANKS), value.strip(_BLANKS)
        if not colon or not _TOKEN.fullmatch(name) or _CONTROL.search(value):
            defect = defect or "a header line is not `name: value`"
            continue
        name = _CANONICAL.get(name.lower(), name)
        if name == "Content-Length":
            lengths.add(value)
        else:
            headers.append((name, value))
    message = _start(first, tuple(headers))
    request = message if isinstance(message, Request) else None
    if len(lengths) > 1 or not all(_LENGTH.fullmatch(length) for length in lengths):
        raise MalformedMessage("bad Content-Length", request=request)
    length = int(lengths.pop()) if lengths else None
    if message is None:
        what = defect if defect == _NOT_UTF_8 else "the first line is neither a request's nor a response's"
        raise MalformedMessage(what, skip=length)
    if defect:
        raise MalformedMessage(defect, request=request, skip=length)
    return message, length


def _is_utf_8(text: bytes) -> bool:
    try:
        text.decode()
    except UnicodeDecodeError:
        return False
    return True


def _start(line: str, headers: Headers) -> Request | Response | None:
    status = _STATUS.fullmatch(line)
    if status is not None and not _CONTROL.search(line):
        return Response(version=status[1].upper(), code=int(status[2]), reason=status[3], headers=headers)
    method, _, rest = line.partition(" ")
    uri, _, version = rest.rpartition(" ")
    if not _TOKEN.fullmatch(method) or not uri or not _VERSION.fullmatch(version) or _CONTROL.search(line):
        return None
    return Request(method=method, uri=uri, version=version.upper(), headers=headers)
