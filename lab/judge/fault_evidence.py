"""Checks that the record proves that each fault of the scenario took effect. Pure function of the evidence.

A fault that did nothing makes a cell inconclusive: what its probes show is not what the scenario asks about. Unless
the cell had failed before: then the fault is moot, because it cannot change the outcome.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator
from math import inf, isinf
from typing import Any

from lab.faults.base import Fault, Occurrence, faults_of, occurrence, occurrences
from lab.model.when import Event
from lab.record.events import FaultMoot, Mapping
from lab.record.evidence import Evidence


def why_inconclusive(evidence: Evidence, *, moot: Callable[[float], bool]) -> str:
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
        if (missing := fault.missing(seen)) and not _done_before(evidence, fault, seen):
            return f"{name} had no effect: {missing}"
    return ""


def _done_before(evidence: Evidence, fault: Fault, seen: Occurrence[Any]) -> bool:
    """Return whether an equal fault had done before what this one found done, and it had not been undone since.

    Of two evictions of a flow that sends nothing in between, the second finds no mapping. A flow that has ended stays
    so; a table counts as it was only if no mapping at all was made in between.
    """
    if not fault.nothing_left(seen):
        return False
    for other, earlier in occurrences(evidence):
        if earlier.at >= seen.at or dataclasses.replace(other, at=fault.at) != fault or other.missing(earlier):
            continue
        if getattr(earlier.proof, "flow", None) != getattr(seen.proof, "flow", None):
            continue
        if fault.acts_on != "table" or not any(_made(evidence, fault, earlier.at, seen.at)):
            return True
    return False


def _made(evidence: Evidence, fault: Fault, since: float, until: float) -> Iterator[bool]:
    """Return for each change of a fault's middlebox's table in a time whether it was a new mapping."""
    node = getattr(fault, "node", "")
    return (entry.event.state == "new" for entry in evidence.between(Mapping, since, until) if entry.who == node)
