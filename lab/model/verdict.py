"""Verdicts and causes: the words in which a cell's outcome is told."""

from __future__ import annotations

from enum import Enum


class Verdict(str, Enum):
    """The outcome of a cell."""

    PASS = "pass"  # noqa: S105  (a verdict, not a password)
    FAIL = "fail"
    INCONCLUSIVE = "inconclusive"
    """The lab could not establish what it claims to test."""


class Cause(str, Enum):
    """The first link of the chain that led to a failure."""

    CLIENT_IDLE_TIMER = "client-idle-timer"
    """pjsip destroyed a transport nobody referenced (PJSIP_TRANSPORT_IDLE_TIME, 33 s)."""
    MIDDLEBOX_FORGOT = "middlebox-forgot-flow"
    """The middlebox expired the mapping of the flow that the server uses."""
    MIDDLEBOX_LOST_TABLE = "middlebox-lost-table"
    """A fault emptied the middlebox's table."""
    LINK_DOWN = "link-down"
    """A fault took a link down."""
    CLIENT_ABORTED = "client-aborted"
    """The client process died; its last log lines are in the record."""
    CLIENT_CLOSED = "client-closed-transport"
    """The client ended the connection for a reason other than its idle timer."""
    UNKNOWN = "unknown"
    """Probes went unanswered and nothing in the record says why."""
