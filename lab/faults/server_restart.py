"""Stops the server and starts it again."""

from __future__ import annotations

from dataclasses import dataclass

import msgspec

from lab.faults._flows import harm_if_older
from lab.faults.base import IS_DOWN, STANDS_STILL, ActiveFault, Fault, FaultImpact, LostProbe, Occurrence, RunningCell
from lab.model.scenario import Cell
from lab.model.verdict import CauseKind
from lab.network.socket_checks import listening
from lab.record.evidence import ProbeAttempt
from lab.record.flows import Flow
from lab.units import Lasting, Seconds


@dataclass(frozen=True, kw_only=True, slots=True)
class ServerRestart(Fault):
    """The server ends as if killed, and starts again. Calls and transactions end with it: nobody hangs up.

    Attributes:
        down: how long nothing listens.
        keeps_state: whether it still knows its subscriptions, bindings and nonces, as from a database; flows are gone.
    """

    class Proof(msgspec.Struct, frozen=True, kw_only=True):
        """The TCP ports on which the kernel shows anybody listening in the server's node meanwhile."""

        listening: tuple[int, ...]
        keeps_state: bool

    order = 80
    holds = IS_DOWN
    not_while = frozenset({STANDS_STILL, IS_DOWN})
    causes = (CauseKind("server-restarted", "Fault: the server ended and started again."),)

    down: Lasting = Seconds(1)
    keeps_state: bool = False

    def server_needs(self, cell: Cell) -> tuple[str, ...]:
        """See `Fault`."""
        return ("keep-state",) if self.keeps_state else ()

    @property
    def lasts_s(self) -> float:
        """See `Fault`."""
        return float(self.down)

    async def begin(self, number: int, cell: RunningCell) -> ActiveFault:
        """See `Fault`."""
        await cell.ask_server("go-down", keeps_state=self.keeps_state)
        left = tuple(sorted(listening(cell.namespaces[cell.server_node])))

        def come_up() -> None:
            if not left:  # else it never went down, and cannot come up: the judge looks
                cell.tell_server("come-up")

        return ActiveFault(proof=self.Proof(listening=left, keeps_state=self.keeps_state), end=come_up)

    def missing(self, seen: Occurrence[Proof]) -> str:
        """See `Fault`."""
        return f"still listening on {[*seen.proof.listening]}" if seen.proof.listening else ""

    def blocks(self, seen: Occurrence[Proof], probe: ProbeAttempt, flow: Flow | None) -> bool:
        """See `Fault`."""
        return True

    def words(self) -> str:
        """See `Fault`."""
        return f"the server restarted and {'kept' if self.keeps_state else 'lost'} its state"

    def impact(self, seen: Occurrence[Proof], lost: LostProbe) -> FaultImpact | None:
        """See `Fault`."""
        return harm_if_older(seen, lost)
