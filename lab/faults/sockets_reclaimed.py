"""Takes the client's sockets, as a phone's system does with those of an app that it has suspended."""

from __future__ import annotations

from dataclasses import dataclass

import msgspec

from lab.faults._asleep import dead_by_then
from lab.faults._flows import harm_if_older
from lab.faults.base import ActiveFault, Fault, FaultImpact, Infeasible, LostProbe, Occurrence, RunningCell
from lab.model.scenario import Cell
from lab.model.verdict import CauseKind
from lab.network.reclaimed_sockets import reclaim
from lab.record.events import SENTINEL_PORT


@dataclass(frozen=True, kw_only=True, slots=True)
class SocketsReclaimed(Fault):
    """The system takes the client's TCP and UDP sockets. Its next call on each fails with ECONNABORTED.

    A client that is suspended hears of it when it goes on, one that runs at once. The kernel tells the other end of a
    TCP connection with RST; of a UDP socket nobody is told, and its port is gone. iOS does so with an app that it has
    suspended (Apple, TN2277; Apple Developer Forums, threads 802375 and 85038), Android before it takes the network
    from an app (SOCK_DESTROY; Android Open Source Project, frameworks/base, commit 4cb4240b). A UDP socket whose port
    the client chose itself survives on Linux, and the cell is inconclusive.
    """

    class Proof(msgspec.Struct, frozen=True, kw_only=True):
        """The client's sockets in the kernel.

        Attributes:
            tcp: how many of TCP it has taken.
            udp: how many of UDP.
            left: how many are there as before.
        """

        tcp: int
        udp: int
        left: int

    order = 51
    of_device = True
    causes = (CauseKind("sockets-reclaimed", "Fault: the system took the client's sockets."),)

    def infeasible(self, cell: Cell) -> Infeasible | None:
        """See `Fault`."""
        return dead_by_then(self, cell)

    def begin(self, number: int, cell: RunningCell) -> ActiveFault:
        """See `Fault`."""
        taken = reclaim(cell.namespaces[cell.client_node], spared=SENTINEL_PORT)
        return ActiveFault(proof=self.Proof(tcp=taken.tcp, udp=taken.udp, left=taken.left))

    def missing(self, seen: Occurrence[Proof]) -> str:
        """See `Fault`."""
        proof = seen.proof
        if proof.left:
            return f"{proof.left} of the client's sockets {'is' if proof.left == 1 else 'are'} as before"
        return "" if proof.tcp or proof.udp else "the client had no socket"

    def words(self) -> str:
        """See `Fault`."""
        return "the system took the client's sockets"

    def impact(self, seen: Occurrence[Proof], lost: LostProbe) -> FaultImpact | None:
        """See `Fault`."""
        took = seen.proof.udp if lost.flow.proto == "udp" else seen.proof.tcp
        return harm_if_older(seen, lost) if took else None
