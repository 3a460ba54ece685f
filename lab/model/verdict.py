"""Verdicts and causes: the words in which a cell's outcome is told."""

from __future__ import annotations

from enum import Enum


class Verdict(str, Enum):
    """The outcome of a cell."""

    PASS = "pass"  # noqa: S105  (a verdict, not a password)
    FAIL = "fail"
    INCONCLUSIVE = "inconclusive"
    """The lab could not establish what it claims to test."""
    UNSUPPORTED = "unsupported"
    """The strategy cannot exist here (a transport, an account), so nothing was run."""


class Cause(str, Enum):
    """The first link of the chain that led to a failure."""

    CLIENT_IDLE_TIMER = "client-idle-timer"
    """pjsip destroyed a transport nobody referenced (PJSIP_TRANSPORT_IDLE_TIME, 33 s)."""
    MIDDLEBOX_FORGOT = "middlebox-forgot-flow"
    """The middlebox expired the mapping of the flow that the server uses."""
    MIDDLEBOX_LOST_TABLE = "middlebox-lost-table"
    """Fault: the middlebox rebooted, its table is empty."""
    MIDDLEBOX_NEW_ADDRESS = "middlebox-new-address"
    """Fault: the middlebox rebooted and came back with another address outside."""
    MIDDLEBOX_EVICTED = "middlebox-evicted-flow"
    """Fault: the middlebox gave up the client's flow to make room."""
    FLOW_BLACK_HOLED = "flow-black-holed"
    """Fault: packets of the client's flow were dropped on the way."""
    FORGED_RST = "forged-rst"
    """Fault: a segment in the other end's name reset the connection."""
    FORGED_FIN = "forged-fin"
    """Fault: a segment in the other end's name closed the connection."""
    CLIENT_MOVED = "client-changed-address"
    """Fault: the client left its network for another."""
    LINK_DOWN = "link-down"
    """Fault: a link carried nothing."""
    MTU_BLACK_HOLE = "mtu-black-hole"
    """Fault: large packets were lost, and nobody was told."""
    SERVER_CLOSED = "server-closed-flow"
    """Fault: the server closed the connection in order."""
    SERVER_RESTARTED = "server-restarted"
    """Fault: the server ended and started again."""
    SERVER_FROZE = "server-froze"
    """Fault: the server's process stood still."""
    SERVER_MUTE = "server-mute"
    """Fault: the server answered nothing."""
    SERVER_SLOW = "server-slow"
    """Fault: the server answered late."""
    CERTIFICATE_EXPIRED = "server-certificate-expired"
    """Fault: the client refused a connection because the server's certificate had expired."""
    NAME_NOT_RESOLVED = "name-not-resolved"
    """Fault: the client asked for the server's address in vain."""
    SERVER_MOVED = "server-moved"
    """Fault: the server's name means another address, and the old one is silent."""
    CLIENT_CERTIFICATE_REVOKED = "client-certificate-revoked"
    """Fault: the server refused a connection because the client's certificate had been revoked."""
    CLIENT_ABORTED = "client-aborted"
    """The client process died; its last log lines are in the record."""
    CLIENT_CLOSED = "client-closed-transport"
    """The client ended the connection for a reason other than its idle timer."""
    UNKNOWN = "unknown"
    """Probes went unanswered and nothing in the record says why."""
