"""Makes the timeline of a cell. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from lab.model.outcome import ProbeTrial
from lab.record.evidence import Evidence
from lab.timeline import (
    client_lane,
    fault_lane,
    ladder,
    link_lanes,
    middlebox_lanes,
    probe_lane,
    proxy_lanes,
    push_lane,
    server_lane,
)
from lab.timeline.shapes import Lane, Timeline


def timeline(evidence: Evidence, tried: Sequence[ProbeTrial] = ()) -> Timeline:
    """Return what happened in a cell over time.

    Args:
        evidence: the cell and its record.
        tried: probes of its twins, `Outcome.tried`, to be marked beside its own.
    """
    times = [entry.t for entry in evidence.entries] or [0.0]
    return Timeline(
        starts_s=min(times),
        ends_s=max(*times, *(one.at_s for one in tried)) if tried else max(times),
        lanes=tuple(_lanes(evidence, tried)),
        messages=ladder.messages(evidence),
    )


def _lanes(evidence: Evidence, tried: Sequence[ProbeTrial]) -> Iterator[Lane]:
    """Yield all lanes: the way from the client to the server, what is not on it, pushes, faults, probes."""
    topology = evidence.cell.topology
    between = {
        lane.id: lane
        for lane in (*link_lanes.lanes(evidence), *middlebox_lanes.lanes(evidence), *proxy_lanes.lanes(evidence))
    }
    yield client_lane.lane(evidence)
    for first in topology.client_links():
        way = topology.way(first)
        for link, node in zip(way.links, way.nodes, strict=True):
            for name in (f"link {link}", node):
                if name in between:
                    yield between.pop(name)
    yield from between.values()
    yield server_lane.lane(evidence)
    yield from push_lane.lanes(evidence)
    yield fault_lane.lane(evidence)
    yield probe_lane.lane(evidence, tried)
