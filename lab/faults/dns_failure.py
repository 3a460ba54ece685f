"""Lets the name server fail."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

import msgspec

from lab.faults._names import NAMES, asks_nobody
from lab.faults._new_flow import asked_anew
from lab.faults.base import ActiveFault, Fault, FaultImpact, Infeasible, LostProbe, Occurrence, RunningCell
from lab.model.scenario import Cell
from lab.model.verdict import CauseKind
from lab.network.socket_checks import name_met
from lab.record.events import Query
from lab.units import Lasting


class NoAnswer(str, Enum):
    """Of a name server that cannot help."""

    SILENT = "silent"
    SERVFAIL = "servfail"


_DID = {NoAnswer.SILENT: "answered nothing", NoAnswer.SERVFAIL: "answered SERVFAIL"}


@dataclass(frozen=True, kw_only=True, slots=True)
class DnsFailure(Fault):
    """The name server does not tell the server's address; connections that are there stay.

    Attributes:
        how: what becomes of questions.
        lasts: None: until the end of the run.
    """

    class Proof(msgspec.Struct, frozen=True, kw_only=True):
        """The name server's answer to a query for the server's address from the name server's node."""

        met: str

    order = 130
    holds = NAMES
    causes = (CauseKind("name-not-resolved", "Fault: the client asked for the server's address in vain."),)

    how: NoAnswer = NoAnswer.SILENT
    lasts: Lasting | None = None

    def infeasible(self, cell: Cell) -> Infeasible | None:
        """See `Fault`."""
        return asks_nobody(cell)

    async def begin(self, number: int, cell: RunningCell) -> ActiveFault:
        """See `Fault`."""
        await cell.ask_name_server("names", mode=self.how.value)
        topology = cell.cell.topology  # the name server is where the client connects
        asked = str(topology.front_address())
        met = await name_met(cell.namespaces[topology.front().name], asked, cell.server_name)

        def answer() -> None:
            cell.tell_name_server("names", mode="true")

        return ActiveFault(proof=self.Proof(met=met), end=answer)

    def missing(self, seen: Occurrence[Proof]) -> str:
        """See `Fault`."""
        return "" if seen.proof.met == self.how.value else f"who asks for the name is told {seen.proof.met}"

    def words(self) -> str:
        """See `Fault`."""
        return f"the name server {_DID[self.how]}"

    def impact(self, seen: Occurrence[Proof], lost: LostProbe) -> FaultImpact | None:
        """See `Fault`. It harms only a client that asks: the first question in vain shows it."""
        lab = str(seen.evidence.cell.topology.front_address())
        for entry in seen.evidence.of(Query, type="A"):
            in_vain = entry.event.answer in ("servfail", "silent") and entry.event.peer.host != lab
            if in_vain and seen.at <= entry.t <= lost.probe.known_s:
                words = f", and the client asked in vain at {entry.t:.1f} s"
                anew = asked_anew(seen, lost, entry.t)
                return FaultImpact(since_s=seen.at, evidence=(entry.line,), words=words, anew_s=anew)
        return None
