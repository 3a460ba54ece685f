"""Makes the lane of the pushes, from the server's wish to their end, and of the requests held for them. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from lab.record.entry import Entry
from lab.record.events import Probe, PushDelivered, PushHeld, PushLost, PushRefused, PushRequested
from lab.record.evidence import Evidence
from lab.timeline.rows import Rows
from lab.timeline.shapes import Lane


def lanes(evidence: Evidence) -> Iterator[Lane]:
    """Yield the lane of the pushes, if the server has asked for one."""
    if not evidence.has(PushRequested):
        return
    rows = Rows()
    for entry in evidence.entries:
        if (told := _SAID.get(type(entry.event))) is not None:
            told(rows, entry)
    spans, marks = rows.close()
    yield Lane(id="pushes", kind="pushes", title="pushes", spans=spans, marks=marks)


def _requested(rows: Rows, entry: Entry[PushRequested]) -> None:
    asked = entry.event
    what = f"push {asked.id}, {asked.priority} priority, for {asked.probe}"
    rows.begin(f"push {asked.id}", entry.t, "pushed", what, entry.line)


def _held(rows: Rows, entry: Entry[PushHeld]) -> None:
    name = entry.event.id
    rows.begin(f"push {name}", entry.t, "waiting", f"push {name} waits on the device", entry.line)


def _delivered(rows: Rows, entry: Entry[PushDelivered]) -> None:
    name = entry.event.id
    rows.end(f"push {name}", entry.t, f"reached the app after {entry.event.took:.3f} s", entry.line)
    rows.mark(entry.t, "received", f"push {name} reached the app", entry.line)


def _lost(rows: Rows, entry: Entry[PushLost]) -> None:
    name = entry.event.id
    rows.end(f"push {name}", entry.t, "lost", entry.line)
    rows.mark(entry.t, "lost", f"push {name} was lost by the push service", entry.line)


def _refused(rows: Rows, entry: Entry[PushRefused]) -> None:
    name, code = entry.event.id, entry.event.code
    rows.end(f"push {name}", entry.t, f"refused: {code}", entry.line)
    rows.mark(entry.t, "failed", f"push {name} was refused by the push service: {code}", entry.line)


def _request(rows: Rows, entry: Entry[Probe]) -> None:
    probe, row = entry.event, f"held {entry.event.probe}"
    if probe.state == "held":
        rows.begin(row, entry.t, "held", f"the server holds {probe.kind.upper()} {probe.probe}", entry.line)
    elif rows.is_open(row):
        rows.end(row, entry.t, probe.reason or probe.state, entry.line)


_SAID: dict[type, Callable[[Rows, Entry[Any]], None]] = {
    PushRequested: _requested,
    PushHeld: _held,
    PushDelivered: _delivered,
    PushLost: _lost,
    PushRefused: _refused,
    Probe: _request,
}
