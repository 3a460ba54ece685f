"""A server that reads and answers nothing."""

from __future__ import annotations

from collections.abc import Awaitable
from dataclasses import dataclass

from lab.faults._answers import Answering, answering_since, begin_answering, unheard
from lab.faults.base import Fault, Harm, InForce, RunningCell, Struck
from lab.model.scenario import Cell
from lab.model.verdict import CauseKind
from lab.record.entry import Entry
from lab.record.events import FaultBegan, ResponseSent
from lab.record.evidence import Evidence
from lab.units import Lasting


@dataclass(frozen=True, kw_only=True, slots=True)
class ServerMute(Fault):
    """The server reads and answers nothing, neither requests nor pings; what it sends by itself it still sends.

    Attributes:
        lasts: None: until the end of the run.
    """

    Proof = Answering
    needs_server = frozenset({"listens"})
    switch = "answers"
    causes = (CauseKind("server-mute", "Fault: the server answered nothing."),)

    lasts: Lasting | None = None

    def server_needs(self, cell: Cell) -> tuple[str, ...]:
        """See `Fault`."""
        return ("mute",)

    @property
    def keeps_server_s(self) -> float:
        """See `Fault`."""
        return float("inf") if self.lasts is None else float(self.lasts)

    def begin(self, number: int, cell: RunningCell) -> Awaitable[InForce]:
        """See `Fault`."""
        return begin_answering(cell, "mute", by=None, lasts=self.duration_s)

    def missing(self, proof: Answering, began: Entry[FaultBegan], evidence: Evidence, *, until: float) -> str:
        """See `Fault`."""
        if proof.answers != "mute":
            return "the server did not obey"
        since = answering_since(evidence, began.t)
        answered = any(since < sent.t < until for sent in evidence.of(ResponseSent))
        return "it answered a request" if answered else ""

    def words(self) -> str:
        """See `Fault`."""
        return "the server stopped answering"

    def harm(self, struck: Struck[Answering]) -> Harm | None:
        """See `Fault`."""
        return unheard(struck)
