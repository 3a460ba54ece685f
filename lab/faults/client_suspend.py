"""Suspends the client, as a phone's system does with an app in the background."""

from __future__ import annotations

import asyncio
from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from math import inf

import msgspec

from lab.faults._flows import AT_ONCE_S
from lab.faults._losses import packets_of
from lab.faults._requests import expired
from lab.faults.base import ActiveFault, Fault, FaultImpact, LostProbe, Occurrence, RunningCell
from lab.model.verdict import CauseKind
from lab.record.entry import Entry
from lab.record.events import ENDED_AT_SERVER, ClientProcess, Event, Packet, ServerFlow
from lab.record.evidence import BEFORE_S, Evidence, ProbeAttempt
from lab.record.flows import Flow
from lab.units import Lasting

CLIENT_STANDS_STILL = "the client stands still"
"""A state of the client (`Fault.holds`) in which it reads and sends nothing."""


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
    """

    class Proof(msgspec.Struct, frozen=True, kw_only=True):
        """True if the kernel says that the client's process is stopped."""

        stopped: bool

    order = 48
    holds = CLIENT_STANDS_STILL
    of_device = True
    causes = (CauseKind("client-suspended", "Fault: the client's process stood still, as a suspended app does."),)

    lasts: Lasting | None = None
    awake: Lasting | None = None

    async def begin(self, number: int, cell: RunningCell) -> ActiveFault:
        """See `Fault`."""
        stopped = cell.suspend_client()
        if self.awake is None:
            return ActiveFault(proof=self.Proof(stopped=stopped), end=cell.resume_client)
        waking = _Waking(cell, float(self.awake))
        return ActiveFault(proof=self.Proof(stopped=stopped), end=waking.end)

    def missing(self, seen: Occurrence[Proof]) -> str:
        """See `Fault`. What the kernel repeats is no new data."""
        if not seen.proof.stopped:
            return "its process was not stopped"
        for since, until in stood_still(seen):
            if (sent := _new_data(seen.evidence, since + AT_ONCE_S, until - BEFORE_S)) is not None:
                return f"the client sent something at {sent.t:.1f} s"
        return ""

    def blocks(self, seen: Occurrence[Proof], probe: ProbeAttempt, flow: Flow | None) -> bool:
        """See `Fault`. A client that data wakes may answer."""
        return self.awake is None

    def words(self) -> str:
        """See `Fault`."""
        return "the system suspended the client"

    def impact(self, seen: Occurrence[Proof], lost: LostProbe) -> FaultImpact | None:
        """See `Fault`."""
        return self._unread(seen, lost) or _not_kept(seen, lost)

    def _unread(self, seen: Occurrence[Proof], lost: LostProbe) -> FaultImpact | None:
        """Return the harm to a probe that arrived and waited: its first packet on the client's link shows it."""
        probe = lost.probe
        if not probe.unreached or self.awake is not None:
            return None
        links = {link.name for link in seen.evidence.cell.topology.client_links()}
        since, until = max(seen.at, probe.asked_s - BEFORE_S), min(seen.over, probe.known_s)
        for entry in packets_of(seen.evidence, lost.flow, since, until):
            here = entry.event.link in links and entry.event.from_ != seen.evidence.client
            if here and entry.event.payload > 0:
                return FaultImpact(since_s=seen.at, evidence=(entry.line,), words=", and it read the request too late")
        return None


class _Waking:
    """Lets a suspended client go on while data comes in, and suspends it again when none has come for a time.

    Args:
        cell: the running cell; its client stands still.
        awake: for how many seconds it stays awake after the last data.
    """

    def __init__(self, cell: RunningCell, awake: float) -> None:
        self._cell = cell
        self._awake = awake
        self._loop = asyncio.get_running_loop()
        self._since = self._loop.time()
        self._sleeps: asyncio.TimerHandle | None = None
        self._forget = cell.watch_data_for_client(self._hears)

    def _hears(self, at: float) -> None:
        if at < self._since:
            return
        if self._sleeps is None:
            self._cell.resume_client()
        else:
            self._sleeps.cancel()
        self._sleeps = self._loop.call_later(self._awake, self._sleep)

    def _sleep(self) -> None:
        self._sleeps = None
        self._since = self._loop.time()
        self._cell.suspend_client()

    def end(self) -> None:
        """Wake it for good."""
        self._forget()
        if self._sleeps is None:
            self._cell.resume_client()
        else:
            self._sleeps.cancel()


