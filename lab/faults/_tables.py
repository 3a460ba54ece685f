"""Shared by faults of a middlebox's table: what they cost a probe."""

from __future__ import annotations

from typing import Any

from lab.faults._flows import AT_ONCE_S
from lab.faults.base import Harm, LostProbe, Occurrence


def harm_of_forgetting(seen: Occurrence[Any], lost: LostProbe, node: str) -> Harm | None:
    """Return the harm of a mapping that ended at once in a middlebox and was not made anew before the probe."""
    ended = [entry for entry in seen.evidence.lost_mappings(lost.flow, lost.probe.asked_s) if entry.who == node]
    harmed = any(seen.at <= entry.t <= seen.at + AT_ONCE_S for entry in ended)
    return Harm(since_s=seen.at) if harmed else None
