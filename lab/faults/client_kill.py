"""Kills the client's process, as a phone's system does that needs its memory, and lets it be started again."""

from __future__ import annotations

import asyncio
import signal
from dataclasses import dataclass, replace
from math import inf

import msgspec

from lab.faults._asleep import CLIENT_DEAD, harm_of_sleep, sent_meanwhile, was_dead
from lab.faults._flows import AT_ONCE_S, harm_if_older
from lab.faults.base import ActiveFault, Fault, FaultImpact, LostProbe, Occurrence, RunningCell
from lab.model.push import PushPriority
from lab.model.verdict import CauseKind
from lab.record.events import ClientProcess
from lab.record.evidence import ProbeAttempt
from lab.record.flows import Flow
from lab.units import Lasting, Seconds


@dataclass(frozen=True, kw_only=True, slots=True)
class ClientKill(Fault):
    """The system kills the client's process; the user, or a push message, starts the app again.

    The app's state is lost: its connections, timers and subscriptions. What the server knows of it is not: the old
    binding and the old subscription stay until they expire, beside those of the new process. The kernel closes the
    connections of a killed process, so over TCP the server hears of it (FIN or RST), over UDP it does not.

    An app that was suspended when it was killed runs once it is started, until something suspends it again.

    Attributes:
        again: after how long the user starts it; None: no user does.
        pushed: whether a push message starts it; the app gets the push when it runs.
        start_up: from when it is started until it begins to set up its account. 5 s: from there on Android calls a
            cold start excessive (developer.android.com, App startup time).
    """

    class Proof(msgspec.Struct, frozen=True, kw_only=True):
        """The end of the process, as the kernel says: its exit status, negative if a signal ended it."""

        status: int

    order = 50
    holds = CLIENT_DEAD
    of_device = True
    restarts_client = True
    causes = (CauseKind("client-killed", "Fault: the system killed the client's process."),)

    again: Lasting | None = None
    pushed: bool = True
    start_up: Lasting = Seconds(5)

    @property
    def lasts_s(self) -> float:
        """See `Fault`."""
        return float("inf") if self.again is None else float(self.again) + float(self.start_up)

    async def begin(self, number: int, cell: RunningCell) -> ActiveFault:
        """See `Fault`."""
        due = asyncio.get_running_loop().time() + self.lasts_s  # to kill takes a while in a container
        status = cell.kill_client()
        return ActiveFault(proof=self.Proof(status=status), end=_Start(self, cell, due).end)

    def missing(self, seen: Occurrence[Proof]) -> str:
        """See `Fault`. What the kernel repeats is no new data."""
        if seen.proof.status != -signal.SIGKILL:
            return "its process was not killed"
        started = seen.evidence.between(ClientProcess, seen.at, seen.over + AT_ONCE_S, state="started")
        if self.lasts_s - AT_ONCE_S < seen.over - seen.at < inf and not any(started):
            return "it was not started again"
        return sent_meanwhile(seen, was_dead(seen), anything=False)

    def blocks(self, seen: Occurrence[Proof], probe: ProbeAttempt, flow: Flow | None) -> bool:
        """See `Fault`. The app that was started again may answer."""
        return any(since < probe.sent_s and probe.known_s < until for since, until in was_dead(seen))

    def words(self) -> str:
        """See `Fault`."""
        return "the system killed the client"

    def impact(self, seen: Occurrence[Proof], lost: LostProbe) -> FaultImpact | None:
        """See `Fault`. The flow of the dead process is gone; the one that took its place has not come by then."""
        dead = was_dead(seen)
        found = harm_if_older(seen, lost)
        if found is None or not dead:
            return harm_of_sleep(seen, lost)
        started = dead[-1][1]
        if lost.probe.asked_s < started:
            return replace(found, words=", and nothing had started it again")
        return replace(found, words=", and the server still had its old contact")


class _Start:
    """Starts the app again: when it is due, or when a push comes.

    Args:
        fault: says when.
        cell: the running cell; its client is dead.
        due: when the user starts it, unless a push has (the loop's time); infinite: no user does.
    """

    def __init__(self, fault: ClientKill, cell: RunningCell, due: float) -> None:
        self._fault = fault
        self._cell = cell
        self._loop = asyncio.get_running_loop()
        self._due = due
        self._runs = self._over = False
        self._starts: asyncio.TimerHandle | None = None
        self._pushes = cell.watch_pushes(self._takes_push)

    def _takes_push(self, _: PushPriority) -> bool:
        if not self._runs and not self._over and self._fault.pushed and self._starts is None:
            self._starts = self._loop.call_later(float(self._fault.start_up), self._start)
        return self._runs

    def _start(self) -> None:
        self._runs = True
        self._cell.start_client_again()
        self._pushes.offer_again()

    def end(self) -> None:
        """Start it if the user does now and nothing has before; a run that ends earlier leaves it dead.

        The dead get no push.
        """
        self._over = True
        if self._starts is not None:
            self._starts.cancel()
        if not self._runs and self._loop.time() > self._due - _EARLY_S:
            self._start()
        if self._runs:
            self._pushes.end()


_EARLY_S = 0.1
"""A fault that began late ends on time (``lab.runner.faults.ON_TIME_S``, and as much again)."""