def stood_still(seen: Occurrence[ClientSuspend.Proof]) -> Iterator[tuple[float, float]]:
    """Return the times in which the client's process was stopped by this fault, in their order."""
    changes = list(seen.evidence.between(ClientProcess, seen.at, seen.over))
    for number, entry in enumerate(changes):
        if entry.event.state == "suspended":
            after = changes[number + 1 :]
            yield entry.t, next((later.t for later in after if later.event.state == "resumed"), seen.over)


def _flows(evidence: Evidence) -> list[Flow]:
    ids = {entry.event.id for entry in evidence.of(ServerFlow)}
    return [flow for flow in map(evidence.flows.get, sorted(ids)) if flow is not None]


def _own_data(evidence: Evidence, flow: Flow) -> list[Entry[Packet]]:
    """Return the packets with data that a client's node sent on a flow, in time order; each once."""
    links = {link.name for link in evidence.cell.topology.client_links()}
    return [
        entry
        for entry in packets_of(evidence, flow)
        if entry.event.link in links and entry.event.from_ == evidence.client and entry.event.payload > 0
    ]


def _new_data(evidence: Evidence, since: float, until: float) -> Entry[Packet] | None:
    """Return the first packet with data in a time that is no retransmission of TCP; None: there is none."""
    for flow in _flows(evidence):
        before: set[int | None] = set()
        for entry in _own_data(evidence, flow):
            if since < entry.t < until and (flow.proto == "udp" or entry.event.seq not in before):
                return entry
            before.add(entry.event.seq)
    return None


def _not_kept(seen: Occurrence[ClientSuspend.Proof], lost: LostProbe) -> FaultImpact | None:
    """Return the harm of what the client did not send: its account expired, or what it used to refresh ended."""
    until = seen.over + AT_ONCE_S
    gone: list[Entry[Event]] = [entry for entry in expired(seen, lost) if seen.at + AT_ONCE_S < entry.t <= until]
    if gone:
        return FaultImpact(since_s=seen.at, evidence=(gone[0].line,), words=" and did not renew its account")
    ended: list[Entry[Event]] = [
        *seen.evidence.lost_mappings(lost.flow, lost.probe.asked_s, lost.probe.known_s),
        *(e for e in seen.evidence.of(ServerFlow, id=lost.flow.id) if e.event.state in ENDED_AT_SERVER),
    ]
    ended = [entry for entry in ended if seen.at + AT_ONCE_S < entry.t <= until]
    if not ended or not _used_to_send(seen, lost.flow):
        return None
    first = min(ended, key=lambda entry: entry.t)
    return FaultImpact(since_s=seen.at, evidence=(first.line,), words=" and sent no keep-alive")


def _used_to_send(seen: Occurrence[ClientSuspend.Proof], flow: Flow) -> bool:
    """Return whether the client had sent something by itself on a flow, or has a mitigation that would."""
    evidence = seen.evidence
    if any(one.side == "client" and hasattr(one, "interval") for one in evidence.cell.strategy.mitigations):
        return True
    heard = [entry.t for entry in packets_of(evidence, flow, -inf, seen.at) if entry.event.dst in flow.endpoints]
    for entry in _own_data(evidence, flow):
        before = bisect_left(heard, entry.t - AT_ONCE_S), bisect_right(heard, entry.t)
        if 0 < entry.t < seen.at and before[0] == before[1]:
            return True
    return False
