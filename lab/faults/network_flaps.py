"""Has the client change between its two networks again and again."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from types import MappingProxyType

import msgspec

from lab.faults._links import BOTH_ENDS
from lab.faults._losses import rules_missing
from lab.faults._networks import (
    CHANGES_NETWORKS,
    LEAST_S,
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
class NetworkFlaps(Fault):
    """The client changes from its first link to its second and back, again and again, as at the edge of a Wi-Fi.

    The link that it has left carries nothing. At the end it is on its first link.

    Attributes:
        every: from one change to the next.
        lasts: None: until the end of the run.
        told: whether the client program is told of each change.
        told_late_by: how long after each.
        closes_connections: whether the system closes the TCP connections of an address that is gone.
    """

    class Proof(msgspec.Struct, frozen=True, kw_only=True):
        """The state of the client's links in the kernel after the first change; the others: ``client-addresses``.

        Attributes:
            rules: how many rules make the old link carry nothing.
            left: addresses on the old link.
            source: the address from which packets to the server leave.
        """

        rules: int
        left: tuple[str, ...]
        source: str

    order = 46
    holds = CHANGES_NETWORKS
    causes = (CauseKind("network-flapped", "Fault: the client changed between its networks again and again."),)

    tries = MappingProxyType({"every": (Seconds(20), Seconds(5))})

    every: Lasting
    lasts: Lasting | None = None
    told: bool = False
    told_late_by: Seconds = Seconds(0)
    closes_connections: bool = False

    @classmethod
    def misfit(cls, topology: Topology, written: Mapping[str, str]) -> Infeasible | None:
        """See `Fault`."""
        return no_second_link(topology)

    def infeasible(self, cell: Cell) -> Infeasible | None:
        """See `Fault`."""
        if self.every < LEAST_S:
            allowed = f"{LEAST_S:g} s or more"
            return Infeasible(what="too fast for the record to tell the changes apart", allowed=allowed, key="every")
        if self.lasts is not None and self.lasts <= self.every:
            what = "over before the client comes back by itself; that is one move"
            return Infeasible(what=what, allowed="more than `every`, or a `client-move`", key="lasts")
        return gone_before(self, cell) or nobody_told(self) or nothing_to_close(cell, closes=self.closes_connections)

    async def begin(self, number: int, cell: RunningCell) -> ActiveFault:
        """See `Fault`."""
        flapping = _Flapping(self, cell, number)
        proof = flapping.first()
        await flapping.networks.tell_at_once(self)
        return ActiveFault(proof=proof, end=flapping.end)

    def missing(self, seen: Occurrence[Proof]) -> str:
        """See `Fault`. Each change must have come in its time, to the other address."""
        noted = changes(seen)
        if lack := rules_missing(seen.proof.rules, wanted=BOTH_ENDS):
            return lack
        if seen.proof.left:
            return f"it still has {seen.proof.left[0]}"
        sources = [entry.event.source for entry in noted]
        if any(one == other for one, other in pairwise(sources)) or len(set(sources)) != 2:
            return f"its packets leave from {', '.join(dict.fromkeys(sources))}"
        due = int((seen.over - seen.at) / self.every) + 1
        if len(noted) < due:
            return f"{len(noted)} changes instead of {due}"
        return none_closed(seen, closes=self.closes_connections) or not_told(seen, self)

    @property
    def wide_effect(self) -> WideEffect:
        """See `Fault`."""
        return WideEffect(moves_client=True, returns=True)

    def words(self) -> str:
        """See `Fault`."""
        return f"the client began to change networks every {self.every}"

    def impact(self, seen: Occurrence[Proof], lost: LostProbe) -> FaultImpact | None:
        """See `Fault`."""
        return harm_of_absence(seen, lost)


class _Flapping:
    """Changes networks by the clock."""

    def __init__(self, fault: NetworkFlaps, cell: RunningCell, number: int) -> None:
        self._fault = fault
        self.networks = ClientNetworks(cell, number, closes=fault.closes_connections)
        self._here, self._there = self.networks.links
        self._home = self._here
        self._loop = asyncio.get_running_loop()
        self._due = self._loop.time()
        self._next: asyncio.TimerHandle | None = None

    def first(self) -> NetworkFlaps.Proof:
        """Change networks for the first time."""
        rules, left, source = self._change()
        return NetworkFlaps.Proof(rules=rules, left=left, source=source)

    def _change(self) -> tuple[int, tuple[str, ...], str]:
        """Change networks, and enter the next change: counted from when this one was due, however late it came."""
        self._due += float(self._fault.every)
        self._next = self._loop.call_at(self._due, self._again)
        return self._swap()

    def _swap(self) -> tuple[int, tuple[str, ...], str]:
        changed = self.networks.move(self._here, self._there)
        self._here, self._there = self._there, self._here
        return changed

    def _again(self) -> None:
        self._change()
        self.networks.tell(self._fault)

    def end(self) -> int:
        """Stop it, on the first link."""
        if self._next is not None:
            self._next.cancel()
        if self._here != self._home:
            self._swap()
            self.networks.tell(self._fault)
        return self.networks.end()
