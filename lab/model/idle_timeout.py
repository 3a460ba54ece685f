"""Describes a server's idle timeout: when it ends a silent connection, and how."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from lab.model.rules import Yaml
from lab.units import WholeSeconds


class ConnectionEnd(str, Enum):
    """The way in which a server ends a connection."""

    FIN = "fin"
    """In order; over TLS with a close_notify before it."""
    RST = "rst"
    """At once, as a process does that closes its socket with SO_LINGER 0."""


@dataclass(frozen=True, kw_only=True, slots=True)
class IdleTimeout(Yaml):
    """The server ends a connection on which neither side has sent anything for so long. TCP and TLS only.

    Kamailio and OpenSIPS call it ``tcp_connection_lifetime``, 120 s unless set otherwise.

    Attributes:
        after: how long the connection carries nothing.
        ends_with: how the server then ends it.
        crlf_counts: whether CR and LF alone count as traffic, from either side. Kamailio counts every byte.
    """

    after: WholeSeconds
    ends_with: ConnectionEnd = ConnectionEnd.FIN
    crlf_counts: bool = True

    @property
    def server_needs(self) -> tuple[str, ...]:
        """The ability of a server program that it needs, see ``ServerProgram.lacks``."""
        resets = ("idle-rst",) if self.ends_with is ConnectionEnd.RST else ()
        return resets if self.crlf_counts else (*resets, "idle-without-crlf")
