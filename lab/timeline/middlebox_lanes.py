"""Makes a lane for each middlebox: its mappings, when they were born, last refreshed, and ended. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from lab.model.endpoint import Endpoint
from lab.model.topology import Role
from lab.record.events import SENTINEL_PORT
from lab.record.evidence import Evidence
from lab.record.mapping_lives import MappingLife, mapping_lives
from lab.timeline.rows import Rows
from lab.timeline.shapes import Lane


def lanes(evidence: Evidence) -> Iterator[Lane]:
    """Yield the lanes of the middleboxes, in the order of the topology."""
    for node in evidence.cell.topology.nodes:
        if node.role is Role.MIDDLEBOX:
            yield _lane(node.name, evidence)


def _lane(name: str, evidence: Evidence) -> Lane:
    rows = Rows()
    shown: dict[tuple[str, Endpoint, Endpoint], Endpoint] = {}
    for life in mapping_lives(evidence):
        if life.node == name:
            mapping = life.mapping
            row = f"{mapping.proto} {mapping.inside} to {mapping.remote}"
            first = shown.setdefault((mapping.proto, mapping.inside, mapping.remote), mapping.outside)
            _life(rows, life, row if first == mapping.outside else f"{row} as {mapping.outside}")
    spans, marks = rows.close()
    box = dict(evidence.cell.middleboxes).get(name)
    return Lane(id=name, kind="middlebox", title=f"{name} ({box.name})" if box else name, spans=spans, marks=marks)


def _life(rows: Rows, life: MappingLife, row: str) -> None:
    mapping = life.mapping
    what = f"{mapping.proto.upper()} {mapping.inside} as {mapping.outside} to {mapping.remote}"
    kind = "sentinel" if mapping.remote.port == SENTINEL_PORT else "mapping"
    born = () if life.born is None else (life.born.line,)
    rows.begin(row, life.since_s, kind, what, *born)
    if kind == "mapping":
        if life.born is not None:
            rows.mark(life.born.t, "created", f"{what} created", life.born.line)
        for each in life.refreshes:
            rows.mark(each.packet.t, "refreshed", f"{what} {life.told(each)}", each.packet.line)
    if life.gone is not None:
        state = f" in state {life.gone.event.tcp_state}" if life.gone.event.tcp_state else ""
        rows.end(row, life.gone.t, f"ended{state}", life.gone.line)
        if kind == "mapping":
            rows.mark(life.gone.t, "ended", f"{what} ended{state}", life.gone.line)
