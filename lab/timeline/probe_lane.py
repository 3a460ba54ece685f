"""Makes the lane of the probes: those of the cell, and those that its twins tried at its weakest moments. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

from lab.model.outcome import ProbeTrial
from lab.record.events import Probe
from lab.record.evidence import Evidence, ProbeAttempt
from lab.timeline.rows import Rows
from lab.timeline.shapes import Lane

TRIED = {True: "tried-answered", False: "tried-lost", None: "tried-unknown"}
"""The kinds of the marks of twins' probes, by whether they were answered."""


def lane(evidence: Evidence, tried: Sequence[ProbeTrial]) -> Lane:
    """Return the lane of the probes.

    Args:
        evidence: of the cell.
        tried: the probes of its twins, from the outcome; they have a record of their own.
    """
    rows = Rows()
    lines: dict[str, list[int]] = defaultdict(list)
    for entry in evidence.of(Probe):
        lines[entry.event.probe].append(entry.line)
    for probe in evidence.probes:
        rows.mark(probe.sent_s, "answered" if probe.answered else "lost", _text(probe), *lines[probe.name])
    for one in tried:
        gap = "" if one.gap_s is None else f", out of reach for {one.gap_s:.1f} s"
        found = {True: "answered", False: "lost", None: "showed nothing"}[one.reached]
        rows.mark(one.at_s, TRIED[one.reached], f"probed again, {one.why}: {found}{gap} ({one.folder})")
    spans, marks = rows.close()
    return Lane(id="probes", kind="probes", title="probes", spans=spans, marks=marks)


def _text(probe: ProbeAttempt) -> str:
    what = f"{probe.name}, {probe.kind.upper()}"
    if probe.answered:
        return f"{what}: answered after {max(0.0, probe.known_s - probe.asked_s):.3f} s"
    return f"{what}: not answered ({probe.reason or 'refused'}), known at {probe.known_s:.3f} s"
