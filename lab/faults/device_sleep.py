"""Lets the client's device sleep: its app stands still, and its radio sleeps or is off."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import msgspec

from lab.faults._asleep import CLIENT_ASLEEP, harm_of_sleep, sent_meanwhile, stood_still, waits_unread
from lab.faults._losses import harm_of_losses
from lab.faults._radio import Radio
from lab.faults._sleep import Sleep
from lab.faults.base import ActiveFault, Fault, FaultImpact, Infeasible, LostProbe, Occurrence, RunningCell
from lab.model.radio import NETWORKS
from lab.model.scenario import Cell
from lab.model.verdict import CauseKind
from lab.record.entry import Entry
from lab.record.events import SENTINEL_PORT, ClientRadio, Packet
from lab.record.evidence import BEFORE_S, ProbeAttempt
from lab.record.flows import Flow
from lab.units import Lasting, Seconds

_CHAINS = 2
"""Rules of a device whose radio is off: one for what it sends, one for what it is sent."""
_EARLY_S = 0.1
"""A radio that is paged wakes this much early at most: the clocks of timers and of packets differ by less."""


@dataclass(frozen=True, kw_only=True, slots=True)
class DeviceSleep(Fault):
    """The device sleeps: the client's process stands still, and its radio sleeps or is off.

    The radio is connected when the fault begins, and sleeps once nothing has passed for the inactivity timer of the
    scenario's cellular network (`radio`). The first packet down then waits until the radio has been paged and has its
    connection back; those that follow meanwhile wait with it. The kernel under the process acknowledges what arrives.

    Attributes:
        lasts: None: until the end of the run.
        awake: data that arrives wakes the client for this long after the last of it; None: data does not wake it.
        pushed: a push message wakes the client for this long, and for as long again while it has a call; 0 s: none
            does. 30 s is what iOS gives an app (Apple:
            ``application(_:didReceiveRemoteNotification:fetchCompletionHandler:)``).
        paging: from the first packet that waits until packets pass; None: half a paging cycle and the promotion of the
            scenario's network, 2.64 s for `umts`, 0.9 s for `lte` and `nr` (sources in ``lab.model.radio``).
        radio_off: nothing passes, as in aeroplane mode, in a lift, or while a computer sleeps.
    """

    class Proof(msgspec.Struct, frozen=True, kw_only=True):
        """The client's node in the kernel, at the beginning.

        Attributes:
            stopped: whether the client's process is stopped.
            rules: how many rules keep it from its network.
        """

        stopped: bool
        rules: int

    order = 49
    holds = CLIENT_ASLEEP
    of_device = True
    needs_radio = True
    causes = (CauseKind("device-slept", "Fault: the device slept, its app and its radio with it."),)

    lasts: Lasting | None = None
    awake: Lasting | None = None
    pushed: Seconds = Seconds(30)
    paging: Lasting | None = None
    radio_off: bool = False

    def infeasible(self, cell: Cell) -> Infeasible | None:
        """See `Fault`."""
        for key in ("awake", "paging"):
            if self.radio_off and getattr(self, key) is not None:
                what = "nothing comes while the radio is off"
                return Infeasible(what=what, allowed="leave it out, or `radio-off`", key=key)
        return None

    async def begin(self, number: int, cell: RunningCell) -> ActiveFault:
        """See `Fault`."""
        rules = cell.block_client() if self.radio_off else 0
        proof = self.Proof(stopped=cell.suspend_client(), rules=rules)
        sleep = Sleep(cell, awake=self.awake, pushed=0.0 if self.radio_off else self.pushed)
        if self.radio_off:
            return ActiveFault(proof=proof, end=_both(sleep.end, cell.unblock_client))
        network = NETWORKS[cell.cell.radio]
        paging = network.paging_s if self.paging is None else float(self.paging)
        radio = Radio(cell, tail=network.inactivity_s, paging=paging)
        return ActiveFault(proof=proof, end=_both(sleep.end, radio.end))

    def missing(self, seen: Occurrence[Proof]) -> str:
        """See `Fault`. What the kernel repeats is no new data."""
        if not seen.proof.stopped:
            return "its process was not stopped"
        if self.radio_off and seen.proof.rules < _CHAINS:
            return f"{seen.proof.rules} rules in place instead of {_CHAINS}"
        if not self.radio_off and (early := next(self._unpaged(seen), None)) is not None:
            return f"a packet came at {early.t:.1f} s to a radio that slept"
        return sent_meanwhile(seen, stood_still(seen), anything=self.radio_off)

    def _unpaged(self, seen: Occurrence[Proof]) -> Iterator[Entry[Packet]]:
        """Find packets to the client that came after a silence in which its radio must have fallen asleep.

        No page, with its delay, had woken it.
        """
        evidence, network = seen.evidence, NETWORKS[seen.evidence.cell.radio]
        paging = network.paging_s if self.paging is None else float(self.paging)
        links = {link.name for link in evidence.cell.topology.client_links()}
        paged = [entry.t for entry in evidence.of(ClientRadio, state="paged")]
        last = seen.at
        for entry in evidence.between(Packet, seen.at, seen.over):
            packet = entry.event
            if packet.link not in links or SENTINEL_PORT in (packet.src.port, packet.dst.port):
                continue
            slept = entry.t - last > network.inactivity_s + _LATE_S
            if slept and packet.from_ != evidence.client:
                before = bisect_right(paged, entry.t - paging + _EARLY_S)
                if before == 0 or paged[before - 1] < last:
                    yield entry
            last = entry.t

    def blocks(self, seen: Occurrence[Proof], probe: ProbeAttempt, flow: Flow | None) -> bool:
        """See `Fault`. A client that has been woken may answer."""
        return any(since < probe.sent_s and probe.known_s < until for since, until in stood_still(seen))

    def words(self) -> str:
        """See `Fault`."""
        return f"the device began to sleep{', its radio off,' if self.radio_off else ''}"

    def impact(self, seen: Occurrence[Proof], lost: LostProbe) -> FaultImpact | None:
        """See `Fault`."""
        if self.radio_off:
            links = {link.name for link in seen.evidence.cell.topology.client_links()}
            harm = harm_of_losses(seen, lost, lambda packet: packet.link in links)
            if harm is not None:
                return replace(harm, since_s=seen.at, words=harm.words or ", and packets did not get to it")
            return harm_of_sleep(seen, lost)

        arrived = waits_unread(seen, lost, stood_still(seen)) if self.awake is None else None
        if arrived is not None:
            return FaultImpact(since_s=seen.at, evidence=(arrived.line,), words=", and it read the request too late")
        for paged in seen.evidence.between(
            ClientRadio, lost.probe.asked_s - BEFORE_S, lost.probe.known_s, state="paged"
        ):
            if seen.at <= paged.t <= seen.over and lost.probe.unreached:
                words = ", and the request came late to a radio that had to be paged"
                return FaultImpact(since_s=seen.at, evidence=(paged.line,), words=words)
        return harm_of_sleep(seen, lost)


def _both(first: Callable[[], object], second: Callable[[], int | None]) -> Callable[[], int | None]:
    """Return what does both, and returns what the second does."""

    def end() -> int | None:
        first()
        return second()

    return end


_LATE_S = 1.0
"""The radio falls asleep this much late at most: the lab's timers are late on a busy machine."""
