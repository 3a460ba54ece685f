"""Checks on a cell that ran what must hold once the last fault is over. Pure functions of the record and the outcome.

The client must be reachable at every moment (the cell's verdict, with the probe at its weakest moment), must keep
nothing that a client without faults does not keep, and must not spin.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

from lab.exploration.timeline import Limits, Timeline
from lab.judge.metrics import client_packets
from lab.judge.tolerances import TIMER_F_S
from lab.model.outcome import Outcome
from lab.model.verdict import Verdict
from lab.record.entry import Entry
from lab.record.events import Binding, ClientTransport, Obeyed, ServerSubscription
from lab.record.evidence import Evidence

LEAK, SPIN = "leak", "spin"
"""The breaches besides reachability; a client that is out of reach breaks by the name of the cause."""
HELD = ("active", "refreshed")
"""States of a binding and of a subscription that the server goes by."""
MINUTE_S = 60.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Breach:
    """A part of the invariant that does not hold.

    Attributes:
        cause: the name of the cause for which the client was out of reach; `LEAK` or `SPIN`.
        text: a sentence without a full stop.
        at_s: when, in seconds after time zero; None: not at one moment.
    """

    cause: str
    text: str
    at_s: float | None = None

    @property
    def is_loss(self) -> bool:
        """True if the client was out of reach, which a claim of a scenario can say."""
        return self.cause not in (LEAK, SPIN)


@dataclass(frozen=True, kw_only=True, slots=True)
class Kept:
    """The connections and contacts that are there at the end of a run.

    Attributes:
        connections: the client's transports that should be gone, or are used.
        contacts: bindings and subscriptions that the server holds.
    """

    connections: int
    contacts: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Judgement:
    """The result of one timeline.

    Attributes:
        breach: what does not hold; None: all holds, or it is not known.
        doubt: why it is not known; empty: it is.
        error: what kept the cell from running to its end; empty: nothing did.
        exit_code: of that error.
    """

    breach: Breach | None = None
    doubt: str = ""
    error: str = ""
    exit_code: int = 0


def judgement(evidence: Evidence, outcome: Outcome, timeline: Timeline, limits: Limits, usual: Kept) -> Judgement:
    """Say whether the invariant holds in a cell.

    Args:
        evidence: of the cell.
        outcome: of the cell and its twins.
        timeline: what happened in it.
        limits: what is asked of the client.
        usual: what is there at the end where nothing goes wrong.
    """
    if outcome.verdict in (Verdict.INCONCLUSIVE, Verdict.UNSUPPORTED):
        return Judgement(doubt=outcome.doubt)
    if outcome.verdict is Verdict.FAIL:
        cause = outcome.cause
        if cause is None:
            return Judgement(doubt="a probe was lost, and nothing says why")
        return Judgement(breach=Breach(cause=cause.kind.name, text=cause.text, at_s=cause.at_s))
    return Judgement(breach=_leak(kept(evidence), timeline, usual) or _spin(evidence, limits))


def kept(evidence: Evidence) -> Kept:
    """Return what is there at the end of a cell's run."""
    ends = evidence.ended() or float(evidence.cell.ends)
    return Kept(connections=_connections(evidence, ends), contacts=_contacts(evidence, ends))


def busiest_minute(evidence: Evidence) -> tuple[int, float]:
    """Return how many packets the client sent in its busiest minute, and when the last of them was sent."""
    sent: deque[float] = deque()
    most, when = 0, 0.0
    for entry in client_packets(evidence):
        if entry.event.from_ != evidence.client or entry.t < 0:
            continue
        sent.append(entry.t)
        while sent[0] <= entry.t - MINUTE_S:
            sent.popleft()
        if len(sent) > most:
            most, when = len(sent), entry.t
    return most, when


def _leak(here: Kept, timeline: Timeline, usual: Kept) -> Breach | None:
    if here.connections > usual.connections:
        text = f"the client kept {here.connections} connections, without faults it keeps {usual.connections}"
        return Breach(cause=LEAK, text=text)
    allowed = usual.contacts + len(timeline.faults)
    if here.contacts > allowed:
        text = (
            f"the server held {here.contacts} bindings and subscriptions at the end, without faults {usual.contacts};"
            f" {len(timeline.faults)} faults explain as many more at most"
        )
        return Breach(cause=LEAK, text=text)
    return None


def _spin(evidence: Evidence, limits: Limits) -> Breach | None:
    most, when = busiest_minute(evidence)
    if most <= limits.packets_per_minute:
        return None
    text = f"the client sent {most} packets in the minute before {when:.1f} s, more than {limits.packets_per_minute}"
    return Breach(cause=SPIN, text=text, at_s=round(when, 3))


def _connections(evidence: Evidence, ends: float) -> int:
    """Count the client's transports that began long before the end, or ended long before it, and still exist.

    The last to hold a reference in good faith is a transaction.
    """
    since: dict[str, float] = {}
    for entry in evidence.of(ClientTransport):
        if entry.event.state == "destroyed":
            since.pop(entry.event.id, None)
        elif entry.t <= ends:
            since[entry.event.id] = entry.t
    return sum(1 for t in since.values() if t <= ends - TIMER_F_S)


def _contacts(evidence: Evidence, ends: float) -> int:
    """Count the bindings and subscriptions that the server holds at the end; one that was killed forgot the earlier."""
    forgot = max((one.t for one in evidence.of(Obeyed, do="go-down", forgot=True) if one.t <= ends), default=None)
    kinds: tuple[type[ServerSubscription | Binding], ...] = (ServerSubscription, Binding)
    held = 0
    for kind in kinds:
        last: dict[str, Entry[ServerSubscription | Binding]] = {
            entry.event.id: entry
            for entry in evidence.of(kind)
            if entry.t <= ends and (forgot is None or entry.t > forgot)
        }
        held += sum(1 for one in last.values() if one.event.state in HELD and one.t + float(one.event.expires) > ends)
    return held
