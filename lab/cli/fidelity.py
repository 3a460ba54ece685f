"""Implements ``lab fidelity``: runs the same cells in different places and with different servers."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from pathlib import Path

from rich import box
from rich.console import Console
from rich.table import Table

from lab.backends import images
from lab.engine import prepare
from lab.engine.run import Run
from lab.engine.run_folder import RunFolder, Watch
from lab.engine.select import load_all
from lab.errors import EXIT_CLAIM_BROKEN, EXIT_CLAIMS_HOLD, EXIT_INTERRUPTED
from lab.fidelity.compare import Comparison, Place, RunVariant, compare, run_all, sentences
from lab.model.scenario import Scenario
from lab.report import terminal
from lab.report.paths import shown
from lab.report.progress import Progress
from lab.runner import needed_images
from lab.worlds import uml
from lab.worlds.base import Message
from lab.worlds.clock import Clock


def compare_files(
    files: list[Path],
    *,
    out: Path,
    only: tuple[str, ...],
    within: float,
    memory_mb: int,
    places: Sequence[Place],
    servers: Sequence[str],
) -> int:
    """Run and compare; 0 if everything agrees, 1 if not.

    Raises:
        ScenarioError, HostNotCapable: before anything is started.
    """
    loaded = {server: load_all(files, only=only, server=server) for server in servers}
    for scenarios in loaded.values():
        for place in places:
            prepare.check(scenarios, place.backend)
            if place is Place.DOCKER:
                images.check(needed_images.of_all(cell for scenario in scenarios for cell in scenario.cells))
    if Place.VIRTUAL in places:
        uml.decide(Clock.VIRTUAL.value)
    console = terminal.console(stderr=False)
    status = EXIT_CLAIMS_HOLD
    for same in zip(*loaded.values(), strict=True):
        by_server = dict(zip(loaded, same, strict=True))
        ways = [RunVariant(place, server) for server in by_server for place in places]
        runs = _run(by_server, ways, out, memory_mb, console)
        if not all(run.finished for run in runs.values()):
            return EXIT_INTERRUPTED
        compared = compare(runs, ways, within=within)
        _show(console, same[0], ways, compared)
        for way, run in runs.items():
            console.print(f"{way}: {shown(run.folder)}", soft_wrap=True)
        if not all(each.agrees() for each in compared):
            status = EXIT_CLAIM_BROKEN
    return status


def _run(
    scenarios: dict[str, Scenario], ways: list[RunVariant], out: Path, memory_mb: int, console: Console
) -> dict[RunVariant, Run]:
    progress: dict[Clock, Progress] = {}

    def around(clock: Clock, run: Callable[[], list[Run]]) -> list[Run]:
        with progress.setdefault(clock, Progress(console, clock=clock.value)):
            return run()

    def watch(scenario: Scenario, way: RunVariant) -> Watch:
        def see(folder: RunFolder) -> Callable[[Message], None]:
            here = progress[way.place.clock]
            cells = {folder.cell(cell): cell for cell in scenario.cells}
            here.expect(
                {str(path): dataclasses.replace(cell, name=f"{cell.name} ({way})") for path, cell in cells.items()}
            )
            return here.take

        return see

    return run_all(scenarios, ways, out=out, memory_mb=memory_mb, watch=watch, around=around)


def _show(console: Console, scenario: Scenario, ways: list[RunVariant], compared: list[Comparison]) -> None:
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
        for sentence in sentences(each):
            console.print(f"{each.cell.name}: {sentence}", markup=False, soft_wrap=True)
