"""Closes a connection at the server."""

from __future__ import annotations

from dataclasses import dataclass

import msgspec

from lab.faults._flows import AT_ONCE_S, no_flow
from lab.faults.base import (
    IS_DOWN,
    STANDS_STILL,
    ActiveFault,
    Fault,
    FaultImpact,
    Infeasible,
    LostProbe,
    Occurrence,
    RunningCell,
)
from lab.model.scenario import Cell, Transport
from lab.model.verdict import CauseKind
from lab.record.events import ServerFlow


@dataclass(frozen=True, kw_only=True, slots=True)
class ServerClose(Fault):
    """The server closes its end of the client's current flow in order."""

    class Proof(msgspec.Struct, frozen=True, kw_only=True):
        """The flow that the server says it has closed; None: there was none."""

        flow: str | None

    order = 70
    not_while = frozenset({STANDS_STILL, IS_DOWN})
    causes = (CauseKind("server-closed-flow", "Fault: the server closed the connection in order."),)

    def infeasible(self, cell: Cell) -> Infeasible | None:
        """See `Fault`."""
        if cell.transport is Transport.UDP:
            return Infeasible(what="UDP has no connection to close", allowed="use `transport: tcp` or `tls`")
        return None

    async def begin(self, number: int, cell: RunningCell) -> ActiveFault:
        """See `Fault`."""
        flow = cell.current_flow()
        said = await cell.ask_server("close", flow=None if flow is None else flow.id)
        return ActiveFault(proof=self.Proof(flow=said.flow))

    def missing(self, seen: Occurrence[Proof]) -> str:
        """See `Fault`."""
        closed = seen.evidence.of(ServerFlow, id=seen.proof.flow, state="closed", reason="by server")
        happened = any(seen.at <= end.t <= seen.at + AT_ONCE_S for end in closed)
        return no_flow(seen, seen.proof.flow) or ("" if happened else "the server's flow did not end")

    def nothing_left(self, seen: Occurrence[Proof]) -> bool:
        """See `Fault`."""
        return seen.proof.flow is not None and bool(no_flow(seen, seen.proof.flow))

    def words(self) -> str:
        """See `Fault`."""
        return "the server closed the connection"

    def impact(self, seen: Occurrence[Proof], lost: LostProbe) -> FaultImpact | None:
        """See `Fault`."""
        return FaultImpact(since_s=seen.at) if seen.proof.flow == lost.flow.id else None
