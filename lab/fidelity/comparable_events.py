"""Compares the events of two runs of the same cell.

A moment is an event without what is drawn by chance (ports, ids, tags) and without packets, whose retransmissions and
acknowledgements depend on the machine's mood; what packets cause is there as events.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from lab.record.entry import Entry
from lab.record.events import (
    SENTINEL_PORT,
    Aborted,
    Binding,
    ClientCall,
    ClientSubscription,
    ClientTransport,
    Event,
    FaultBegan,
    FaultEnded,
    KeepAlive,
    Mapping,
    MessageReceived,
    NotifyReceived,
    OptionsAnswer,
    Probe,
    ProbeBranch,
    Registration,
    Request,
    RunEnded,
    SentinelChallenged,
    SentinelOpened,
    SentinelOutcome,
    ServerFlow,
    ServerSubscription,
)

_TOLD: dict[type[Event], tuple[str, tuple[str, ...]]] = {
    ClientTransport: ("client transport", ("state", "reason")),
    ClientSubscription: ("client subscription", ("state",)),
    Registration: ("client registration", ("code",)),
    NotifyReceived: ("client notify", ("note",)),
    OptionsAnswer: ("client options-answer", ("code",)),
    ClientCall: ("client call", ("state",)),
    MessageReceived: ("client message", ("text",)),
    Aborted: ("client aborted", ("how",)),  # a server's ends the cell
    ServerFlow: ("server flow", ("id", "state")),
    Request: ("server request", ("method",)),
    ServerSubscription: ("server subscription", ("id", "state")),
    Binding: ("server binding", ("state",)),
    Probe: ("server probe", ("probe", "state")),
    ProbeBranch: ("server probe-branch", ("probe", "branch", "state")),
    KeepAlive: ("server keep-alive", ("kind", "state")),
    Mapping: ("middlebox mapping", ("proto", "state")),
    SentinelOpened: ("sentinel established", ("flow",)),
    SentinelChallenged: ("sentinel sent", ("flow",)),
    SentinelOutcome: ("sentinel", ("flow", "state")),
    FaultBegan: ("runner fault", ("fault",)),
    FaultEnded: ("runner fault-over", ("fault",)),
}
"""Events that are moments: what their names begin with, and the fields that belong to the names."""


GIVEN_UP = "Connection timed out"
"""How the name of a moment ends at which the kernel gave a connection up: strerror(ETIMEDOUT)."""

TIMER_SHARE = 1 / 8
"""By how much of its length a kernel's timer may be late: the wheel it hangs on has slots of an eighth of that
(kernel/time/timer.c). With HZ 250 a keep-alive after 25 s has slots of 2 s, with the guest's HZ 100 of 0.6 s."""


@dataclass(frozen=True, slots=True)
class ComparableEvent:
    """Something that happened, by a name that does not change from run to run.

    Attributes:
        t: seconds after the client fell silent.
        name: ``client transport destroyed idle-timer``.
    """

    t: float
    name: str


@dataclass(frozen=True, slots=True)
class Difference:
    """A moment that two runs do not share; None: it did not happen in that run."""

    name: str
    first_s: float | None
    second_s: float | None


def moments(entries: Iterable[Entry[Event]]) -> list[ComparableEvent]:
    """Return the moments of a record's silence, until its end, in time order."""
    found = []
    for entry in entries:
        if isinstance(entry.event, RunEnded):
            break
        if type(entry.event) in _TOLD and entry.t >= 0 and not _is_sentinels(entry.event):
            found.append(ComparableEvent(entry.t, _name(entry)))
    return found


def _name(entry: Entry[Event]) -> str:
    begins, fields = _TOLD[type(entry.event)]
    node = [entry.who] if isinstance(entry.event, Mapping) else []
    values = (getattr(entry.event, field) for field in fields)
    return " ".join([begins, *node, *(str(value) for value in values if value not in (None, ""))])


def _is_sentinels(event: Event) -> bool:
    """Return whether it is a mapping of the sentinel's, whose age depends on how long the actors took to start."""
    return isinstance(event, Mapping) and event.remote.port == SENTINEL_PORT


def differences(
    first: Sequence[ComparableEvent], second: Sequence[ComparableEvent], *, within: float, ends: float = float("inf")
) -> list[Difference]:
    """Return events that one run lacks, or that are more than ``within`` seconds apart; n-th of a name with n-th.

    What one run lacks and the other has no later than ``within``, or no earlier than that before the end, may have
    happened just before the silence there, or just after the end. Once a kernel has given a connection up, what follows
    may lie as far apart as kernels' timers do (``TIMER_SHARE``).

    Args:
        first: moments of one run, in time order.
        second: those of the other.
        within: seconds.
        ends: when both runs end, in seconds.
    """
    given_up = min((one.t for one in (*first, *second) if one.name.endswith(GIVEN_UP)), default=float("inf"))
    return [
        Difference(name, a, b)
        for name, a, b in _pairs(first, second, within)
        if not _same(a, b, max(within, TIMER_SHARE * given_up) if max(a or 0.0, b or 0.0) >= given_up else within, ends)
    ]


def _same(a: float | None, b: float | None, within: float, ends: float) -> bool:
    if a is None or b is None:
        return not within < (a or b or 0.0) < ends - within
    return abs(a - b) <= within


def furthest_apart(first: Sequence[ComparableEvent], second: Sequence[ComparableEvent], *, within: float) -> float:
    """Return the largest time between an event and its counterpart, in seconds; events without one do not count.

    Args:
        first: moments of one run, in time order.
        second: those of the other.
        within: as in `differences`.
    """
    pairs = _pairs(first, second, within)
    return max((abs(a - b) for _, a, b in pairs if a is not None and b is not None), default=0.0)


def _pairs(
    first: Sequence[ComparableEvent], second: Sequence[ComparableEvent], within: float
) -> Iterator[tuple[str, float | None, float | None]]:
    times: dict[str, tuple[list[float], list[float]]] = defaultdict(lambda: ([], []))
    for side, run in enumerate((first, second)):
        for moment in run:
            times[moment.name][side].append(moment.t)
    for name, (ours, theirs) in times.items():
        for a, b in _side_by_side(ours, theirs, within):
            yield name, a, b


def _side_by_side(ours: list[float], theirs: list[float], within: float) -> Iterator[tuple[float | None, float | None]]:
    """Pair the n-th with the n-th, except what one run has just after its silence began and the other just before."""
    ours, theirs = ours[::-1], theirs[::-1]  # so that pop() takes the first
    while ours or theirs:
        a, b = ours[-1] if ours else None, theirs[-1] if theirs else None
        if a is not None and a <= within and (b is None or b > a + within):
            b = None
        elif b is not None and b <= within and (a is None or a > b + within):
            a = None
        if a is not None:
            ours.pop()
        if b is not None:
            theirs.pop()
        yield a, b
