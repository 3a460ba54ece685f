"""Dozes, as an Android device does that lies still: no network for apps but in maintenance windows."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import msgspec

from lab.faults._asleep import CLIENT_ASLEEP, harm_of_sleep, sent_meanwhile, was_blocked
from lab.faults._losses import harm_of_losses
from lab.faults.base import ActiveFault, Fault, FaultImpact, LostProbe, Occurrence, RunningCell, occurrences
from lab.model.push import PushPriority
from lab.model.verdict import CauseKind
from lab.network.reclaimed_sockets import Reclaimed, reclaim
from lab.record.events import SENTINEL_PORT, ServerFlow
from lab.record.evidence import BEFORE_S, ProbeAttempt
from lab.record.flows import Flow
from lab.units import Lasting, Seconds

GROWS = 2
"""``idle_factor`` and ``light_idle_factor`` of Android."""

_CHAINS = 2
"""Rules of a blocked app: one for what it sends, one for what it is sent."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Doze(Fault):
    """The device dozes: the app has no network but in maintenance windows, which come ever more seldom.

    Between windows the kernel refuses what the app sends (the call fails with EPERM) and drops what arrives for it,
    acknowledgements too. The defaults are those of Android's light Doze; its deep Doze has `first: 1 h`,
    `longest: 6 h`, `window: 5 min` (``DeviceIdleController`` of the Android Open Source Project, of 2022:
    ``light_idle_to``, ``light_max_idle_to``, ``light_idle_maintenance_min_budget``, ``light_idle_factor``; without
    ``light_`` for deep Doze, and ``idle_pending_to``). A device lets the length of a window vary; here all are equal.

    Attributes:
        first: from the beginning to the first window.
        longest: the longest time without network; until it is reached each is twice as long as the one before.
        window: how long a window is.
        suspends: whether the app's process stands still, too, between windows; an app that holds a wake lock which
            the system still honours runs on.
        closes_sockets: whether the system takes the app's sockets at the beginning of each time without network, as
            Android does from 7 on (Android Open Source Project, frameworks/base, commit 4cb4240b): the app's next call
            on each fails with ECONNABORTED, and the server gets RST.
        pushed: a push message of high priority opens a window for this long, and for as long again while the app has a
            call; one of normal priority waits for a maintenance window (Firebase: "Set the priority of a message").
            30 s is what Android gives an app for a notification (``notification_allowlist_duration_ms``).
        lasts: None: until the end of the run.
    """

    class Proof(msgspec.Struct, frozen=True, kw_only=True):
        """The client's node in the kernel, at the beginning.

        Attributes:
            rules: how many rules keep the app from its network.
            stopped: whether its process is stopped.
            taken: how many of its sockets the system has taken.
            left: how many are there as before.
        """

        rules: int
        stopped: bool
        taken: int = 0
        left: int = 0

    order = 49
    holds = CLIENT_ASLEEP
    of_device = True
    causes = (CauseKind("device-dozed", "Fault: the device dozed, and the app had no network."),)

    first: Lasting = Seconds(300)
    longest: Lasting = Seconds(900)
    window: Lasting = Seconds(60)
    suspends: bool = True
    closes_sockets: bool = False
    pushed: Lasting = Seconds(30)
    lasts: Lasting | None = None

    async def begin(self, number: int, cell: RunningCell) -> ActiveFault:
        """See `Fault`."""
        dozing = _Dozing(self, cell)
        return ActiveFault(proof=dozing.sleep(), end=dozing.end)

    def missing(self, seen: Occurrence[Proof]) -> str:
        """See `Fault`."""
        if seen.proof.rules < _CHAINS:
            return f"{seen.proof.rules} rules in place instead of {_CHAINS}"
        if self.suspends and not seen.proof.stopped:
            return "its process was not stopped"
        if self.closes_sockets and (seen.proof.left or (not seen.proof.taken and not _closed_before(seen))):
            return f"of the client's sockets {seen.proof.taken} were taken, and {seen.proof.left} are as before"
        return sent_meanwhile(seen, was_blocked(seen), anything=True)

    def blocks(self, seen: Occurrence[Proof], probe: ProbeAttempt, flow: Flow | None) -> bool:
        """See `Fault`. A probe may be answered in a window."""
        return any(since < probe.sent_s and probe.known_s < until for since, until in was_blocked(seen))

    def words(self) -> str:
        """See `Fault`."""
        return "the device began to doze"

    def impact(self, seen: Occurrence[Proof], lost: LostProbe) -> FaultImpact | None:
        """See `Fault`."""
        links = {link.name for link in seen.evidence.cell.topology.client_links()}
        for since, until in was_blocked(seen):
            spell = replace(seen, began=replace(seen.began, t=since), over=until)
            lost_then = harm_of_losses(spell, lost, lambda packet: packet.link in links)
            if lost_then is not None:
                return replace(
                    lost_then, since_s=seen.at, words=lost_then.words or ", and packets did not get to the app"
                )
        return self._harm_of_closing(seen, lost) or harm_of_sleep(seen, lost)

    def _harm_of_closing(self, seen: Occurrence[Proof], lost: LostProbe) -> FaultImpact | None:
        """Return the harm of sockets that the system took: the probe's flow was there before."""
        if not self.closes_sockets:
            return None
        for since, _ in was_blocked(seen):
            older = any(entry.t < since for entry in seen.evidence.of(ServerFlow, id=lost.flow.id))
            if older and since <= lost.probe.asked_s:
                words = ", and the system closed the app's sockets"
                return FaultImpact(since_s=since - BEFORE_S, words=words)  # RST leaves before the rules are there
        return None


