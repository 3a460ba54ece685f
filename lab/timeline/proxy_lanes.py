"""Makes a lane for each proxy: its pairs of connections. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from lab.model.topology import Role
from lab.record.events import ProxyConnection, ProxyReady
from lab.record.evidence import Evidence
from lab.timeline.rows import Rows
from lab.timeline.shapes import Lane


def lanes(evidence: Evidence) -> Iterator[Lane]:
    """Yield the lanes of the proxies, in the order of the topology."""
    for node in evidence.cell.topology.nodes:
        if node.role is Role.PROXY:
            yield _lane(node.name, evidence)


def _lane(name: str, evidence: Evidence) -> Lane:
    rows = Rows()
    for ready in evidence.of(ProxyReady, who=name):
        rows.mark(ready.t, "ready", f"{ready.event.software} {ready.event.version} listens", ready.line)
    for entry in evidence.of(ProxyConnection, who=name):
        pair, row = entry.event, f"connection {entry.event.id}"
        ends = f"{pair.client} to {pair.front}"
        by = f" by the {pair.by}" if pair.by else ""
        why = ", ".join(filter(None, (pair.reason, pair.setting)))
        if pair.state == "accepted":
            rows.begin(row, entry.t, "accepted", f"{ends}, not yet to the server", entry.line)
        elif pair.state == "connected":
            rows.begin(row, entry.t, "connected", f"{ends}, and {pair.own} to the server", entry.line)
        else:
            told = f"{pair.state}{by}{': ' * bool(why)}{why}"
            rows.end(row, entry.t, told, entry.line)
            rows.mark(entry.t, pair.state, f"{ends} {told}", entry.line)
    spans, marks = rows.close()
    return Lane(id=name, kind="proxy", title=name, spans=spans, marks=marks)
