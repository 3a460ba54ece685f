"""Parses header fields: lists, parameters, URIs, name-addrs, Via, CSeq (RFC 3261 §20, §25.1)."""

from __future__ import annotations

import re
from typing import NamedTuple

from lab.sip.message import MalformedMessage
from lab.sip.ports import FRAMED, PORTS

Parameters = tuple[tuple[str, str | None], ...]
"""(name in lower case, value or None when it has no ``=``), in order."""

_URI = re.compile(
    r"(?P<scheme>sips?):(?:(?P<user>[^@<>\s]*)@)?(?P<host>\[[0-9a-f:.]+\]|[a-z0-9.-]+)(?::(?P<port>\d{1,5}))?"
    r"(?P<parameters>(?:;[^;?<>\s]+)*)(?:\?(?P<headers>[^<>\s]*))?",
    re.ASCII | re.IGNORECASE,
)
_NAME_ADDR = re.compile(r'(?P<display>"(?:[^"\\]|\\.)*"\s*|[^<>",;:]*)<(?P<uri>[^<>]+)>\s*(?P<parameters>(?:;.*)?)')
_ADDR_SPEC = re.compile(r"(?P<uri>[A-Za-z][A-Za-z0-9+.-]*:[^;<>\s,\"?]+)\s*(?P<parameters>(?:;.*)?)", re.ASCII)
_VIA = re.compile(
    r"SIP\s*/\s*2\.0\s*/\s*(?P<transport>[\w.!%*+`'~-]+)\s+(?P<host>\[[0-9a-f:.]+\]|[\w.-]+)\s*(?::\s*(?P<port>\d{1,5}))?\s*"
    r"(?P<parameters>(?:;.*)?)",
    re.ASCII | re.IGNORECASE,
)
_CSEQ = re.compile(r"(\d{1,10})\s+(\S+)", re.ASCII)
_SECONDS = re.compile(r"\d+", re.ASCII)
_QUOTED_OR_MARK = re.compile(r'"(?:[^"\\]|\\.|\\$)*"?|<[^>]*>?|[,;]')  # unclosed: to the end, never tried twice

LARGEST_CSEQ = 2**31 - 1  # RFC 3261 §8.1.1.5


def split(value: str, mark: str) -> tuple[str, ...]:
    """Split at ``mark`` (``,`` or ``;``) outside quotes and angle brackets; blanks around parts and empty parts go."""
    parts, start = [], 0
    for match in _QUOTED_OR_MARK.finditer(value):
        if match[0] == mark:
            parts.append(value[start : match.start()])
            start = match.end()
    parts.append(value[start:])
    return tuple(part for part in (part.strip() for part in parts) if part)


def parameters(text: str) -> Parameters:
    """Read ``;a=b;c``."""
    pairs = (part.partition("=") for part in split(text, ";"))
    return tuple((name.strip().lower(), value.strip() if equals else None) for name, equals, value in pairs)


class Uri(NamedTuple):
    """A ``sip:`` or ``sips:`` URI; ``user`` is as written, with any password.

    Attributes:
        port: None when the URI names none.
        headers: what follows ``?``.
    """

    scheme: str
    user: str | None
    host: str
    port: int | None = None
    parameters: Parameters = ()
    headers: str | None = None

    @classmethod
    def parse(cls, text: str) -> Uri:
        """Read a URI.

        Raises:
            MalformedMessage: not a ``sip:`` or ``sips:`` URI.
        """
        match = _URI.fullmatch(text)
        if match is None or int(match["port"] or 1) not in range(1, 65536):
            raise MalformedMessage("not a SIP URI")
        port = int(match["port"]) if match["port"] else None
        return cls(
            match["scheme"].lower(), match["user"], match["host"].lower(), port,
            parameters(match["parameters"]), match["headers"],
        )  # fmt: skip

    def __str__(self) -> str:
        user = "" if self.user is None else f"{self.user}@"
        port = "" if self.port is None else f":{self.port}"
        tail = "" if self.headers is None else f"?{self.headers}"
        return f"{self.scheme}:{user}{self.host}{port}{write_parameters(self.parameters)}{tail}"

    @property
    def transport(self) -> str:
        """Transport a request to this URI takes without DNS, a key of `PORTS` (RFC 3263 §4.1, RFC 7118 §5.2)."""
        named = (dict(self.parameters).get("transport") or "").lower()
        if named in FRAMED:
            return "wss" if self.scheme == "sips" else named
        if self.scheme == "sips" or named == "tls":
            return "tls"
        return "tcp" if named == "tcp" else "udp"

    @property
    def endpoint(self) -> tuple[str, int]:
        """Host without brackets, and port, the transport's default when none is named."""
        return self.host.strip("[]"), self.port or PORTS[self.transport]


