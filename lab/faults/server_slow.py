"""Makes the server answer late."""

from __future__ import annotations

from collections.abc import Awaitable
from dataclasses import dataclass

from lab.faults._answers import ANSWERS, ResponseMode, begin_answering, harm_of_answers, not_obeyed, obeyed_at
from lab.faults.base import STANDS_STILL, ActiveFault, Fault, FaultImpact, LostProbe, Occurrence, RunningCell
from lab.model.scenario import Cell
from lab.model.verdict import CauseKind
from lab.record.events import Held, ResponseSent
from lab.units import Lasting

_EARLY_S = 0.05
"""Timers of one process may run early by their grain, which is far less than any delay worth a scenario."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ServerSlow(Fault):
    """The server answers each request and ping late.

    Attributes:
        by: how late.
        lasts: None: until the end of the run.
    """

    Proof = ResponseMode
    order = 110
    holds = ANSWERS
    not_while = frozenset({STANDS_STILL})
    causes = (CauseKind("server-slow", "Fault: the server answered late."),)

    by: Lasting
    lasts: Lasting | None = None

    def server_needs(self, cell: Cell) -> tuple[str, ...]:
        """See `Fault`."""
        return ("late",)

    def begin(self, number: int, cell: RunningCell) -> Awaitable[ActiveFault]:
        """See `Fault`."""
        return begin_answering(cell, "late", by=float(self.by))

    def missing(self, seen: Occurrence[ResponseMode]) -> str:
        """See `Fault`. The n-th answer of the time follows what was held n-th, by the delay."""
        if lacking := not_obeyed(seen, "late"):
            return lacking
        since = obeyed_at(seen)
        held = [entry.t for entry in seen.evidence.of(Held) if entry.event.what != "crlf-ping"]
        sent = [entry.t for entry in seen.evidence.of(ResponseSent) if since < entry.t < seen.over]
        for came, went in zip(held, sent, strict=False):
            if went < came + self.by - _EARLY_S:
                return f"an answer after {went - came:.2f} s instead of {float(self.by):g} s"
        return "" if len(sent) <= len(held) else "an answer to what was not held"

    def words(self) -> str:
        """See `Fault`."""
        return f"the server began to answer {self.by} late"

    def impact(self, seen: Occurrence[ResponseMode], lost: LostProbe) -> FaultImpact | None:
        """See `Fault`."""
        return harm_of_answers(seen, lost)
