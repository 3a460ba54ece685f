"""Makes the server read and answer nothing."""

from __future__ import annotations

from collections.abc import Awaitable
from dataclasses import dataclass

from lab.faults._answers import ANSWERS, ResponseMode, begin_answering, harm_of_answers, not_obeyed, obeyed_at
from lab.faults.base import STANDS_STILL, ActiveFault, Fault, FaultImpact, LostProbe, Occurrence, RunningCell
from lab.model.scenario import Cell
from lab.model.verdict import CauseKind
from lab.record.events import ResponseSent
from lab.units import Lasting


@dataclass(frozen=True, kw_only=True, slots=True)
class ServerMute(Fault):
    """The server drops requests and pings; what it sends by itself it still sends, and it takes the answers.

    A request that arrives meanwhile changes nothing, not even a binding, and is not answered later either. One that
    arrives after the fault is answered, even if it is the same request, sent again.

    Attributes:
        lasts: None: until the end of the run.
    """

    Proof = ResponseMode
    order = 100
    holds = ANSWERS
    not_while = frozenset({STANDS_STILL})
    causes = (CauseKind("server-mute", "Fault: the server answered nothing."),)

    lasts: Lasting | None = None

    def server_needs(self, cell: Cell) -> tuple[str, ...]:
        """See `Fault`."""
        return ("mute",)

    def begin(self, number: int, cell: RunningCell) -> Awaitable[ActiveFault]:
        """See `Fault`."""
        return begin_answering(cell, "mute")

    def missing(self, seen: Occurrence[ResponseMode]) -> str:
        """See `Fault`."""
        since = obeyed_at(seen)
        answered = any(since < sent.t < seen.over for sent in seen.evidence.of(ResponseSent))
        return not_obeyed(seen, "mute") or ("it answered a request" if answered else "")

    def words(self) -> str:
        """See `Fault`."""
        return "the server stopped answering"

    def impact(self, seen: Occurrence[ResponseMode], lost: LostProbe) -> FaultImpact | None:
        """See `Fault`."""
        return harm_of_answers(seen, lost)
