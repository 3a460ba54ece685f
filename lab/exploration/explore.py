"""Searches for what breaks a strategy, on the engine: each timeline is a cell of one run."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from lab.engine.cell_run import CellRun
from lab.engine.run import Run
from lab.engine.run_folder import RunFolder, Watch
from lab.engine.run_request import JudgeCell, RunRequest
from lab.engine.search import search
from lab.engine.twins.plan import possible
from lab.engine.world_jobs import Engine
from lab.errors import HostNotCapable, LabError
from lab.exploration import generation
from lab.exploration.bounds import Bounds
from lab.exploration.finding import Finding
from lab.exploration.found_file import Story, text_of
from lab.exploration.invariant import Breach, Judgement, Kept, judgement, kept
from lab.exploration.kept import KeptTimelines
from lab.exploration.menu import Menu, menu
from lab.exploration.search import Result, Search
from lab.exploration.starts import Start, starts
from lab.exploration.timeline import AXIS, Limits, Timeline, cell_of
from lab.loader.load import load_text
from lab.machine_limits import machine_fault
from lab.model.scenario import Scenario
from lab.model.twin import TwinPlan
from lab.worlds.clock import Clock

TWINS = TwinPlan(moments=1, causes=True)
"""As `lab run` looks at a cell by default, so that a found scenario shows the same there; but for the costs."""
FOLDER = "found"
"""Of the scenarios that were found, in the run folder."""
AHEAD = 2
"""Cells for each processor that may run or wait: a guest begins the next at once."""


@dataclass(frozen=True, kw_only=True)
class Wish:
    """The request for a search.

    Attributes:
        strategy: the one that is believed; empty: the scenario's only one.
        limits: what the client must do.
        bounds: when the search ends.
        seed: of the draws.
        words: kinds of faults, and ``impairment``; none: all.
        into: the folder for the scenarios that are found; None: the run folder's ``found``.
        begins_with_known: try first what earlier searches on this machine have found.
    """

    strategy: str = ""
    limits: Limits = field(default_factory=Limits)
    bounds: Bounds = field(default_factory=Bounds)
    seed: int = 1
    words: Sequence[str] = ()
    into: Path | None = None
    begins_with_known: bool = False


@dataclass(frozen=True, kw_only=True)
class Prepared:
    """A search that can begin.

    Attributes:
        scenario: with the cells from which it begins.
        starts: these cells.
        menus: what can happen to each.
        wish: what is asked.
    """

    scenario: Scenario
    starts: tuple[Start, ...]
    menus: tuple[Menu, ...]
    wish: Wish


def prepare(scenario: Scenario, wish: Wish) -> Prepared:
    """Check what is asked; nothing is started.

    Raises:
        ScenarioError: the strategy or a fault does not fit the scenario.
        HostNotCapable: Hypothesis is not installed.
    """
    generation.check_host()
    found = starts(scenario, wish.strategy)
    menus = tuple(menu(start.cell, wish.words, scenario.file) for start in found)
    cells = tuple(start.cell for start in found)
    return Prepared(scenario=replace(scenario, cells=cells), starts=found, menus=menus, wish=wish)


def explore(
    prepared: Prepared,
    *,
    out: Path,
    clock: Clock,
    watch: Watch,
    tell: Callable[[Finding], None] = lambda _: None,
    note: Callable[[Result], None] = lambda _: None,
    jobs: int | None = None,
    engine: Engine | None = None,
) -> tuple[Run, Result]:
    """Search until a bound; return the run and what was found, which is what there was until then if interrupted.

    Args:
        prepared: the search.
        out: where the run folder goes.
        clock: real or virtual, decided.
        watch: who sees the progress of cells.
        tell: takes each finding when it is confirmed.
        note: takes what the search has come to, whenever a cell is over.
        jobs: cells side by side at most; None: as many as suits the clock.
        engine: runs the cells elsewhere; None: worlds of this process do.

    Raises:
        LabError: a cell in which nothing goes wrong could not run to its end.
    """
    results = [Result(seed=prepared.wish.seed)]
    folders: list[RunFolder] = []

    def watches(folder: RunFolder) -> Callable[[dict[str, object]], None]:
        folders.append(folder)
        return watch(folder)

    async def look(_: Scenario, judge: JudgeCell) -> Result:
        cells = _Cells(prepared, judge, folders[0].path)
        kept_ones = KeptTimelines([start.cell for start in prepared.starts])

        def told(finding: Finding) -> None:
            kept_ones.add(finding.timeline)
            tell(finding)

        searching = Search(
            prepared.menus,
            seed=prepared.wish.seed,
            bounds=prepared.wish.bounds,
            judge=cells.judge,
            confirm=cells.confirm,
            known=kept_ones.load() if prepared.wish.begins_with_known else (),
            tell=told,
            note=note,
            side_by_side=AHEAD * (jobs or len(os.sched_getaffinity(0))),
        )
        results[0] = searching.result
        await searching.run()
        for timeline in searching.result.gone:
            kept_ones.remove(timeline)
        return searching.result

    request = RunRequest(
        scenario=prepared.scenario,
        out=out,
        clock=clock,
        jobs=jobs,
        watch=watches,
        twins=possible(TWINS, clock),
        engine=engine,
        shares=False,  # a finding is confirmed by a second run of an equal cell
    )
    run, _ = search(request, look)
    return run, results[0]


class _Cells:
    """Makes cells of timelines, runs them and judges what they show."""

    def __init__(self, prepared: Prepared, judge: JudgeCell, folder: Path) -> None:
        self._prepared = prepared
        self._starts = {start.cell.name: start for start in prepared.starts}
        self._judge = judge
        self._into = prepared.wish.into or folder / FOLDER
        self._usual: dict[str, Kept] = {}
        self._count = 0
        self._found = 0

    async def judge(self, timeline: Timeline) -> Judgement:
        """Run a timeline; see `Search`.

        Raises:
            LabError: nothing goes wrong in it, and it could not run to its end.
        """
        self._count += 1
        start = self._starts[timeline.start]
        name = f"t{self._count}" if len(self._starts) == 1 else f"{start.cell.name},t{self._count}"
        run = await self._judge(cell_of(start.cell, timeline, self._prepared.wish.limits, name))
        if timeline.start not in self._usual:  # the first of each start is the one in which nothing goes wrong
            if isinstance(run.result, LabError):
                raise run.result
            self._usual[timeline.start] = await asyncio.to_thread(lambda: kept(run.evidence))
        return await asyncio.to_thread(self._judged, run, timeline)

    async def confirm(self, timeline: Timeline, breach: Breach, story: Story) -> tuple[Judgement, str]:
        """Write the scenario of a timeline, and run what the loader makes of it; see `Search`."""
        start, wish = self._starts[timeline.start], self._prepared.wish
        self._found += 1
        text, beside = text_of(self._prepared.scenario, start, timeline, breach, wish.limits, story)
        for name, content in beside.items():
            _write(self._into / name, content)
        file = self._into / f"{_file_name(self._into, start, breach)}.yaml"
        scenario = load_text(text, file)
        name = f"found-{self._found}"
        cell = replace(scenario.cells[0], name=name, axes=(*start.cell.axes, (AXIS, name)))
        run = await self._judge(cell)
        judged = await asyncio.to_thread(self._judged, run, timeline)
        if judged.breach is None or judged.breach.cause != breach.cause:
            return judged, ""
        _write(file, text)
        return judged, str(file)

    def _judged(self, run: CellRun, timeline: Timeline) -> Judgement:
        result = run.result
        if isinstance(result, LabError):
            return Judgement(error=f"{result.side} error: {result}", exit_code=result.exit_code)
        found = judgement(run.evidence, result, timeline, self._prepared.wish.limits, self._usual[timeline.start])
        if found == Judgement():
            _drop_captures(run)
        return found


def _drop_captures(run: CellRun) -> None:
    """Remove the captures of a cell that shows nothing new: they take most of the room, and a search has thousands."""
    for folder in (run.folder, *(twin.folder for _, twin in run.twins)):
        for file in folder.glob("*.pcapng"):
            file.unlink(missing_ok=True)


def _file_name(folder: Path, start: Start, breach: Breach) -> str:
    stem = f"{start.cell.strategy.name}-{breach.cause}"
    number, name = 1, stem
    while (folder / f"{name}.yaml").exists():
        number += 1
        name = f"{stem}-{number}"
    return name


def _write(file: Path, text: str) -> None:
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
    except OSError as error:
        if (fault := machine_fault(error)) is not None:
            raise fault from error
        raise HostNotCapable(f"cannot write {file}: {error.strerror}", fix="choose another folder") from error
