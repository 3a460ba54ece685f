"""Defines the facts that a capture or a log yields. Values, no I/O.

A log of a program yields `Message`, `KeepAlive`, `Opened` and `Ended`; a capture yields all of them but `Ended` with a
reason, which only a program knows.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from typing import NamedTuple


class Endpoint(NamedTuple):
    """An address and a port; the address is never written to a scenario."""

    host: str
    port: int


HERE = Endpoint("here", 0)
"""The program that wrote a log, where the log does not say its address."""


class Side(str, Enum):
    """The end of the path at which a viewpoint is."""

    CLIENT = "client"
    SERVER = "server"
    BETWEEN = "between"
    UNKNOWN = "unknown"


class Place(NamedTuple):
    """The position of a fact.

    Attributes:
        file: the number of the file among those of the import, from 0.
        number: of the frame or line, from 1.
    """

    file: int
    number: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Viewpoint:
    """A place on the path from which facts were seen: an interface of a capture, or a log.

    Attributes:
        file: the number of the file.
        interface: of the file's interfaces, from 0; of a log 0.
        side: if the format knows it.
    """

    file: int
    interface: int = 0
    side: Side = Side.UNKNOWN


@dataclass(frozen=True, slots=True, kw_only=True)
class Fact:
    """Something that was seen.

    Attributes:
        t: when, in seconds.
        place: where the file says so.
        view: from where it was seen.
        source: the sender.
        destination: the receiver.
        transport: ``udp``, ``tcp``, ``tls``, ``ws`` or ``wss``, as far as it is known by then.
    """

    t: float
    place: Place
    view: Viewpoint
    source: Endpoint
    destination: Endpoint
    transport: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Segment(Fact):
    """A TCP segment; its content follows as other facts of the same place.

    Attributes:
        flags: letters of ``SFRPA``.
        seq, ack: as in the header.
        size: bytes of payload.
        ttl: or hop limit; 0: unknown.
    """

    flags: str
    seq: int
    ack: int
    size: int
    ttl: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Datagram(Fact):
    """A UDP datagram; its content follows as another fact of the same place if it is understood.

    Attributes:
        size: bytes of payload.
        ttl: or hop limit; 0: unknown.
    """

    size: int
    ttl: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Message(Fact):
    """A SIP message.

    Attributes:
        method: of the request, or of the request that is answered (CSeq).
        code: of a response; 0: it is a request.
        cseq: the number.
        call: pseudonym of the Call-ID.
        branch: pseudonym of the topmost Via's branch.
        caller: pseudonym of the address of record in From; a response has that of its request.
        called: pseudonym of that in To.
        expires: seconds, from Contact, Expires or Subscription-State; None: none is said.
        contacts: how many Contact values there are; ``*`` is one.
        contact: pseudonym of the first Contact's host and port.
        in_dialog: To has a tag, in a request.
        event: the package of SUBSCRIBE and NOTIFY, if the lab knows it; empty otherwise.
        terminated: Subscription-State says so.
        flow_timer: seconds, of a response.
        min_expires: seconds, of a 423.
        retry_after: seconds.
        outbound: reg-id in a REGISTER's Contact, or Require: outbound in its answer.
        challenge: the request has credentials, or the response asks for them.
        product: the program as it names itself, if the lab knows it: ``pjsip``, ``baresip``, ``kamailio``; else empty.
        size: bytes of the message.
    """

    method: str
    code: int = 0
    cseq: int = 0
    call: str = ""
    branch: str = ""
    caller: str = ""
    called: str = ""
    expires: int | None = None
    contacts: int = 0
    contact: str = ""
    in_dialog: bool = False
    event: str = ""
    terminated: bool = False
    flow_timer: int | None = None
    min_expires: int | None = None
    retry_after: int | None = None
    outbound: bool = False
    challenge: bool = False
    product: str = ""
    size: int = 0

    @property
    def is_request(self) -> bool:
        """True if it is a request."""
        return not self.code


class Kept(str, Enum):
    """The content of a keep-alive."""

    PING = "CRLF CRLF"
    PONG = "CRLF"
    EMPTY = "an empty or tiny datagram"
    STUN_REQUEST = "a STUN binding request"
    STUN_RESPONSE = "a STUN binding response"
    WS_PING = "a WebSocket ping"
    WS_PONG = "a WebSocket pong"


@dataclass(frozen=True, slots=True, kw_only=True)
class KeepAlive(Fact):
    """Bytes between messages that only keep a flow alive."""

    what: Kept


@dataclass(frozen=True, slots=True, kw_only=True)
class Record(Fact):
    """A TLS record that could not be decrypted, or one that has no SIP.

    Attributes:
        kind: ``handshake``, ``data``, ``alert`` or ``other``.
        size: bytes after its header.
        closes: it is a close_notify, as far as can be seen.
    """

    kind: str
    size: int
    closes: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Unreachable(Fact):
    """An ICMP error about a packet from `destination` to `about`.

    Attributes:
        about: the endpoint that could not be reached.
        code: type and code, such as ``3/1``.
    """

    about: Endpoint
    code: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Opened(Fact):
    """A log says that a connection was opened: `source` connected to `destination`."""


class Why(str, Enum):
    """The reason that a program gives for the end of a connection."""

    IDLE_TIMER = "its idle timer"
    CLOSED_HERE = "closed by the program"
    CLOSED_THERE = "closed by the other end"
    RESET = "reset by the other end"
    TIMED_OUT = "timed out"
    FAILED = "an error"


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended(Fact):
    """A log says that a connection ended.

    Attributes:
        why: as the program says.
    """

    why: Why = field(default=Why.FAILED)
