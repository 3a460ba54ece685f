"""Runs the searches of all combinations side by side, in one run."""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import Awaitable, Sequence
from pathlib import Path

from lab.engine.cell_run import CellRun
from lab.engine.run_folder import Watch
from lab.engine.run_request import JudgeCell, RunRequest
from lab.engine.search import search
from lab.engine.world_jobs import Engine
from lab.errors import LabError
from lab.model.outcome import Metrics
from lab.model.scenario import Cell, Scenario
from lab.model.twin import TwinPlan
from lab.tuning.answer import Answer, Tuning, choice, groups
from lab.tuning.bisection import Bisection, Found
from lab.tuning.scale import Resolution
from lab.tuning.starting_cells import Start
from lab.tuning.trials import Setting, Trial, cell_with, lost_in_silence, priced, trial_of
from lab.worlds.clock import GUEST_MEMORY_MB, Clock

TWINS = TwinPlan(moments=1, causes=True, costs=True)
"""Each trial that passes is probed again at its weakest moment; each that fails runs again without its suspects."""

ROUNDS = 3
"""So often the one number is tried everywhere at most: a failure makes it smaller, which is rare already."""


def tune(
    scenario: Scenario,
    starts: Sequence[Start],
    resolution: Resolution,
    *,
    out: Path,
    watch: Watch,
    jobs: int | None = None,
    memory_mb: int = GUEST_MEMORY_MB,
    engine: Engine | None = None,
) -> Tuning:
    """Search for the longest safe value in each combination, in virtual time.

    Args:
        scenario: loaded.
        starts: where the searches start (``starting_cells``).
        resolution: how close a safe value and one that fails must come.
        out: where the run folder goes.
        watch: who sees the progress.
        jobs: cells side by side at most; None: one per processor.
        memory_mb: memory of a guest, in MiB.
        engine: runs the cells elsewhere; None: worlds of this process do.

    Raises:
        HostNotCapable: this machine cannot do it.
    """

    async def look(fetched: Scenario, judge: JudgeCell) -> tuple[Answer, ...]:
        ready = [dataclasses.replace(each, cell=cell) for each, cell in zip(starts, fetched.cells, strict=True)]
        searches = [_Search(each, resolution, judge) for each in ready]
        for stage in range(max(len(each.varied) for each in ready)):
            await _one_parameter([each for each in searches if len(each.start.varied) > stage])
        return tuple(answer for each in searches for answer in each.answers)

    request = RunRequest(
        scenario=dataclasses.replace(scenario, cells=tuple(each.cell for each in starts)),
        out=out,
        clock=Clock.VIRTUAL,
        jobs=jobs,
        memory_mb=memory_mb,
        watch=watch,
        twins=TWINS,
        engine=engine,
    )
    run, answers = search(request, look)
    return Tuning(run=run, answers=answers or ())


async def _one_parameter(searches: Sequence[_Search]) -> None:
    """Search for one parameter in all combinations, then try the one number in each of them."""
    await asyncio.gather(*(each.begin() for each in searches))
    for _ in range(ROUNDS):
        by_answer = {id(each.answers[-1]): each for each in searches}
        asked = []
        for group in groups(each.answers[-1] for each in searches):
            if (value := choice(group).value_s) is not None:
                asked += [by_answer[id(answer)].also(value) for answer in group if answer.safe is not None]
        before = [each.answers[-1].safe for each in searches]
        await asyncio.gather(*asked)
        if [each.answers[-1].safe for each in searches] == before:
            break
    for each in searches:
        each.keep()


class _Search:
    """The searches for the parameters of one combination, one after the other.

    Each value that is found is kept while the next parameter is searched for.

    Attributes:
        start: where they start.
        answers: what they found, one for each parameter that was begun.
    """

    def __init__(self, start: Start, resolution: Resolution, judge: JudgeCell) -> None:
        self.start = start
        self.answers: list[Answer] = []
        self._resolution = resolution
        self._judge = judge
        self._fixed: tuple[Setting, ...] = ()
        self._bisection: Bisection[Trial] | None = None

    async def begin(self) -> None:
        """Search for the next parameter."""
        parameter, vary = self.start.varied[len(self.answers)]
        name = self.start.names[len(self.answers)]
        scale = parameter.scale(vary, self._resolution)
        answer = Answer(start=self.start.cell, parameter=name, scale=scale, fixed=self._fixed)
        self._bisection = None
        left_out = self._left_out()
        if not left_out:
            self._bisection = Bisection(self._try, scale)
        self.answers.append(dataclasses.replace(answer, left_out=left_out))
        if self._bisection is not None:
            await self._take(self._bisection.run())

    async def also(self, value: float) -> None:
        """Try one more value of the parameter that was searched for last."""
        if self._bisection is not None:
            await self._take(self._bisection.also(value))

    def keep(self) -> None:
        """Keep the safe value for the next parameter."""
        safe = self.answers[-1].safe
        if safe is not None:
            self._fixed = self._settings(safe.value_s)

    def _left_out(self) -> str:
        if self.start.cell.unsupported:
            return self.start.cell.unsupported
        if self.answers and self.answers[-1].safe is None:
            return f"no value of {self.answers[-1].parameter} is known to be safe here"
        return ""

    def _settings(self, value: float) -> tuple[Setting, ...]:
        number = len(self.answers) - 1
        parameter, _ = self.start.varied[number]
        return (*self._fixed, Setting(parameter, self.start.names[number], value))

    async def _try(self, value: float) -> Trial:
        return trial_of(await self._run(cell_with(self.start.cell, self._settings(value))), value)

    async def _run(self, cell: Cell) -> CellRun:
        run = await self._judge(cell)
        if isinstance(run.result, LabError):
            raise run.result
        return run

    async def _take(self, search: Awaitable[Found[Trial]]) -> None:
        """Take what a search finds, and what its safe value costs; or the error that ended it."""
        try:
            found, costs = await self._priced(await search)
        except LabError as error:
            self._bisection = None
            self.answers[-1] = dataclasses.replace(self.answers[-1], error=error, found=None, costs=None)
        else:
            self.answers[-1] = dataclasses.replace(self.answers[-1], found=found, costs=costs)

    async def _priced(self, found: Found[Trial]) -> tuple[Found[Trial], Metrics | None]:
        """Measure what the safe value costs in a silent hour; search on if the client was out of reach in it."""
        assert self._bisection is not None
        while found.safe is not None:
            value = found.safe.value_s
            cell = priced(self.start.cell, cell_with(self.start.cell, self._settings(value)))
            run = await self._run(cell)
            lost = lost_in_silence(run, value)
            if lost is None:
                return found, run.outcome.metrics
            found = await self._bisection.contradict(lost)
        return found, None
