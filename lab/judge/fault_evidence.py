"""Checks that the record proves that each fault of the scenario took effect. Pure function of the evidence.

A fault that did nothing makes a cell inconclusive: what its probes show is not what the scenario asks about. Unless
the cell had failed before: then the fault is moot, because it cannot change the outcome.
"""

from __future__ import annotations

from collections.abc import Callable
from math import inf, isinf

from lab.faults.base import faults_of, occurrence
from lab.model.when import Event
from lab.record.events import FaultMoot
from lab.record.evidence import Evidence


def doubt(evidence: Evidence, *, moot: Callable[[float], bool]) -> str:
    """Say why the record does not show that the scenario's faults happened as asked; empty if it does.

    Args:
        evidence: of the cell.
        moot: whether the cell fails for reasons older than this moment.
    """
    for number, fault in enumerate(faults_of(evidence.cell)):
        seen = occurrence(evidence, number)
        if moot(inf if seen is None else seen.at):
            continue
        name = f"fault {number + 1} ({type(fault).__name__})"
        if seen is None:
            why = [f": {entry.event.why}" for entry in evidence.of(FaultMoot, n=number)]
            never = f": nothing {fault.at.event.value} in time" if fault.at.event is not Event.SUBSCRIBED else ""
            return f"{name} never happened{next(iter(why), never)}"
        if isinf(seen.over):
            return f"{name} began and did not end"
        if missing := fault.missing(seen):
            return f"{name} had no effect: {missing}"
    return ""
