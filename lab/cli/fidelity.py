"""``lab fidelity``: the same cells in different places and with different servers, and what differs."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

from rich import box
from rich.console import Console
from rich.table import Table

from lab.backends import daemon
from lab.backends.base import BackendKind
from lab.cli.execute import Order, Ran, check_programs, execute_together
from lab.cli.run import check_images, load_all
from lab.cli.shown import shown
from lab.errors import EXIT_CLAIM_BROKEN, EXIT_CLAIMS_HOLD, EXIT_INTERRUPTED, LabError
from lab.fleet.run_folder import RunFolder
from lab.judge.moments import Difference, Moment, differences, furthest_apart, moments
from lab.model.outcome import Outcome
from lab.model.scenario import Cell, Scenario, Software
from lab.model.verdict import Verdict
from lab.record import reader
from lab.record.writer import FILE_NAME
from lab.report import terminal
from lab.runner import images
from lab.worlds import uml
from lab.worlds.base import Message
from lab.worlds.clock import Clock


class Place(str, Enum):
    """Where cells run."""

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
        """What nodes are there."""
        return BackendKind.DOCKER if self is Place.DOCKER else BackendKind.NETNS


@dataclass(frozen=True)
class Way:
    """One way to run cells."""

    place: Place
    server: Software

    def __str__(self) -> str:
        return f"{self.place.value}, {self.server.value}"


@dataclass(frozen=True)
class Seen:
    """What one way showed of a cell.

    Attributes:
        found: verdict and kind of cause, or whose error it was.
        error: what kept the cell from running; empty: nothing did.
        comparable: whether the cell could exist there.
        moments: what happened and when.
    """

    found: str
    error: str
    comparable: bool
    moments: list[Moment]


@dataclass(frozen=True)
class Compared:
    """One cell, seen in several ways.

    Attributes:
        seen: by way, in the order asked for.
        apart_s: the largest time between an event and its counterpart.
        differing: events that a run lacks or that lie too far apart, by way; each way against the first one with the
            same server, for servers have events of their own.
    """

    cell: Cell
    seen: dict[Way, Seen]
    apart_s: float
    differing: dict[Way, list[Difference]]

    def agrees(self) -> bool:
        """Whether every way in which the cell can exist showed the same."""
        found = {each.found for each in self.seen.values() if each.comparable}
        return len(found) <= 1 and not any(self.differing.values())


def compare_files(
    files: list[Path],
    *,
    out: Path,
    only: tuple[str, ...],
    within: float,
    memory_mb: int,
    places: Sequence[Place],
    servers: Sequence[Software],
) -> int:
    """Run and compare; 0 if everything agrees, 1 if not.

    Raises:
        ScenarioError, HostNotCapable: before anything is started.
    """
    loaded = {server: load_all(files, only=only, server=server) for server in servers}
    for scenarios in loaded.values():
        for place in places:
            check_images(scenarios, place.backend)
            check_programs(scenarios, place.backend)
            if place is Place.DOCKER:
                daemon.check(images.of_all(cell for scenario in scenarios for cell in scenario.cells))
    if Place.VIRTUAL in places:
        uml.decide(Clock.VIRTUAL.value)
    console = terminal.console(stderr=False)
    status = EXIT_CLAIMS_HOLD
    for same in zip(*loaded.values(), strict=True):
        by_server = dict(zip(loaded, same, strict=True))
        ways = [Way(place, server) for server in by_server for place in places]
        ran = _run(by_server, ways, out, memory_mb, console)
        if not all(each.finished for each in ran.values()):
            return EXIT_INTERRUPTED
        compared = [
            _compare(cell, {way: _seen(ran[way], number) for way in ways}, within)
            for number, cell in enumerate(same[0].cells)
        ]
        _show(console, same[0], ways, compared)
        for way, each in ran.items():
            console.print(f"{way}: {shown(each.folder.path)}", soft_wrap=True)
        if not all(each.agrees() for each in compared):
            status = EXIT_CLAIM_BROKEN
    return status


def _run(
    scenarios: dict[Software, Scenario], ways: list[Way], out: Path, memory_mb: int, console: Console
) -> dict[Way, Ran]:
    """First what computes, then, all at the same time, what waits."""
    ran: dict[Way, Ran] = {}
    for clock in (Clock.VIRTUAL, Clock.REAL):
        now = [way for way in ways if way.place.clock is clock]
        with terminal.Progress(console, clock=clock.value) as progress:
            orders = [
                Order(
                    scenario=scenarios[way.server],
                    out=out,
                    clock=clock,
                    memory_mb=memory_mb,
                    watch=_watch(progress, scenarios[way.server], way),
                    backend=way.place.backend,
                )
                for way in now
            ]
            ran.update(zip(now, execute_together(orders) if orders else [], strict=True))
        if not all(each.finished for each in ran.values()):
            break
    return ran


def _watch(
    progress: terminal.Progress, scenario: Scenario, way: Way
) -> Callable[[RunFolder], Callable[[Message], None]]:
    def watch(folder: RunFolder) -> Callable[[Message], None]:
        progress.expect(
            {str(folder.cell(cell)): dataclasses.replace(cell, name=f"{cell.name} ({way})") for cell in scenario.cells}
        )
        return progress.take

    return watch


def _seen(ran: Ran, number: int) -> Seen:
    cell, result = ran.results[number]
    # a cell that cannot exist there was not run
    error = str(result) if isinstance(result, LabError) else ""
    return Seen(
        _in_short(result), error, _exists(result), moments(reader.read(ran.folder.cell(cell) / FILE_NAME, cell))
    )


def _exists(seen: Outcome | LabError) -> bool:
    return isinstance(seen, LabError) or seen.verdict is not Verdict.UNSUPPORTED


def _in_short(seen: Outcome | LabError) -> str:
    if isinstance(seen, LabError):
        return f"{seen.side} error"
    return f"{seen.verdict.value} ({seen.cause.kind.name})" if seen.cause else seen.verdict.value


def _compare(cell: Cell, seen: dict[Way, Seen], within: float) -> Compared:
    apart = 0.0
    differing = {}
    first: dict[Software, list[Moment]] = {}
    for way, each in seen.items():
        known = first.setdefault(way.server, each.moments)
        apart = max(apart, furthest_apart(known, each.moments))
        differing[way] = differences(known, each.moments, within=within)
    return Compared(cell, seen, apart, differing)


def _show(console: Console, scenario: Scenario, ways: list[Way], compared: list[Compared]) -> None:
    table = Table(title=scenario.title, title_justify="left", box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column("cell", no_wrap=True, overflow="fold")
    for name in ("found", *map(str, ways), "furthest apart", "differs"):
        table.add_column(name, overflow="fold")
    for each in compared:
        found = next((seen.found for seen in each.seen.values() if seen.comparable), "unsupported")
        marks = ("same" if each.seen[way].found == found else each.seen[way].found for way in ways)
        differs = "nothing" if each.agrees() else "[red]see below[/red]"
        table.add_row(each.cell.name, found, *marks, f"{each.apart_s:.3f} s", differs)
    console.print(table)
    for each in compared:
        for sentence in _sentences(each):
            console.print(f"{each.cell.name}: {sentence}", markup=False, soft_wrap=True)


def _sentences(compared: Compared) -> Iterator[str]:
    """What differs; of a cell that could not run, only why."""
    for way, each in compared.seen.items():
        if each.error:
            yield f"{way}: {each.error}"
    found = {each.found for each in compared.seen.values() if each.comparable}
    if len(found) > 1:
        yield "; ".join(f"{way}: {each.found}" for way, each in compared.seen.items())
    for way, differing in compared.differing.items():
        for one in () if compared.seen[way].error else differing:
            yield f"{way}: {one.name} {_time(one.second_s)} instead of {_time(one.first_s)}"


def _time(t: float | None) -> str:
    return "never" if t is None else f"at {t:.2f} s"
