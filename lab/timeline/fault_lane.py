"""Makes the lane of the faults. Pure."""

from __future__ import annotations

from lab.faults.base import faults_of
from lab.record.events import FaultBegan, FaultEnded, FaultMoot
from lab.record.evidence import Evidence
from lab.timeline.rows import Rows
from lab.timeline.shapes import Lane
from lab.units import counted


def lane(evidence: Evidence) -> Lane:
    """Return the lane of the faults: a row each."""
    rows = Rows()
    words = [fault.words() for fault in faults_of(evidence.cell)]
    for entry in evidence.entries:
        event = entry.event
        if not isinstance(event, FaultBegan | FaultEnded | FaultMoot):
            continue
        row = f"fault {event.n + 1}"
        if isinstance(event, FaultBegan):
            what = words[event.n] if event.n < len(words) else event.fault
            rows.begin(row, entry.t, event.fault, f"{event.fault}: {what}", entry.line)
        elif isinstance(event, FaultEnded):
            lost = "" if event.dropped is None else f"{counted(event.dropped, 'packet')} dropped"
            rows.end(row, entry.t, lost, entry.line)
        else:
            rows.mark(entry.t, "moot", f"{row}, {event.fault}, did not begin: {event.why}", entry.line)
    spans, marks = rows.close()
    return Lane(id="faults", kind="faults", title="faults", spans=spans, marks=marks)
