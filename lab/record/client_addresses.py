"""Finds when the client had an address that it could use, from what the lab noted of its node. Pure."""

from __future__ import annotations

from math import inf

from lab.record.events import ClientAddresses
from lab.record.evidence import Evidence

Times = list[tuple[float, float]]
"""Times from one moment to another, in seconds after time zero, in order."""


def without(evidence: Evidence, address: str) -> Times:
    """Return the times in which the client's node had an address no more, or on a link that carried nothing.

    Before the first note of its addresses it has all that it uses.
    """
    found: Times = []
    since: float | None = None
    for entry in evidence.of(ClientAddresses):
        if address not in entry.event.usable:
            since = entry.t if since is None else since
        elif since is not None:
            found.append((since, entry.t))
            since = None
    if since is not None:
        found.append((since, inf))
    return found
