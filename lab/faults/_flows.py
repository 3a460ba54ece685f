"""Helps faults that act on the client's current flow, or end every flow."""

from __future__ import annotations

from typing import Any

from lab.faults.base import FaultImpact, LostProbe, Occurrence
from lab.record.events import ENDED_AT_SERVER, ServerFlow

AT_ONCE_S = 1.0
"""What a fault does by itself, without a round trip, shows in the record within this time."""


def no_flow(seen: Occurrence[Any], flow: str | None) -> str:
    """Say that there was no flow to act on, or none that lived; empty if there was."""
    if not flow:
        return "the client had no flow"
    for entry in seen.evidence.of(ServerFlow, id=flow):
        if entry.event.state in ENDED_AT_SERVER and entry.t < seen.at:
            return f"the flow {flow} had ended before"
    return ""


def harm_if_older(seen: Occurrence[Any], lost: LostProbe) -> FaultImpact | None:
    """Return the harm of a fault that no flow survives: the probe's was there before it."""
    older = any(entry.t < seen.at for entry in seen.evidence.of(ServerFlow, id=lost.flow.id))
    return FaultImpact(since_s=seen.at) if older else None
