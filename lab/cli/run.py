"""Implements ``lab run``: runs scenarios, prints tables and writes reports."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.text import Text

from lab.backends.base import BackendKind
from lab.cli import baseline, run_result
from lab.comparison.side import Side
from lab.engine import prepare
from lab.engine.execute import clean_up, execute
from lab.engine.run_folder import RunFolder
from lab.engine.run_request import RunRequest
from lab.engine.select import load_all
from lab.engine.shards.shard import Shard, Whole, part_of
from lab.engine.twins.plan import possible
from lab.errors import EXIT_CLAIMS_HOLD, EXIT_INTERRUPTED
from lab.fleet.choose import LOCAL, EngineChoice
from lab.model.scenario import Scenario
from lab.model.twin import NO_TWINS, TwinPlan
from lab.report import files as reports
from lab.report import terminal
from lab.report.formats import report_json
from lab.report.paths import shown
from lab.report.progress import Progress
from lab.report.verbosity import Verbosity
from lab.servers.catalog import DEFAULT as DEFAULT_SERVER
from lab.units import counted
from lab.worlds import boot, uml
from lab.worlds.base import Message
from lab.worlds.clock import Clock


@dataclass(frozen=True)
class Options:
    """The options of the command line; see ``lab run --help``."""

    out: Path
    json: bool
    jobs: int | None
    memory_mb: int
    only: tuple[str, ...]
    seed: int | None
    clock: str
    backend: BackendKind
    engine: EngineChoice = LOCAL
    server: str = DEFAULT_SERVER
    twins: TwinPlan = NO_TWINS
    split: bool = False
    fresh: bool = False
    shard: str = ""
    as_list: bool = False
    verbosity: Verbosity = Verbosity.NORMAL
    baseline: Path | None = None


def run_files(files: list[Path], options: Options) -> int:
    """Run all files, one after the other; return the exit status (the worst of theirs).

    Raises:
        ScenarioError: any file is wrong; nothing was started.
        HostNotCapable: virtual time, containers or a server were asked for and cannot be had here.
    """
    shard = Shard.parse(options.shard) if options.shard else None
    scenarios = load_all(files, only=options.only, seed=options.seed, server=options.server)
    before = None
    if options.baseline is not None:
        before = baseline.opened(options.baseline, files, scenarios, server=options.server)
    prepare.check(scenarios, options.backend, runs_here=options.engine.runs_here)
    clock = prepare.decide(scenarios, options.clock if options.engine.is_local else "virtual", options.backend)
    console = terminal.console(stderr=options.json, quiet=options.verbosity is Verbosity.QUIET)
    in_containers = options.backend is BackendKind.DOCKER
    for sentence in clean_up(lambda text: _note(console, text), with_containers=in_containers):
        console.print(sentence, style="dim", markup=False)
    if clock is Clock.VIRTUAL and boot.check_host() is boot.Sandbox.CONTAINER:
        console.print("[dim]the container is the sandbox of virtual time: bubblewrap is not allowed in here[/dim]")
    if options.clock == "auto" and options.backend is BackendKind.NETNS and clock is Clock.REAL:
        console.print(f"[yellow]note:[/yellow] in real time: {uml.lack()}", soft_wrap=True)
    worst = EXIT_CLAIMS_HOLD
    for scenario in scenarios:
        part, whole = (scenario, None) if shard is None else part_of(scenario, shard)
        if not part.cells:
            _note(console, f"{scenario.name}: {counted(len(scenario.cells), 'cell')}, none of them in shard {shard}")
            continue
        status = _run_one(part, options, clock, console, whole, before)
        if status == EXIT_INTERRUPTED:
            return status
        worst = max(worst, status)
    return worst


def _note(console: Console, text: str) -> None:
    console.print(Text.assemble(("note:", "yellow"), f" {text}"), soft_wrap=True)


def _run_one(
    scenario: Scenario, options: Options, clock: Clock, console: Console, whole: Whole | None, before: Side | None
) -> int:
    def watch(folder: RunFolder) -> Callable[[Message], None]:
        into = shown(folder.path)
        where = ", in containers" if options.backend is BackendKind.DOCKER else ""
        count = counted(len(scenario.cells), "cell")
        if whole is not None:
            count += f" (shard {whole.shard} of {len(whole.cells):,})"
        console.print(f"{scenario.name}: {count}, {clock.value} time{where}, into {into}", markup=False)
        progress.expect({str(folder.cell(cell)): cell for cell in scenario.cells if not cell.unsupported})
        return progress.take

    order = RunRequest(
        scenario=scenario,
        out=options.out,
        clock=clock,
        jobs=options.jobs,
        memory_mb=options.memory_mb,
        watch=watch,
        backend=options.backend,
        twins=possible(options.twins, clock),
        split=options.split,
        fresh=options.fresh,
        shard=whole,
        engine=options.engine.engine(lambda text: _note(console, text)),
    )
    with Progress(console, clock=clock.value, verbosity=options.verbosity) as progress:
        (run,) = execute([order])
    comparison = None if before is None or not run.finished else baseline.compared(before, run)
    reports.write(run)
    if not run.finished:
        run_result.show_left(run, console)
        console.print(f"interrupted; what was seen is in {shown(run.folder)}")
        if options.json:
            sys.stdout.write(report_json.render(run))
        return EXIT_INTERRUPTED
    run_result.show(run, console, as_list=options.as_list, verbosity=options.verbosity)
    if options.json:
        sys.stdout.write(report_json.render(run))
    quiet = options.verbosity is Verbosity.QUIET
    last_words = terminal.console(stderr=options.json or quiet)
    status = run_result.status(run, last_words)
    return status if comparison is None else max(status, baseline.shown(comparison, last_words, only_failing=quiet))
