"""``lab curve``: when each client can be reached, from one twin cell for each moment."""

from __future__ import annotations

import dataclasses
import json as json_text
import sys
from collections.abc import Callable
from pathlib import Path

from lab.backends.base import BackendKind
from lab.cli import report as reports
from lab.cli.execute import execute
from lab.cli.run import load_all
from lab.cli.shown import shown
from lab.errors import EXIT_CLAIMS_HOLD, EXIT_INTERRUPTED, LabError, Problem, ScenarioError
from lab.fleet.run_folder import RunFolder
from lab.judge.curve import look
from lab.judge.verdict import why_unsupported
from lab.loader.expand import MOST_CELLS
from lab.loader.twins import moments, twin
from lab.model.outcome import Outcome
from lab.model.scenario import Scenario
from lab.report import curve, terminal
from lab.worlds import uml
from lab.worlds.base import Message

CURVE_FILE = "curve.json"
MEMORY_MB = 384


def draw(
    file: Path, *, out: Path, only: tuple[str, ...], grid: tuple[float | None, float | None, float], json: bool
) -> int:
    """Run a twin of each cell for each moment, and show what came of them.

    Args:
        file: the scenario.
        out: where the run folder goes.
        only: as of ``lab run``.
        grid: first moment (None: one step), last (None: the scenario's end), step; in seconds.
        json: print curve.json on standard output.

    Raises:
        ScenarioError: before anything is started.
    """
    (scenario,) = load_all([file], only=only)
    scenario = dataclasses.replace(scenario, cells=tuple(cell for cell in scenario.cells if not why_unsupported(cell)))
    start, until, every = grid
    times = moments(every if start is None else start, float(scenario.cells[0].ends) if until is None else until, every)
    _check(scenario, times)
    twins = dataclasses.replace(scenario, cells=tuple(twin(cell, at) for cell in scenario.cells for at in times))
    clock = uml.decide("auto")
    console = terminal.console(stderr=json)

    def watch(folder: RunFolder) -> Callable[[Message], None]:
        cells = f"{len(scenario.cells)} cells at {len(times)} moments"
        console.print(f"{scenario.name}: {cells}, {clock.value} time, into {shown(folder.path)}")
        progress.expect({str(folder.cell(cell)): cell for cell in twins.cells})
        return progress.take

    with terminal.Progress(console, clock=clock.value) as progress:
        ran = execute(twins, out=out, clock=clock, jobs=None, memory_mb=MEMORY_MB, watch=watch)
    netns = BackendKind.NETNS.value
    reports.write(ran.folder.path, twins, clock=clock.value, backend=netns, results=ran.results, finished=ran.finished)
    if not ran.finished:
        return EXIT_INTERRUPTED
    errors = [result for _, result in ran.results if isinstance(result, LabError)]
    if errors:
        raise errors[0]
    outcomes = iter([result for _, result in ran.results if isinstance(result, Outcome)])
    curves = [(cell, [look(at, next(outcomes)) for at in times]) for cell in scenario.cells]
    text = json_text.dumps(curve.document(scenario, curves, clock=clock.value, every_s=every), indent=2) + "\n"
    (ran.folder.path / CURVE_FILE).write_text(text, encoding="utf-8")
    curve.show(console, scenario, curves, every_s=every)
    console.print(f"records and captures: {shown(ran.folder.path)}")
    if json:
        sys.stdout.write(text)
    return EXIT_CLAIMS_HOLD


def _check(scenario: Scenario, times: list[float]) -> None:
    cells = len(scenario.cells) * len(times)
    if not scenario.cells:
        problem = Problem(scenario.file, 0, "", "no cell that can exist", allowed="see `lab run` for the reasons")
    elif not times:
        problem = Problem(
            scenario.file, 0, "--until", "no moment", allowed="an end that is not before the first moment"
        )
    elif cells > MOST_CELLS:
        allowed = f"at most {MOST_CELLS}: fewer moments, or --only"
        problem = Problem(scenario.file, 0, "--every", "too many cells", got=str(cells), allowed=allowed)
    else:
        return
    raise ScenarioError([problem])
