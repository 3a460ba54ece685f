"""Runs cells in several ways and compares the results."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

from lab.backends.base import BackendKind
from lab.engine.cell_run import CellRun
from lab.engine.execute import execute
from lab.engine.run import Run
from lab.engine.run_folder import Watch
from lab.engine.run_request import RunRequest
from lab.errors import LabError
from lab.fidelity.comparable_events import ComparableEvent, Difference, differences, furthest_apart, moments
from lab.model.outcome import Outcome
from lab.model.scenario import Cell, Scenario
from lab.model.verdict import Verdict
from lab.worlds.clock import Clock


class Place(str, Enum):
    """The place where cells run."""

    REAL = "real"
    """Namespaces of the host's kernel."""
    DOCKER = "docker"
    """Containers, on the host's kernel."""
    VIRTUAL = "virtual"
    """A guest's kernel, whose clock skips idle time."""

    @property
    def clock(self) -> Clock:
        """The time that passes there."""
        return Clock.VIRTUAL if self is Place.VIRTUAL else Clock.REAL

    @property
    def backend(self) -> BackendKind:
        """The kind of nodes there."""
        return BackendKind.DOCKER if self is Place.DOCKER else BackendKind.NETNS


@dataclass(frozen=True)
class RunVariant:
    """One way to run cells."""

    place: Place
    server: str

    def __str__(self) -> str:
        return f"{self.place.value}, {self.server}"


@dataclass(frozen=True)
class Observation:
    """The result of a cell in one way.

    Attributes:
        found: verdict and kind of cause, or whose error it was.
        error: what kept the cell from running; empty: nothing did.
        comparable: whether the cell could exist there.
        moments: what happened and when.
    """

    found: str
    error: str
    comparable: bool
    moments: list[ComparableEvent]


@dataclass(frozen=True)
class Comparison:
    """One cell, seen in several ways.

    Attributes:
        seen: by way, in the order asked for.
        apart_s: the largest time between an event and its counterpart.
        differing: events that a run lacks or that lie too far apart, by way; each way against the first one with the
            same server, for servers have events of their own.
    """

    cell: Cell
    seen: dict[RunVariant, Observation]
    apart_s: float
    differing: dict[RunVariant, list[Difference]]

    def agrees(self) -> bool:
        """Return whether every way in which the cell can exist showed the same."""
        found = {each.found for each in self.seen.values() if each.comparable}
        return len(found) <= 1 and not any(self.differing.values())


def run_all(
    scenarios: dict[str, Scenario],
    ways: list[RunVariant],
    *,
    out: Path,
    memory_mb: int,
    watch: Callable[[Scenario, RunVariant], Watch],
    around: Callable[[Clock, Callable[[], list[Run]]], list[Run]],
) -> dict[RunVariant, Run]:
    """Run the same cells in several ways: first what computes, then, all at the same time, what waits.

    Args:
        scenarios: by server.
        ways: in which to run them.
        out: where run folders go.
        memory_mb: memory of a virtual-time guest, in MiB.
        watch: who sees the progress of one way.
        around: called with the clock and what runs all ways that have it, which it calls.
    """
    runs: dict[RunVariant, Run] = {}
    for clock in (Clock.VIRTUAL, Clock.REAL):
        now = [way for way in ways if way.place.clock is clock]
        orders = [
            RunRequest(
                scenario=scenarios[way.server],
                out=out,
                clock=clock,
                memory_mb=memory_mb,
                cached=False,  # each way is to be seen today
                watch=watch(scenarios[way.server], way),
                backend=way.place.backend,
            )
            for way in now
        ]
        if orders:
            runs.update(zip(now, around(clock, lambda orders=orders: execute(orders)), strict=True))  # type: ignore[misc]
        if not all(run.finished for run in runs.values()):
            break
    return runs


def compare(runs: dict[RunVariant, Run], ways: list[RunVariant], *, within: float) -> list[Comparison]:
    """Compare the cells of finished runs.

    Args:
        runs: by way.
        ways: in the order asked for.
        within: how far apart an event may lie, in seconds.
    """
    return [
        _compare(runs[ways[0]].cells[number].cell, {way: _observed(runs[way].cells[number]) for way in ways}, within)
        for number in range(len(runs[ways[0]]))
    ]


def sentences(comparison: Comparison) -> Iterator[str]:
    """Say what differs; of a cell that could not run, only why."""
    for way, each in comparison.seen.items():
        if each.error:
            yield f"{way}: {each.error}"
    found = {each.found for each in comparison.seen.values() if each.comparable}
    if len(found) > 1:
        yield "; ".join(f"{way}: {each.found}" for way, each in comparison.seen.items())
    for way, differing in comparison.differing.items():
        for one in () if comparison.seen[way].error else differing:
            yield f"{way}: {one.name} {_time(one.second_s)} instead of {_time(one.first_s)}"


def _observed(cell: CellRun) -> Observation:
    result = cell.result
    error = str(result) if isinstance(result, LabError) else ""
    # a cell that cannot exist there was not run
    comparable = isinstance(result, LabError) or result.verdict is not Verdict.UNSUPPORTED
    return Observation(_in_short(result), error, comparable, moments(cell.evidence.entries))


def _in_short(seen: Outcome | LabError) -> str:
    if isinstance(seen, LabError):
        return f"{seen.side} error"
    return f"{seen.verdict.value} ({seen.cause.kind.name})" if seen.cause else seen.verdict.value


def _compare(cell: Cell, seen: dict[RunVariant, Observation], within: float) -> Comparison:
    apart = 0.0
    differing = {}
    first: dict[str, list[ComparableEvent]] = {}
    for way, each in seen.items():
        known = first.setdefault(way.server, each.moments)
        apart = max(apart, furthest_apart(known, each.moments, within=within))
        differing[way] = differences(known, each.moments, within=within, ends=float(cell.ends))
    return Comparison(cell, seen, apart, differing)


def _time(t: float | None) -> str:
    return "never" if t is None else f"at {t:.2f} s"
