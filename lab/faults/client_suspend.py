"""Suspends the client, as a phone's system does with an app in the background."""

from __future__ import annotations

from dataclasses import dataclass

import msgspec

from lab.faults._asleep import CLIENT_ASLEEP, harm_of_sleep, sent_meanwhile, stood_still, waits_unread
from lab.faults._sleep import Sleep
from lab.faults.base import ActiveFault, Fault, FaultImpact, LostProbe, Occurrence, RunningCell
from lab.model.verdict import CauseKind
from lab.record.evidence import ProbeAttempt
from lab.record.flows import Flow
from lab.units import Lasting, Seconds


@dataclass(frozen=True, kw_only=True, slots=True)
class ClientSuspend(Fault):
    """The system suspends the client: its process stands still, and the kernel under it goes on.

    The kernel acknowledges what arrives, keeps connections open and answers TCP keep-alive probes. The client itself
    sends nothing, and its timers do not fire. It reads what has arrived when it goes on; what it does then about
    timers that have run out meanwhile is its own affair, and the record shows it.

    Attributes:
        lasts: None: until the end of the run.
        awake: data that arrives wakes the client for this long after the last of it, as when a radio wakes the
            processor; None: data does not wake it.
        pushed: a push message wakes the client for this long, and for as long again while it has a call; 0 s: none
            does, and a push waits until the client runs. 30 s is what iOS gives an app (Apple:
            ``application(_:didReceiveRemoteNotification:fetchCompletionHandler:)``).
    """

    class Proof(msgspec.Struct, frozen=True, kw_only=True):
        """True if the kernel says that the client's process is stopped."""

        stopped: bool

    order = 48
    holds = CLIENT_ASLEEP
    of_device = True
    causes = (CauseKind("client-suspended", "Fault: the client's process stood still, as a suspended app does."),)

    lasts: Lasting | None = None
    awake: Lasting | None = None
    pushed: Seconds = Seconds(30)

    async def begin(self, number: int, cell: RunningCell) -> ActiveFault:
        """See `Fault`."""
        stopped = cell.suspend_client()
        sleep = Sleep(cell, awake=self.awake, pushed=self.pushed)
        return ActiveFault(proof=self.Proof(stopped=stopped), end=sleep.end)

    def missing(self, seen: Occurrence[Proof]) -> str:
        """See `Fault`. What the kernel repeats is no new data."""
        if not seen.proof.stopped:
            return "its process was not stopped"
        return sent_meanwhile(seen, stood_still(seen), anything=False)

    def blocks(self, seen: Occurrence[Proof], probe: ProbeAttempt, flow: Flow | None) -> bool:
        """See `Fault`. A client that has been woken may answer."""
        return any(since < probe.sent_s and probe.known_s < until for since, until in stood_still(seen))

    def words(self) -> str:
        """See `Fault`."""
        return "the system suspended the client"

    def impact(self, seen: Occurrence[Proof], lost: LostProbe) -> FaultImpact | None:
        """See `Fault`."""
        arrived = None if self.awake is not None else waits_unread(seen, lost, stood_still(seen))
        if arrived is not None:
            return FaultImpact(since_s=seen.at, evidence=(arrived.line,), words=", and it read the request too late")
        return harm_of_sleep(seen, lost)
