"""Freezes the server's process."""

from __future__ import annotations

from dataclasses import dataclass

import msgspec

from lab.faults._flows import AT_ONCE_S
from lab.faults._losses import packets_of
from lab.faults._requests import harm_of_silence
from lab.faults.base import STANDS_STILL, ActiveFault, Fault, FaultImpact, LostProbe, Occurrence, RunningCell
from lab.model.verdict import CauseKind
from lab.record.events import KeepAlive
from lab.record.evidence import ProbeAttempt
from lab.record.flows import Flow
from lab.units import Lasting


@dataclass(frozen=True, kw_only=True, slots=True)
class ServerFreeze(Fault):
    """The server's process stands still; its kernel goes on acknowledging.

    A probe that is due meanwhile is never sent: it fails with ``server-frozen``. A call whose BYE is due meanwhile also
    fails so, if the server goes on more than a second later. What the client sends waits until the server goes on:
    requests are answered then; an answer to a probe is too late then if ``within`` has passed.
    """

    class Proof(msgspec.Struct, frozen=True, kw_only=True):
        """True if the kernel says that the process is stopped."""

        stopped: bool

    order = 90
    holds = STANDS_STILL
    causes = (CauseKind("server-froze", "Fault: the server's process stood still."),)

    lasts: Lasting

    async def begin(self, number: int, cell: RunningCell) -> ActiveFault:
        """See `Fault`."""

        def thaw() -> None:
            cell.thaw_server()

        return ActiveFault(proof=self.Proof(stopped=await cell.freeze_server()), end=thaw)

    def missing(self, seen: Occurrence[Proof]) -> str:
        """See `Fault`."""
        return "" if seen.proof.stopped else "its process was not stopped"

    def blocks(self, seen: Occurrence[Proof], probe: ProbeAttempt, flow: Flow | None) -> bool:
        """See `Fault`."""
        return True

    def words(self) -> str:
        """See `Fault`."""
        return "the server froze"

    def _unread(self, seen: Occurrence[Proof], lost: LostProbe) -> int | None:
        """Return the line of a packet of the client's that waited, for a probe that was given up after the freeze."""
        probe, last = lost.probe, seen.evidence.cell.topology.server_link().name
        if probe.reason != "timeout" or probe.known_s < seen.over:
            return None
        for entry in packets_of(seen.evidence, lost.flow):
            here = entry.event.link == last and entry.event.from_ != seen.evidence.server
            if here and entry.event.payload > 0 and max(seen.at, probe.asked_s) <= entry.t <= seen.over:
                return entry.line
        return None

    def impact(self, seen: Occurrence[Proof], lost: LostProbe) -> FaultImpact | None:
        """See `Fault`. Its link shows that it was asked something meanwhile, but not by what method."""
        if lost.probe.reason == "server-frozen":
            stood = seen.at <= lost.probe.known_s and lost.probe.asked_s <= seen.over
            return FaultImpact(since_s=seen.at) if stood else None
        if (unread := self._unread(seen, lost)) is not None:
            return FaultImpact(since_s=seen.at, evidence=(unread,), words=", and read the answer too late")
        last = seen.evidence.cell.topology.server_link().name
        asked = [
            entry.t
            for entry in packets_of(seen.evidence, lost.flow, seen.at, seen.over)
            if entry.event.link == last and entry.event.from_ != seen.evidence.server and entry.event.payload > 0
        ]
        if lost.asked_again_s is not None and seen.at <= lost.asked_again_s <= seen.over:
            asked.append(lost.asked_again_s)
        in_vain = harm_of_silence(seen, lost, since=min(asked), methods=None) if asked else None
        return in_vain or self._harm_of_no_keep_alives(seen, lost)

    def _harm_of_no_keep_alives(self, seen: Occurrence[Proof], lost: LostProbe) -> FaultImpact | None:
        """Return the harm of keep-alives that the server did not send, if a mapping ended for want of them."""
        of_server = [one for one in seen.evidence.cell.strategy.mitigations if one.side == "server"]
        every = [float(one.interval) for one in of_server if hasattr(one, "interval")]
        if not seen.evidence.has(KeepAlive) or not every or seen.over - seen.at < min(every):
            return None
        ended = seen.evidence.lost_mappings(lost.flow, lost.probe.asked_s, lost.probe.known_s)
        if any(seen.at + AT_ONCE_S < entry.t <= seen.over for entry in ended):
            return FaultImpact(since_s=seen.at, words=" and did not send its keep-alives")
        return None
