"""``lab fidelity``: the same cells in real and in virtual time, and what differs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from rich import box
from rich.console import Console
from rich.table import Table

from lab.cli.execute import Ran, check_programs, execute
from lab.cli.run import check_images, load_all
from lab.cli.shown import shown
from lab.errors import EXIT_CLAIM_BROKEN, EXIT_CLAIMS_HOLD, EXIT_INTERRUPTED, LabError
from lab.fleet.run_folder import RunFolder
from lab.judge.moments import Difference, Moment, differences, furthest_apart, moments
from lab.model.outcome import Outcome
from lab.model.scenario import Cell, Scenario
from lab.report import terminal
from lab.runner import record
from lab.worlds import uml
from lab.worlds.base import Message
from lab.worlds.clock import Clock


@dataclass(frozen=True)
class Compared:
    """One cell, seen twice.

    Attributes:
        real, virtual: verdict and kind of cause, or the error.
        apart_s: the largest time between an event and its counterpart.
        differing: events that one run lacks or that lie too far apart.
    """

    cell: Cell
    real: str
    virtual: str
    apart_s: float
    differing: list[Difference]

    def agrees(self) -> bool:
        """Whether virtual time showed what real time did."""
        return self.real == self.virtual and not self.differing


def compare_files(files: list[Path], *, out: Path, only: tuple[str, ...], within: float, memory_mb: int) -> int:
    """Run and compare; 0 if everything agrees, 1 if not.

    Raises:
        ScenarioError, HostNotCapable: before anything is started.
    """
    scenarios = load_all(files, only=only)
    check_images(scenarios)
    check_programs(scenarios)
    uml.decide(Clock.VIRTUAL.value)
    console = terminal.console(stderr=False)
    status = EXIT_CLAIMS_HOLD
    for scenario in scenarios:
        runs = []
        for clock in (Clock.VIRTUAL, Clock.REAL):
            console.print(f"{scenario.name}: {len(scenario.cells)} cells in {clock.value} time")
            runs.append(_run(scenario, out, clock, memory_mb, console))
            if not runs[-1].finished:
                return EXIT_INTERRUPTED
        virtual, real = runs
        compared = [
            _compare(cell, real, virtual, seen_real, seen_virtual, within)
            for (cell, seen_real), (_, seen_virtual) in zip(real.results, virtual.results, strict=True)
        ]
        _show(console, scenario, compared)
        console.print(f"records: {shown(real.folder.path)} and {shown(virtual.folder.path)}")
        if not all(each.agrees() for each in compared):
            status = EXIT_CLAIM_BROKEN
    return status


def _run(scenario: Scenario, out: Path, clock: Clock, memory_mb: int, console: Console) -> Ran:
    def watch(folder: RunFolder) -> Callable[[Message], None]:
        progress.expect({str(folder.cell(cell)): cell for cell in scenario.cells})
        return progress.take

    with terminal.Progress(console, clock=clock.value) as progress:
        return execute(scenario, out=out, clock=clock, jobs=None, memory_mb=memory_mb, watch=watch)


def _compare(
    cell: Cell, real: Ran, virtual: Ran, seen_real: Outcome | LabError, seen_virtual: Outcome | LabError, within: float
) -> Compared:
    first, second = (_moments(ran.folder.cell(cell) / record.FILE_NAME) for ran in (real, virtual))
    return Compared(
        cell=cell,
        real=_in_short(seen_real),
        virtual=_in_short(seen_virtual),
        apart_s=furthest_apart(first, second),
        differing=differences(first, second, within=within),
    )


def _moments(path: Path) -> list[Moment]:
    """Those of a record; none of a cell that was not run, as its strategy cannot exist there."""
    return moments(record.read(path)) if path.exists() else []


def _in_short(seen: Outcome | LabError) -> str:
    if isinstance(seen, LabError):
        return f"{seen.side} error"
    return f"{seen.verdict.value} ({seen.cause.kind.value})" if seen.cause else seen.verdict.value


def _show(console: Console, scenario: Scenario, compared: list[Compared]) -> None:
    table = Table(title=scenario.title, title_justify="left", box=box.SIMPLE_HEAD, pad_edge=False)
    for name in ("cell", "real", "virtual", "furthest apart", "differs"):
        table.add_column(name)
    for each in compared:
        differs = "; ".join(
            f"{difference.name}: {_time(difference.first_s)} / {_time(difference.second_s)}"
            for difference in each.differing
        )
        table.add_row(each.cell.name, each.real, each.virtual, f"{each.apart_s:.3f} s", differs or "nothing")
    console.print(table)


def _time(t: float | None) -> str:
    return "never" if t is None else f"{t:.2f} s"
