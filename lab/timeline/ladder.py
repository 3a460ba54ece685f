"""Makes the ladder: the messages between client and server. Pure."""

from __future__ import annotations

from lab.record.evidence import Evidence
from lab.timeline.shapes import Message


def messages(evidence: Evidence) -> tuple[Message, ...]:  # noqa: ARG001  (to come)
    """Return all messages, in the order in which they were sent."""
    return ()
