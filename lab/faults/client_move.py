"""Moves the client to another network."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

import msgspec

from lab.faults._links import BOTH_ENDS
from lab.faults._losses import rules_missing
from lab.faults._networks import (
    CHANGES_NETWORKS,
    ClientNetworks,
    changes,
    gone_before,
    harm_of_absence,
    no_second_link,
    nobody_told,
    none_closed,
    not_told,
    nothing_to_close,
)
from lab.faults.base import ActiveFault, Fault, FaultImpact, Infeasible, LostProbe, Occurrence, RunningCell, WideEffect
from lab.model.scenario import Cell
from lab.model.topology import Topology
from lab.model.verdict import CauseKind
from lab.units import Lasting, Seconds


@dataclass(frozen=True, kw_only=True, slots=True)
class ClientMove(Fault):
    """The client leaves its first link and gets an address on its second, as from Wi-Fi to cellular.

    Attributes:
        told: whether the client program is told, as a phone's system tells (pjsip's ``handleIpChange``). The
            server sends the BYE of a call over the flow of the client's last request within that call.
        told_late_by: how long after the change, and after the return, it is told.
        overlap: for how long the old link carries packets, too, for connections that are on it; what is new goes over
            the new one at once. Android lets a Wi-Fi that has become second linger for 30 s
            (``DEFAULT_LINGER_DELAY_MS`` of its ``ConnectivityService``).
        back_after: when the client is back on its first link, with the address that it had; None: never. The return has
            no overlap.
        closes_connections: whether the system closes the TCP connections of an address that is gone, as Android does;
            the client hears of that at once. Otherwise they stay, and only their timers tell.
    """

    class Proof(msgspec.Struct, frozen=True, kw_only=True):
        """The state of the client's links in the kernel afterwards; what came later is in ``client-addresses``.

        Attributes:
            rules: how many rules make the old link carry nothing.
            left: addresses on the old link.
            address: the new address, with prefix length.
            source: the address from which packets to the server leave.
        """

        rules: int
        left: tuple[str, ...]
        address: str
        source: str

    order = 45
    holds = CHANGES_NETWORKS
    causes = (CauseKind("client-changed-address", "Fault: the client left its network for another."),)

    tries = MappingProxyType({"back_after": (None, Seconds(60))})

    told: bool = False
    told_late_by: Seconds = Seconds(0)
    overlap: Seconds = Seconds(0)
    back_after: Lasting | None = None
    closes_connections: bool = False

    @classmethod
    def misfit(cls, topology: Topology, written: Mapping[str, str]) -> Infeasible | None:
        """See `Fault`."""
        return no_second_link(topology)

    def infeasible(self, cell: Cell) -> Infeasible | None:
        """See `Fault`."""
        if self.back_after is not None and self.back_after <= self.overlap:
            what = "the client is back while its old network still works, so it never left it"
            return Infeasible(what=what, allowed=f"a time above {self.overlap}", key="back-after")
        return gone_before(self, cell) or nobody_told(self) or nothing_to_close(cell, closes=self.closes_connections)

    @property
    def lasts_s(self) -> float:
        """See `Fault`."""
        return float(self.overlap if self.back_after is None else self.back_after)

    async def begin(self, number: int, cell: RunningCell) -> ActiveFault:
        """See `Fault`. The old link goes dead, as when a phone has left the radio's range; then the address changes."""
        moving = _Moving(self, cell, number)
        proof = moving.leave() if not self.overlap else moving.join_beside()
        await moving.networks.tell_at_once(self)
        return ActiveFault(proof=proof, end=moving.end)

    def missing(self, seen: Occurrence[Proof]) -> str:
        """See `Fault`."""
        proof = seen.proof
        new = proof.address.partition("/")[0]
        if proof.source != new:
            return f"its packets leave from {proof.source}"
        if not self.overlap and (lack := rules_missing(proof.rules, wanted=BOTH_ENDS)):
            return lack
        if proof.left and not self.overlap:
            return f"it still has {proof.left[0]}"
        noted = changes(seen)
        if self.overlap and not any(entry.event.usable == (new,) for entry in noted):
            return "it still has its old address"
        if self.back_after is not None and (not noted or noted[-1].event.source == new):
            return "it did not come back"
        return none_closed(seen, closes=self.closes_connections) or not_told(seen, self)

    @property
    def wide_effect(self) -> WideEffect:
        """See `Fault`."""
        return WideEffect(moves_client=True, returns=self.back_after is not None)

    def words(self) -> str:
        """See `Fault`."""
        late = f" {self.told_late_by} later" if self.told_late_by else ""
        return f"the client changed networks{f' and was told{late}' if self.told else ''}"

    def impact(self, seen: Occurrence[Proof], lost: LostProbe) -> FaultImpact | None:
        """See `Fault`."""
        return harm_of_absence(seen, lost)


class _Moving:
    """Takes the client from its first link to its second, and perhaps back."""

    def __init__(self, fault: ClientMove, cell: RunningCell, number: int) -> None:
        self._fault = fault
        self.networks = ClientNetworks(cell, number, closes=fault.closes_connections)
        self._first, self._second = self.networks.links
        self._lingers: asyncio.TimerHandle | None = None

    def leave(self) -> ClientMove.Proof:
        """Change networks in one instant."""
        rules, left, source = self.networks.move(self._first, self._second)
        return self._proof(rules, left, source)

    def join_beside(self) -> ClientMove.Proof:
        """Join the second link; leave the first one later."""
        networks = self.networks
        networks.keep_way(self._first)
        networks.join(self._second)
        if self._fault.back_after is not None:
            loop = asyncio.get_running_loop()
            self._lingers = loop.call_later(float(self._fault.overlap), self._leave_first)
        return self._proof(0, (str(networks.own(self._first)),), networks.note())

    def _leave_first(self) -> None:
        self.networks.kill(self._first)
        self.networks.leave(self._first)
        self.networks.note()

    def _proof(self, rules: int, left: tuple[str, ...], source: str) -> ClientMove.Proof:
        return ClientMove.Proof(rules=rules, left=left, address=str(self.networks.own(self._second)), source=source)

    def end(self) -> int | None:
        """Leave the old link at last, or come back; one that has gone for good is dead until the end of the run."""
        if self._fault.back_after is None:
            if self._fault.overlap:
                self._leave_first()
            return None
        if self._lingers is not None and self._lingers.when() > asyncio.get_running_loop().time():
            self._lingers.cancel()
            self._leave_first()  # the run ends before that
        self.networks.move(self._second, self._first)
        self.networks.tell(self._fault)
        return self.networks.end()
