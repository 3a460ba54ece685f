"""Implements ``lab curve``: when each client is reachable, from one twin cell per moment."""

from __future__ import annotations

import json as json_text
import sys
from collections.abc import Callable
from pathlib import Path

from lab.curve import chart
from lab.curve.measure import measure, possible
from lab.engine.run_folder import RunFolder
from lab.engine.select import load_all
from lab.engine.twins.cells import probed_at
from lab.errors import EXIT_CLAIMS_HOLD, EXIT_INTERRUPTED, Problem, ScenarioError
from lab.loader.expand import MOST_CELLS
from lab.model.scenario import Scenario
from lab.report import files as reports
from lab.report import terminal
from lab.report.paths import shown
from lab.report.progress import Progress
from lab.units import counted, moments_between
from lab.visible_text import all_visible
from lab.worlds import uml
from lab.worlds.base import Message

CURVE_FILE = "curve.json"


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
    (loaded,) = load_all([file], only=only)
    scenario = possible(loaded)
    start, until, every = grid
    times = moments_between(
        every if start is None else start, float(loaded.cells[0].ends) if until is None else until, every
    )
    _check(scenario, times)
    clock = uml.decide("auto")
    console = terminal.console(stderr=json)

    def watch(folder: RunFolder) -> Callable[[Message], None]:
        cells = f"{counted(len(scenario.cells), 'cell')} at {counted(len(times), 'moment')}"
        console.print(f"{scenario.name}: {cells}, {clock.value} time, into {shown(folder.path)}")
        twins = [probed_at(cell, at) for cell in scenario.cells for at in times]
        progress.expect({str(folder.cell(each)): each for each in twins})
        return progress.take

    with Progress(console, clock=clock.value) as progress:
        run, curves = measure(scenario, times, out=out, clock=clock, watch=watch)
    reports.write(run)
    if not run.finished:
        return EXIT_INTERRUPTED
    text = (
        json_text.dumps(all_visible(chart.document(scenario, curves, clock=clock.value, every_s=every)), indent=2)
        + "\n"
    )
    (run.folder / CURVE_FILE).write_text(text, encoding="utf-8")
    chart.show(console, scenario, curves, every_s=every)
    console.print(f"records and captures: {shown(run.folder)}")
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
