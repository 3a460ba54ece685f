"""Represents what a search has found: a timeline that breaks the invariant, and how."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from lab.exploration.invariant import Breach
from lab.exploration.timeline import Timeline


@dataclass(frozen=True, kw_only=True, slots=True)
class Finding:
    """A timeline that breaks the invariant, confirmed by a second run.

    Attributes:
        timeline: shrunk.
        breach: what it breaks.
        shrunk_from: how many faults and impairments the timeline had that was met first.
        cells: how many were run to shrink it.
        before: whether it was known from an earlier search.
        file: the scenario file that shows it; empty: not written.
    """

    timeline: Timeline
    breach: Breach
    shrunk_from: int
    cells: int
    before: bool = False
    file: str = ""

    def explains(self, timeline: Timeline, breach: Breach) -> bool:
        """Return whether a breach is this one again: the same cause, where at least the same goes wrong."""
        return breach.cause == self.breach.cause and self.timeline.kinds <= timeline.kinds


def explained(findings: Iterable[Finding], timeline: Timeline, breach: Breach) -> bool:
    """Return whether one of the findings explains a breach."""
    return any(finding.explains(timeline, breach) for finding in findings)


def size(timeline: Timeline) -> int:
    """Return how many things go wrong in a timeline."""
    return len(timeline.faults) + bool(timeline.impairments)
