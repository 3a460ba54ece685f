"""Finds requests to an address that only the client's own network knows. Pure function of the evidence."""

from __future__ import annotations

from lab.judge.sentinel import middleboxes_on_path
from lab.record.events import Packet
from lab.record.evidence import Evidence


def hint(evidence: Evidence) -> str:
    """Say that the server sent to the client's own address behind a middlebox; empty if it did not.

    The first NOTIFY goes there if the server follows a Contact that nobody rewrites (``notify-route: contact``).
    """
    topology = evidence.cell.topology
    boxes = middleboxes_on_path(topology)
    own = {str(dict(link.ends)[evidence.client].ip) for link in topology.client_links()}
    for entry in evidence.of(Packet, link=topology.server_link().name, from_=evidence.server):
        if boxes and entry.event.dst.host in own:
            where = f"to {entry.event.dst}, the client's own address behind {boxes[0]}"
            return f"; the server sent its first request {where}, where nothing arrives from outside"
    return ""
