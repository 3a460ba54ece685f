"""``lab run``: scenarios in, tables and reports out."""

from __future__ import annotations

import dataclasses
import sys
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from rich.console import Console

from lab import ledger
from lab.backends import daemon
from lab.backends.base import BackendKind
from lab.cli import report as reports
from lab.cli.execute import Ran, check_programs, execute
from lab.cli.shown import shown
from lab.errors import (
    EXIT_CLAIM_BROKEN,
    EXIT_CLAIMS_HOLD,
    EXIT_INTERRUPTED,
    HostNotCapable,
    LabError,
    Problem,
    ScenarioError,
)
from lab.fleet.run_folder import RunFolder
from lab.loader.load import load
from lab.model.outcome import Outcome
from lab.model.pjsip import DEFAULT
from lab.model.scenario import Scenario, Software
from lab.model.verdict import Verdict
from lab.report import terminal
from lab.runner import images
from lab.worlds import boot, uml
from lab.worlds.base import Message
from lab.worlds.clock import Clock


@dataclass(frozen=True)
class Options:
    """What the user asked for on the command line; see ``lab run --help``."""

    out: Path
    json: bool
    jobs: int | None
    memory_mb: int
    only: tuple[str, ...]
    seed: int | None
    clock: str
    backend: BackendKind
    server: str = Software.SCRIPTED.value


def run_files(files: list[Path], options: Options) -> int:
    """Run all files, one after the other; returns the exit status (the worst of theirs).

    Raises:
        ScenarioError: any file is wrong; nothing was started.
        HostNotCapable: virtual time, containers or a server were asked for and cannot be had here.
    """
    scenarios = load_all(files, only=options.only, seed=options.seed, server=Software(options.server))
    check_images(scenarios, options.backend)
    check_programs(scenarios, options.backend)
    clock = _decide(scenarios, options)
    console = terminal.console(stderr=options.json)
    for sentence in ledger.clean(partial(_remove_containers, console)):
        console.print(f"[dim]{sentence}[/dim]")
    if clock is Clock.VIRTUAL and boot.check_host() is boot.Fence.CONTAINER:
        console.print("[dim]the container is the fence around virtual time: bubblewrap is not allowed in here[/dim]")
    if options.clock == "auto" and options.backend is BackendKind.NETNS and clock is Clock.REAL:
        console.print(f"[yellow]note:[/yellow] in real time: {uml.lack()}", soft_wrap=True)
    worst = EXIT_CLAIMS_HOLD
    for scenario in scenarios:
        status = _run_one(scenario, options, clock, console)
        if status == EXIT_INTERRUPTED:
            return status
        worst = max(worst, status)
    return worst


def _remove_containers(console: Console, run: str) -> tuple[str, ...] | None:
    """Remove what a killed run has left with Docker; without a daemon nothing of it runs, and this run goes on."""
    try:
        return daemon.remove_containers(run)
    except HostNotCapable as lack:
        console.print(f"[yellow]note:[/yellow] containers of the killed run {run} may be left: {lack}")
        return None


def load_all(
    files: list[Path],
    *,
    only: tuple[str, ...] = (),
    seed: int | None = None,
    server: Software = Software.SCRIPTED,
) -> list[Scenario]:
    """Load scenario files, with the choices of the command line applied.

    Args:
        files: their paths.
        only: ``AXIS=VALUE`` of the cells to keep.
        seed: in place of the scenarios'.
        server: the program that serves where a scenario does not say which.

    Raises:
        ScenarioError: with all problems of all files.
    """
    scenarios: list[Scenario] = []
    problems: list[Problem] = []
    for file in files:
        try:
            scenarios.append(_chosen(load(file, server=server), only, seed))
        except ScenarioError as error:  # noqa: PERF203  (all files' problems at once)
            problems.extend(error.problems)
    if problems:
        raise ScenarioError(problems)
    return scenarios