def _closed_before(seen: Occurrence[Doze.Proof]) -> bool:
    """Return whether another Doze that closes sockets went before, as light Doze before deep; it has left none."""
    return any(
        isinstance(fault, Doze) and fault.closes_sockets and earlier.at < seen.at
        for fault, earlier in occurrences(seen.evidence)
    )


def times_without_network(doze: Doze) -> Iterator[float]:
    """Return how long each time without network is, in seconds, the first first, without end."""
    now = float(doze.first)
    while True:
        yield min(now, float(doze.longest))
        now = min(GROWS * now, float(doze.longest))


class _Dozing:
    """Takes the network from the app and gives it back, by the clock."""

    def __init__(self, doze: Doze, cell: RunningCell) -> None:
        self._doze = doze
        self._cell = cell
        self._without = times_without_network(doze)
        self._dropped = 0
        self._asleep = False
        self._loop = asyncio.get_running_loop()
        self._due = self._loop.time()
        self._next: asyncio.TimerHandle | None = None
        self._push_window: asyncio.TimerHandle | None = None
        self._pushes = cell.watch_pushes(self._takes_push)

    def sleep(self) -> Doze.Proof:
        """Begin a time without network; return its proof."""
        proof = self._fall_asleep()
        self._then(next(self._without), self._open)
        return proof

    def _fall_asleep(self) -> Doze.Proof:
        self._close_push_window()
        stopped = self._doze.suspends and self._cell.suspend_client()
        taken = Reclaimed(0, 0, 0)
        if self._doze.closes_sockets:  # before it loses the network, so that the server is told
            taken = reclaim(self._cell.namespaces[self._cell.client_node], spared=SENTINEL_PORT)
        rules = self._cell.block_client()
        self._asleep = True
        return Doze.Proof(rules=rules, stopped=stopped, taken=taken.tcp + taken.udp, left=taken.left)

    def _open(self) -> None:
        self._close_push_window()
        self._wake()
        self._pushes.offer_again()
        self._then(float(self._doze.window), self.sleep)

    def _then(self, after: float, act: Callable[[], object]) -> None:
        """Do something when so much time has passed since the last thing was due, however late that came."""
        self._due += after
        self._next = self._loop.call_at(self._due, act)

    def _takes_push(self, priority: PushPriority) -> bool:
        in_push_window = self._push_window is not None
        if self._asleep and priority is PushPriority.NORMAL:
            return False
        if (self._asleep or in_push_window) and priority is PushPriority.HIGH:
            self._close_push_window()
            self._push_window = self._loop.call_later(self._doze.pushed, self._push_window_over)
            self._wake()
        return True

    def _push_window_over(self) -> None:
        self._push_window = None
        if self._cell.in_call():
            self._push_window = self._loop.call_later(self._doze.pushed, self._push_window_over)
        else:
            self._fall_asleep()

    def _close_push_window(self) -> None:
        if self._push_window is not None:
            self._push_window.cancel()
            self._push_window = None

    def _wake(self) -> None:
        if not self._asleep:
            return
        self._asleep = False
        self._dropped += self._cell.unblock_client()
        if self._doze.suspends:
            self._cell.resume_client()

    def end(self) -> int:
        """Give the network back for good; return how many packets were refused and dropped."""
        if self._next is not None:
            self._next.cancel()
        self._close_push_window()
        self._wake()
        self._pushes.end()
        return self._dropped
