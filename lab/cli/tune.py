"""Implements ``lab tune``: reads the options, shows progress, prints what was found and writes tune.json."""

from __future__ import annotations

import json as json_text
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from lab.backends.base import BackendKind
from lab.cli.tune_table import show
from lab.engine import prepare
from lab.engine.execute import clean_up
from lab.engine.run_folder import RunFolder
from lab.engine.select import load_all
from lab.errors import EXIT_CLAIMS_HOLD, EXIT_INTERRUPTED
from lab.fleet.choose import LOCAL, EngineChoice
from lab.report import files as reports
from lab.report import terminal
from lab.report.paths import shown
from lab.report.progress import Progress
from lab.tuning.answer import Tuning
from lab.tuning.document import FILE, document
from lab.tuning.measure import tune
from lab.tuning.request import read_request
from lab.units import counted
from lab.visible_text import all_visible
from lab.worlds.base import Message
from lab.worlds.clock import Clock


@dataclass(frozen=True, kw_only=True)
class Options:
    """The options of the command line; see ``lab tune --help``."""

    vary: tuple[str, ...]
    strategies: tuple[str, ...]
    resolution: str
    only: tuple[str, ...]
    out: Path
    json: bool
    jobs: int | None
    memory_mb: int
    engine: EngineChoice = LOCAL


def tune_file(file: Path, options: Options) -> int:
    """Search, print what was found, and return the exit status.

    Raises:
        ScenarioError: before anything is started.
        HostNotCapable: this machine has no virtual time, or lacks a program.
    """
    (scenario,) = load_all([file], only=options.only)
    request = read_request(scenario, vary=options.vary, strategies=options.strategies, resolution=options.resolution)
    prepare.check([scenario], BackendKind.NETNS, runs_here=options.engine.runs_here)
    prepare.decide([scenario], Clock.VIRTUAL.value, BackendKind.NETNS)
    console = terminal.console(stderr=options.json)
    for sentence in clean_up(lambda text: terminal.say(console, f"note: {text}"), with_containers=False):
        console.print(sentence, style="dim", markup=False)

    def watch(folder: RunFolder) -> Callable[[Message], None]:
        count = counted(
            sum(len(each.varied) for each in request.starts if not each.cell.unsupported), "search", "searches"
        )
        console.print(f"{scenario.name}: {count}, virtual time, into {shown(folder.path)}", markup=False)
        return progress.take

    with Progress(console, clock=Clock.VIRTUAL.value) as progress:
        tuning = tune(
            scenario,
            request.starts,
            request.resolution,
            out=options.out,
            watch=watch,
            jobs=options.jobs,
            memory_mb=options.memory_mb,
            engine=options.engine.engine(lambda text: terminal.say(console, f"note: {text}")),
        )
    reports.write(tuning.run)
    if not tuning.run.finished:
        console.print(f"interrupted; what was seen is in {shown(tuning.run.folder)}", markup=False)
        return EXIT_INTERRUPTED
    text = json_text.dumps(all_visible(document(scenario, tuning)), indent=2) + "\n"
    (tuning.run.folder / FILE).write_text(text, encoding="utf-8")
    show(console, scenario, tuning)
    console.print(f"{FILE}, report, records and captures: {shown(tuning.run.folder)}", markup=False)
    if options.json:
        sys.stdout.write(text)
    return _status(tuning)


def _status(tuning: Tuning) -> int:
    return max((each.error.exit_code for each in tuning.answers if each.error), default=EXIT_CLAIMS_HOLD)
