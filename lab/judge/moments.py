"""The moments of a record that two runs of the same cell must share, and how two runs differ.

A moment is an event without what is drawn by chance (ports, ids, tags) and without packets, whose retransmissions and
acknowledgements depend on the machine's mood; what packets cause is there as events.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from lab.judge.metrics import SENTINEL_PORT
from lab.judge.story import Line

_TOLD: dict[tuple[str, str], tuple[str, ...]] = {
    ("client", "transport"): ("state", "reason"),
    ("client", "subscription"): ("state",),
    ("client", "registration"): ("code",),
    ("client", "notify"): ("note",),
    ("client", "options-answer"): ("code",),
    ("client", "call"): ("state",),
    ("client", "message"): ("text",),
    ("client", "aborted"): ("how",),
    ("server", "flow"): ("id", "state"),
    ("server", "request"): ("method",),
    ("server", "subscription"): ("id", "state"),
    ("server", "binding"): ("state",),
    ("server", "probe"): ("probe", "state"),
    ("server", "keep-alive"): ("kind", "state"),
    ("middlebox", "mapping"): ("node", "proto", "state"),
    ("sentinel", "sentinel"): ("flow", "state"),
    ("runner", "fault"): ("fault",),
    ("runner", "fault-over"): ("fault",),
}
"""Events that are moments, with the fields that belong to their names."""


GIVEN_UP = "Connection timed out"
"""How the name of a moment ends at which the kernel gave a connection up: strerror(ETIMEDOUT)."""

TIMER_SHARE = 1 / 8
"""By how much of its length a kernel's timer may be late: the wheel it hangs on has slots of an eighth of that
(kernel/time/timer.c). With HZ 250 a keep-alive after 25 s has slots of 2 s, with the guest's HZ 100 of 0.6 s."""


@dataclass(frozen=True, slots=True)
class Moment:
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


def moments(lines: Iterable[Line]) -> list[Moment]:
    """The moments of a record's silence, until its end, in time order."""
    found = []
    for line in lines:
        if line["ev"] == "end" and line["who"] == "runner":
            break
        fields = _TOLD.get((line["who"], line["ev"]))
        if fields is not None and line["t"] >= 0 and not _sentinels(line):
            words = (line["who"], line["ev"], *(str(line.get(field, "")) for field in fields))
            found.append(Moment(float(line["t"]), " ".join(word for word in words if word)))
    return found


def _sentinels(line: Line) -> bool:
    """A mapping of the sentinel's, which is as old as the start of the actors took: that is the machine's mood, too."""
    return line["ev"] == "mapping" and str(line.get("remote", "")).endswith(f":{SENTINEL_PORT}")


def differences(first: Sequence[Moment], second: Sequence[Moment], *, within: float) -> list[Difference]:
    """The moments one run lacks, or that lie further apart than ``within`` seconds; n-th of a name with n-th.

    What one run lacks and the other has no later than ``within`` may have happened just before the silence there. Once
    a kernel has given a connection up, what follows may lie as far apart as kernels' timers do (``TIMER_SHARE``).
    """
    given_up = min((one.t for one in (*first, *second) if one.name.endswith(GIVEN_UP)), default=float("inf"))
    return [
        Difference(name, a, b)
        for name, a, b in _pairs(first, second)
        if not _same(a, b, max(within, TIMER_SHARE * given_up) if max(a or 0.0, b or 0.0) >= given_up else within)
    ]


def _same(a: float | None, b: float | None, within: float) -> bool:
    if a is None or b is None:
        return (a or b or 0.0) <= within
    return abs(a - b) <= within


def furthest_apart(first: Sequence[Moment], second: Sequence[Moment]) -> float:
    """The largest time between a moment and its counterpart, in seconds; moments without one do not count."""
    return max((abs(a - b) for _, a, b in _pairs(first, second) if a is not None and b is not None), default=0.0)


def _pairs(first: Sequence[Moment], second: Sequence[Moment]) -> Iterable[tuple[str, float | None, float | None]]:
    times: dict[str, tuple[list[float], list[float]]] = defaultdict(lambda: ([], []))
    for side, run in enumerate((first, second)):
        for moment in run:
            times[moment.name][side].append(moment.t)
    for name, (ours, theirs) in times.items():
        for number in range(max(len(ours), len(theirs))):
            yield name, _nth(ours, number), _nth(theirs, number)


def _nth(times: list[float], number: int) -> float | None:
    return times[number] if number < len(times) else None
