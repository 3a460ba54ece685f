"""What the lab can do to a running cell: a closed union, matched exhaustively by runner and judge.

"Inside" is the client's side, "outside" the server's. The client's *current flow* is the transport association that
carried its newest subscription to the server.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from lab.model.rules import HostAddress, Mtu, OfLink, OfNode, Yaml
from lab.model.when import When
from lab.units import Lasting, Seconds


class Direction(str, Enum):
    """Of packets, seen from the client."""

    BOTH = "both"
    IN = "in"
    OUT = "out"


class Flag(str, Enum):
    """Of a TCP segment that ends a connection (RFC 9293 §3.1)."""

    RST = "rst"
    FIN = "fin"


class End(str, Enum):
    """Of a connection."""

    CLIENT = "client"
    SERVER = "server"
    BOTH = "both"


class NoAnswer(str, Enum):
    """Of a name server that cannot help."""

    SILENT = "silent"
    SERVFAIL = "servfail"


class OldAddress(str, Enum):
    """Of a server that has moved."""

    SERVES = "serves"
    SILENT = "silent"


@dataclass(frozen=True, kw_only=True, slots=True)
class Reboot(Yaml):
    """A middlebox reboots in no time: its table is lost, its rules stay.

    Attributes:
        address: the address outside with which it comes back, in the same subnet; None: the one it had.
    """

    at: When
    node: OfNode
    address: HostAddress | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class EvictFlow(Yaml):
    """A middlebox whose table is full gives up the client's current flow; all others stay."""

    at: When
    node: OfNode


@dataclass(frozen=True, kw_only=True, slots=True)
class BlackHole(Yaml):
    """A middlebox or router drops the client's current flow, silently; everything else passes.

    Attributes:
        lasts: None: until the end of the run.
    """

    at: When
    node: OfNode
    direction: Direction = Direction.BOTH
    lasts: Lasting | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class ForgedSegment(Yaml):
    """A middlebox or router ends the client's current flow in the other end's name; its own table does not notice."""

    at: When
    node: OfNode
    flag: Flag = Flag.RST
    to: End = End.BOTH


@dataclass(frozen=True, kw_only=True, slots=True)
class LinkDown(Yaml):
    """A link carries nothing for a while; nobody is told."""

    at: When
    link: OfLink
    lasts: Lasting


@dataclass(frozen=True, kw_only=True, slots=True)
class MtuBlackHole(Yaml):
    """A link loses packets larger than ``mtu`` bytes, and the ICMP that would say so is lost as well.

    Attributes:
        lasts: None: until the end of the run.
    """

    at: When
    link: OfLink
    mtu: Mtu
    lasts: Lasting | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class ServerClose(Yaml):
    """The server closes its end of the client's current flow in order."""

    at: When


@dataclass(frozen=True, kw_only=True, slots=True)
class ServerRestart(Yaml):
    """The server ends as if killed, and starts again.

    Attributes:
        down: how long nothing listens.
        keeps_state: whether it still knows its subscriptions and bindings, as from a database; flows are gone.
    """

    at: When
    down: Lasting = Seconds(1)
    keeps_state: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class ServerFreeze(Yaml):
    """The server's process stands still; its kernel goes on acknowledging."""

    at: When
    lasts: Lasting


@dataclass(frozen=True, kw_only=True, slots=True)
class ServerMute(Yaml):
    """The server reads and answers nothing, neither requests nor pings; what it sends by itself it still sends.

    Attributes:
        lasts: None: until the end of the run.
    """

    at: When
    lasts: Lasting | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class ServerSlow(Yaml):
    """The server answers each request and ping late.

    Attributes:
        by: how late.
        lasts: None: until the end of the run.
    """

    at: When
    by: Lasting
    lasts: Lasting | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class ExpiredCertificate(Yaml):
    """The server's certificate has expired: new TLS connections meet that one; those there are stay.

    Attributes:
        lasts: until it is renewed; None: until the end of the run.
    """

    at: When
    lasts: Lasting | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class DnsFailure(Yaml):
    """The name server does not tell the server's address; connections that are there stay.

    Attributes:
        how: what becomes of questions.
        lasts: None: until the end of the run.
    """

    at: When
    how: NoAnswer = NoAnswer.SILENT
    lasts: Lasting | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class DnsChange(Yaml):
    """The server's name means another address: new connections go there; it is the same server, with the same state.

    Attributes:
        address: the new one, in the same subnet. The server listens there from the start, unknown to anybody.
        old: what becomes of SIP at the address that the name meant before.
    """

    at: When
    address: HostAddress
    old: OldAddress = OldAddress.SERVES


@dataclass(frozen=True, kw_only=True, slots=True)
class RevokedClientCertificate(Yaml):
    """The client's certificate is revoked: new TLS connections are refused for it; those there are stay.

    The server must require one. It learns of it from its authority's revocation list (RFC 5280 §5).

    Attributes:
        lasts: until the server forgets the list; None: until the end of the run.
    """

    at: When
    lasts: Lasting | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class ClientMove(Yaml):
    """The client leaves its first link and gets an address on its second, as from Wi-Fi to cellular.

    Attributes:
        told: whether the client program is told, as a phone's system tells (pjsip's ``handleIpChange``).
    """

    at: When
    told: bool = False


Fault = (
    Reboot
    | EvictFlow
    | BlackHole
    | ForgedSegment
    | LinkDown
    | MtuBlackHole
    | ServerClose
    | ServerRestart
    | ServerFreeze
    | ServerMute
    | ServerSlow
    | ExpiredCertificate
    | DnsFailure
    | DnsChange
    | RevokedClientCertificate
    | ClientMove
)
"""Closed union; every function that matches on it returns a value from each case, so one that lacks a case does not
type-check (missing return statement)."""
