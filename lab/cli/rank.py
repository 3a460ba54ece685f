"""Implements ``lab rank``: runs a scenario behind a population of middleboxes, or opens a run, and ranks strategies."""

from __future__ import annotations

import json as json_text
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

from lab.backends.base import BackendKind
from lab.cli.rank_table import show
from lab.cli.report import raise_damage
from lab.engine import prepare
from lab.engine.execute import clean_up, execute
from lab.engine.run import Run
from lab.engine.run_folder import RunFolder
from lab.engine.run_request import RunRequest
from lab.engine.twins.plan import possible
from lab.errors import (
    EXIT_CLAIM_BROKEN,
    EXIT_CLAIMS_HOLD,
    EXIT_INTERRUPTED,
    LabError,
    Problem,
    ScenarioError,
    TeardownIncomplete,
)
from lab.fleet.choose import LOCAL, EngineChoice
from lab.kept_file import write_kept
from lab.loader.conversion import choice
from lab.loader.population import Shares, shares_of
from lab.model.scenario import Scenario
from lab.ranking import document
from lab.ranking.constraints import LIMITS, Constraints
from lab.ranking.measure import TWINS, population_of, scenario_to_rank
from lab.ranking.ranking import rank_run
from lab.report import files as reports
from lab.report import terminal
from lab.report.formats import report_html
from lab.report.paths import shown
from lab.report.progress import Progress
from lab.units import Percent, Quantity, Seconds, counted
from lab.visible_text import all_visible
from lab.worlds.base import Message
from lab.worlds.clock import Clock

NO_FILE = "lab rank"
"""Where an option stands, in messages."""


@dataclass(frozen=True)
class Asked:
    """The options of the command line, as written; see ``lab rank --help``."""

    strategies: tuple[str, ...] = ()
    population: str | None = None
    at_most: tuple[str, ...] = ()
    outage: str = ""
    reach: str = ""


def rank(what: Path, asked: Asked, *, out: Path, json: bool, engine: EngineChoice = LOCAL) -> int:
    """Rank the strategies of a scenario or of a run; return the exit status.

    Raises:
        ScenarioError: before anything is started; with all problems of the options, or of the scenario.
    """
    constraints = _constraints(asked)
    population = None if asked.population is None else population_of(asked.population)
    console = terminal.console(stderr=json)
    shares: Shares = ()
    found: list[Problem] = []
    if what.is_dir():
        _refuse_strategies(asked)
        shares = () if population is None else shares_of(population)
        run = Run.open(what, found)
    else:
        scenario = scenario_to_rank(what, population=population, strategies=asked.strategies)
        run = _run(scenario, console, out, engine)
        if not run.finished:
            console.print(f"interrupted; what was seen is in {shown(run.folder)}")
            return EXIT_INTERRUPTED
    try:
        ranking = rank_run(run, constraints, shares)
        text = json_text.dumps(all_visible(document.document(ranking)), indent=2) + "\n"
        write_kept(run.folder / document.FILE, text)
    finally:  # the page shows the ranking
        reports.write(run)
    show(console, run.scenario.title, ranking)
    files = f"{document.FILE}, {report_html.FILE}, records and captures"
    console.print(f"{files}: {shown(run.folder)}", markup=False, soft_wrap=True)
    if json:
        sys.stdout.write(text)
    raise_damage(run, found)
    return _status(run, console, chosen=ranking.recommendation.chosen is not None)


def _run(scenario: Scenario, console: Console, out: Path, engine: EngineChoice) -> Run:
    prepare.check([scenario], BackendKind.NETNS, runs_here=engine.runs_here)
    clock = prepare.decide([scenario], "auto" if engine.is_local else Clock.VIRTUAL.value, BackendKind.NETNS)
    for sentence in clean_up(lambda text: terminal.say(console, f"note: {text}"), with_containers=False):
        terminal.say(console, sentence, style="dim")

    def watch(folder: RunFolder) -> Callable[[Message], None]:
        cells = counted(len(scenario.cells), "cell")
        console.print(f"{scenario.name}: {cells}, {clock.value} time, into {shown(folder.path)}", markup=False)
        progress.expect({str(folder.cell(cell)): cell for cell in scenario.cells if not cell.unsupported})
        return progress.take

    with Progress(console, clock=clock.value) as progress:
        order = RunRequest(
            scenario=scenario,
            out=out,
            clock=clock,
            watch=watch,
            twins=possible(TWINS, clock),
            engine=engine.engine(lambda text: terminal.say(console, f"note: {text}")),
        )
        (run,) = execute([order])
    return run


def _status(run: Run, console: Console, *, chosen: bool) -> int:
    if run.left:
        left = f"{TeardownIncomplete.side} error: {TeardownIncomplete(run.left)}; `lab clean` tries again"
        console.print(left, style="red", markup=False, soft_wrap=True)
    errors = [result for _, result in run.results if isinstance(result, LabError)]
    for text in dict.fromkeys(f"{error.side} error: {error}" for error in errors):
        console.print(text, style="red", markup=False)
    if errors:
        return max(error.exit_code for error in errors)
    if run.left:
        return TeardownIncomplete.exit_code
    return EXIT_CLAIMS_HOLD if chosen else EXIT_CLAIM_BROKEN


def _refuse_strategies(asked: Asked) -> None:
    if asked.strategies:
        allowed = "leave it out: the run of a folder is over; use it with a scenario"
        raise ScenarioError([Problem(NO_FILE, 0, "--strategy", "nothing runs again", allowed=allowed)])


def _constraints(asked: Asked) -> Constraints:
    """Read the limits.

    Raises:
        ScenarioError: with the problems of all of them.
    """
    problems: list[Problem] = []
    costs: dict[str, float] = {}
    for written in asked.at_most:
        name, equals, limit = written.partition("=")
        if not equals or name not in LIMITS:
            allowed = f"{choice(name, LIMITS)}, with a number, as in `wakeups=60/h`"
            problems.append(Problem(NO_FILE, 0, "--at-most", "no limit of a cost", f"`{written}`", allowed))
        elif name in costs:
            problems.append(Problem(NO_FILE, 0, "--at-most", "given twice", f"`{name}`", "use one limit for each cost"))
        elif (value := _quantity(LIMITS[name], limit, "--at-most", problems)) is not None:
            costs[name] = value
    outage = _quantity(Seconds, asked.outage, "--outage", problems) if asked.outage else None
    reach = _quantity(Percent, asked.reach, "--reach", problems) if asked.reach else None
    if problems:
        raise ScenarioError(problems)
    return Constraints(outage_s=outage, reach=reach, **costs)


def _quantity(kind: type[Quantity], written: str, option: str, problems: list[Problem]) -> float | None:
    try:
        return float(kind.parse(written))
    except ValueError as error:
        what, _, allowed = str(error).partition("; ")
        problems.append(Problem(NO_FILE, 0, option, what, f"`{written}`", allowed))
        return None
