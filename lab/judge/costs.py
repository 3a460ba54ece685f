"""Measures the cost of a strategy, from the record of a cell without probes and faults. Pure."""

from __future__ import annotations

import dataclasses

from lab.judge import pushes
from lab.judge.metrics import client_packets, measure
from lab.judge.radio import radio
from lab.judge.tolerances import AT_ONCE_S, BACK_WITHIN_S
from lab.judge.weakest_times import ends
from lab.model.outcome import CostUntilLoss, Metrics
from lab.record.evidence import Evidence


def costs(evidence: Evidence) -> Metrics:
    """Return the traffic of a silent cell, and when it first lost its connection for more than a moment."""
    return dataclasses.replace(measure(evidence, {}), lost=_lost(evidence))


def _lost(evidence: Evidence) -> CostUntilLoss | None:
    for end in ends(evidence, woken=pushes.needs_no_flow(evidence.cell)):
        if end.until_s - end.at_s > BACK_WITHIN_S:
            until = [entry for entry in client_packets(evidence) if AT_ONCE_S <= entry.t < end.at_s]
            air = radio((entry.t for entry in until), until=end.at_s, kind=evidence.cell.radio)
            size = sum(entry.event.bytes for entry in until)
            return CostUntilLoss(at_s=round(end.at_s, 3), packets=len(until), bytes=size, wakeups=air.wakeups)
    return None
