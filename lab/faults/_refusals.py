"""Helps faults that affect only a client that meets a refusal: traces of that in the record."""

from __future__ import annotations

from collections.abc import Iterator

from lab.record.entry import Entry
from lab.record.events import ServerFlow
from lab.record.evidence import Evidence

UNVERIFIED = "certificate verify failed"
"""All that Kamailio logs when it refuses a client's certificate. That this one is on its list, and that a stranger who
shows it is told so, the fault's own proof says."""


def failed_flows(evidence: Evidence) -> Iterator[Entry[ServerFlow]]:
    """Return the server's flows that failed, but for the lab's own, by which these faults are proved."""
    lab = host_of_lab(evidence)
    return (entry for entry in evidence.of(ServerFlow, state="failed") if entry.event.peer.host != lab)


def host_of_lab(evidence: Evidence) -> str:
    """Return the host from which the lab itself connects and asks: the server's."""
    return str(evidence.cell.topology.address(evidence.server).ip)