def write_parameters(pairs: Parameters) -> str:
    """Write ``;a=b;c``."""
    return "".join(f";{name}" if value is None else f";{name}={value}" for name, value in pairs)


class NameAddr(NamedTuple):
    """A From, To, Contact, Route or Record-Route value.

    Attributes:
        display: as written, with quotes; may be empty.
        uri: as written; any scheme.
    """

    display: str
    uri: str
    parameters: Parameters = ()

    @classmethod
    def parse(cls, text: str) -> NameAddr:
        """Read one value.

        Raises:
            MalformedMessage: neither ``<uri>`` nor a bare URI.
        """
        match = _NAME_ADDR.fullmatch(text)
        if match is not None:
            return cls(match["display"].strip(), match["uri"].strip(), parameters(match["parameters"]))
        match = _ADDR_SPEC.fullmatch(text)
        if match is None:
            raise MalformedMessage("not a SIP address")
        return cls("", match["uri"], parameters(match["parameters"]))

    def __str__(self) -> str:
        display = f"{self.display} " if self.display else ""
        return f"{display}<{self.uri}>{write_parameters(self.parameters)}"

    @property
    def tag(self) -> str | None:
        """The ``tag`` parameter, None when there is none."""
        return dict(self.parameters).get("tag")

    def with_tag(self, tag: str) -> NameAddr:
        """Return the same address with ``tag`` added."""
        return NameAddr(self.display, self.uri, (*self.parameters, ("tag", tag)))


class Via(NamedTuple):
    """One Via value (RFC 3261 §20.42); ``transport`` as written."""

    transport: str
    host: str
    port: int | None = None
    parameters: Parameters = ()

    @classmethod
    def parse(cls, text: str) -> Via:
        """Read one value.

        Raises:
            MalformedMessage: not a Via of SIP/2.0.
        """
        match = _VIA.fullmatch(text)
        if match is None or int(match["port"] or 1) not in range(1, 65536):
            raise MalformedMessage("not a Via")
        port = int(match["port"]) if match["port"] else None
        return cls(match["transport"], match["host"].lower(), port, parameters(match["parameters"]))

    def __str__(self) -> str:
        port = "" if self.port is None else f":{self.port}"
        return f"SIP/2.0/{self.transport} {self.host}{port}{write_parameters(self.parameters)}"

    def get(self, name: str) -> str | None:
        """Return a parameter's value, None when it is absent or has none."""
        return dict(self.parameters).get(name)

    def received_from(self, peer: tuple[str, int]) -> Via:
        """Return this Via as a server passes it on: with ``received`` and ``rport`` (RFC 3581 §4, RFC 3261 §18.2.1)."""
        names = [name for name, _ in self.parameters]
        kept = tuple((name, str(peer[1]) if name == "rport" else value) for name, value in self.parameters)
        if "received" in names or ("rport" not in names and self.host.strip("[]") == peer[0]):
            kept = tuple((name, peer[0] if name == "received" else value) for name, value in kept)
            return Via(self.transport, self.host, self.port, kept)
        return Via(self.transport, self.host, self.port, (*kept, ("received", peer[0])))

    @property
    def response_endpoint(self) -> tuple[str, int]:
        """The endpoint of a response over UDP (RFC 3581 §4, RFC 3261 §18.2.2)."""
        rport = self.get("rport") or ""
        port = int(rport) if rport.isdecimal() else self.port or PORTS["udp"]
        return self.get("received") or self.host.strip("[]"), port


def parse_cseq(text: str) -> tuple[int, str]:
    """Read a CSeq.

    Returns:
        Number and method.

    Raises:
        MalformedMessage: not a CSeq, or a number of 2**31 or more (RFC 3261 §8.1.1.5).
    """
    match = _CSEQ.fullmatch(text)
    if match is None or int(match[1]) > LARGEST_CSEQ:
        raise MalformedMessage("bad CSeq")
    return int(match[1]), match[2]


def parse_expires(text: str) -> int:
    """Read an Expires value in seconds; above 2**32-1 counts as that (RFC 3261 §20.19).

    Raises:
        MalformedMessage: not a number of seconds.
    """
    if _SECONDS.fullmatch(text) is None:
        raise MalformedMessage("bad Expires")
    return min(int(text) if len(text) <= 10 else 2**32 - 1, 2**32 - 1)