def check_images(scenarios: list[Scenario], backend: BackendKind = BackendKind.NETNS) -> None:
    """Refuse clients in images where there are no containers, and commands of this machine where there are.

    Raises:
        ScenarioError: a scenario's client cannot run there.
    """
    problems = []
    for scenario in scenarios:
        others = sorted({cell.pjsip for cell in scenario.cells} - {DEFAULT})
        for release in others if backend is BackendKind.DOCKER else ():
            allowed = f"{DEFAULT}, which is in the lab's image; or `--backend netns`"
            problems.append(Problem(scenario.file, 0, "pjsip", "not in a container", f"`{release}`", allowed))
        for client in {cell.client for cell in scenario.cells}:
            if client.image and backend is BackendKind.NETNS:
                allowed = "`--backend docker`; or leave `image` out, and `command` runs on this machine"
                problem = ("client.image", "an image needs containers", f"`{client.image}`", allowed)
                problems.append(Problem(scenario.file, 0, *problem))
            elif client.command and not client.image and backend is BackendKind.DOCKER:
                allowed = "an `image` that has it; or `--backend netns`, and it runs on this machine"
                problem = ("client.command", "a container needs an image", f"`{' '.join(client.command)}`", allowed)
                problems.append(Problem(scenario.file, 0, *problem))
    if problems:
        raise ScenarioError(problems)


def _chosen(scenario: Scenario, only: tuple[str, ...], seed: int | None) -> Scenario:
    """The scenario with ``--only`` and ``--seed`` applied."""
    cells = scenario.cells
    if seed is not None:
        cells = tuple(dataclasses.replace(cell, seed=seed) for cell in cells)
    wanted: dict[str, set[str]] = {}
    problems = []
    for choice in only:
        axis, equals, label = choice.partition("=")
        labels = sorted({dict(cell.axes).get(axis, "") for cell in cells} - {""})
        if not equals or not labels:
            axes = ", ".join(axis for axis, _ in cells[0].axes) or "none: it has no matrix"
            problem = "AXIS=VALUE with an axis of this scenario"
            problems.append(Problem(scenario.file, 0, "--only", problem, choice, axes))
        elif label not in labels:
            problems.append(Problem(scenario.file, 0, "--only", "no such cell", choice, f"one of {', '.join(labels)}"))
        wanted.setdefault(axis, set()).add(label)
    if problems:
        raise ScenarioError(problems)
    kept = tuple(cell for cell in cells if all(dict(cell.axes)[axis] in labels for axis, labels in wanted.items()))
    return dataclasses.replace(scenario, cells=kept)


def _decide(scenarios: list[Scenario], options: Options) -> Clock:
    """The clock of this run; containers have the host's."""
    if options.backend is BackendKind.NETNS:
        return uml.decide(options.clock)
    daemon.check(images.of_all(cell for scenario in scenarios for cell in scenario.cells))
    return Clock.REAL


def _run_one(scenario: Scenario, options: Options, clock: Clock, console: Console) -> int:
    def watch(folder: RunFolder) -> Callable[[Message], None]:
        into = shown(folder.path)
        where = ", in containers" if options.backend is BackendKind.DOCKER else ""
        count = len(scenario.cells)
        console.print(f"{scenario.name}: {count} cell{'s' * (count != 1)}, {clock.value} time{where}, into {into}")
        progress.expect({str(folder.cell(cell)): cell for cell in scenario.cells})
        return progress.take

    with terminal.Progress(console, clock=clock.value) as progress:
        ran = execute(
            scenario,
            out=options.out,
            clock=clock,
            jobs=options.jobs,
            memory_mb=options.memory_mb,
            watch=watch,
            backend=options.backend,
        )
    folder = ran.folder.path
    report = reports.write(
        folder, scenario, clock=clock.value, backend=options.backend.value, results=ran.results, finished=ran.finished
    )
    if not ran.finished:
        console.print(f"interrupted; what was seen is in {shown(folder)}")
        if options.json:
            sys.stdout.write(reports.text(report))
        return EXIT_INTERRUPTED
    terminal.show(console, scenario, ran.results)
    terminal.show_broken(console, ran.results)
    for warning in report["warnings"]:
        console.print(f"[yellow]note:[/yellow] {warning}")
    console.print(f"report, records and captures: {shown(folder)} ({reports.PAGE_FILE} is for people)")
    if options.json:
        sys.stdout.write(reports.text(report))
    return _status(ran, console)


def _status(ran: Ran, console: Console) -> int:
    errors = [result for _, result in ran.results if isinstance(result, LabError)]
    for text in dict.fromkeys(f"{error.side} error: {error}" for error in errors):
        console.print(text, style="red", markup=False)
    if errors:
        return max(error.exit_code for error in errors)
    outcomes = [result for _, result in ran.results if isinstance(result, Outcome)]
    held = all(outcome.claim_holds is not False for outcome in outcomes)
    doubted = any(outcome.verdict is Verdict.INCONCLUSIVE and outcome.claim_holds is None for outcome in outcomes)
    return EXIT_CLAIMS_HOLD if held and not doubted else EXIT_CLAIM_BROKEN
