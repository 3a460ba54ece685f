"""``lab run``: wires loader, fleet, worlds, judge and reports together."""

from __future__ import annotations

import asyncio
import dataclasses
import json as json_text
import os
import signal
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

from lab import ledger
from lab.errors import (
    EXIT_CLAIM_BROKEN,
    EXIT_CLAIMS_HOLD,
    EXIT_INTERRUPTED,
    LabError,
    Problem,
    ScenarioError,
)
from lab.fleet.local import Fleet
from lab.fleet.run_folder import REPORT_FILE, RunFolder
from lab.judge.verdict import judge
from lab.loader.load import load
from lab.model.outcome import Outcome
from lab.model.scenario import Cell, Scenario
from lab.model.verdict import Verdict
from lab.report import document, terminal
from lab.runner import record
from lab.worlds import host
from lab.worlds.base import Message, World

DEFAULT_JOBS = 32
"""Cells side by side in real time: they wait nearly all of it, so two cores carry this many."""


@dataclass(frozen=True)
class Options:
    """What the user asked for on the command line; see ``lab run --help``."""

    out: Path
    json: bool
    jobs: int | None
    only: tuple[str, ...]
    seed: int | None


def run_files(files: list[Path], options: Options) -> int:
    """Run all files, one after the other; returns the exit status (the worst of theirs).

    Raises:
        ScenarioError: any file is wrong; nothing was started.
    """
    scenarios = _load_all(files, options)
    console = terminal.console(stderr=options.json)
    for sentence in ledger.clean():
        console.print(f"[dim]{sentence}[/dim]")
    worst = EXIT_CLAIMS_HOLD
    for scenario in scenarios:
        status = _run_one(scenario, options, console)
        if status == EXIT_INTERRUPTED:
            return status
        worst = max(worst, status)
    return worst


def _load_all(files: list[Path], options: Options) -> list[Scenario]:
    scenarios: list[Scenario] = []
    problems: list[Problem] = []
    for file in files:
        try:
            scenarios.append(_chosen(load(file), options))
        except ScenarioError as error:  # noqa: PERF203  (all files' problems at once)
            problems.extend(error.problems)
    if problems:
        raise ScenarioError(problems)
    return scenarios


def _chosen(scenario: Scenario, options: Options) -> Scenario:
    """The scenario with ``--only`` and ``--seed`` applied."""
    cells = scenario.cells
    if options.seed is not None:
        cells = tuple(dataclasses.replace(cell, seed=options.seed) for cell in cells)
    wanted: dict[str, set[str]] = {}
    problems = []
    for choice in options.only:
        axis, equals, label = choice.partition("=")
        labels = sorted({dict(cell.axes).get(axis, "") for cell in cells} - {""})
        if not equals or not labels:
            axes = ", ".join(axis for axis, _ in cells[0].axes) or "none: it has no matrix"
            problems.append(
                Problem(scenario.file, 0, "--only", "AXIS=VALUE with an axis of this scenario", choice, axes)
            )
        elif label not in labels:
            problems.append(Problem(scenario.file, 0, "--only", "no such cell", choice, f"one of {', '.join(labels)}"))
        wanted.setdefault(axis, set()).add(label)
    if problems:
        raise ScenarioError(problems)
    kept = tuple(cell for cell in cells if all(dict(cell.axes)[axis] in labels for axis, labels in wanted.items()))
    return dataclasses.replace(scenario, cells=kept)


def _run_one(scenario: Scenario, options: Options, console: Console) -> int:
    folder = RunFolder.make(options.out, scenario)
    cells = {str(folder.cell(cell)): cell for cell in scenario.cells}
    console.print(f"{scenario.name}: {len(cells)} cells, real time, into {_shown(folder.path)}")
    book = ledger.Ledger(folder.path.name)
    interrupted = False
    try:
        with terminal.Progress(console, cells, clock="real") as progress:
            errors = asyncio.run(_run_cells(cells, options, book, progress.take))
    except Interrupted as stopped:
        interrupted, errors = True, stopped.errors
    finally:
        book.close()
    results = [(cell, errors.get(Path(name)) or _judged(cell, Path(name))) for name, cell in cells.items()]
    seed = scenario.cells[0].seed
    report = document.document(scenario, clock="real", seed=seed, results=results, finished=not interrupted)
    text = json_text.dumps(report, indent=2) + "\n"
    (folder.path / REPORT_FILE).write_text(text, encoding="utf-8")
    if interrupted:
        console.print(f"interrupted; what was seen is in {_shown(folder.path)}")
        return EXIT_INTERRUPTED
    terminal.show(console, scenario, results)
    for warning in report["warnings"]:
        console.print(f"[yellow]note:[/yellow] {warning}")
    console.print(f"report, records and captures: {_shown(folder.path)}")
    if options.json:
        sys.stdout.write(text)
    return _status(results, console)


class Interrupted(Exception):
    """The user or the system told the run to stop."""

    def __init__(self, errors: dict[Path, LabError]) -> None:
        super().__init__("interrupted")
        self.errors = errors


async def _run_cells(
    cells: dict[str, Cell], options: Options, book: ledger.Ledger, on_message: Callable[[Message], None]
) -> dict[Path, LabError]:
    def make_world(on_cell: Callable[[Message], None], on_end: Callable[[LabError | None], None]) -> World:
        return World(host.argv(), environment=host.environment(), ledger=book, on_message=on_cell, on_end=on_end)

    fleet = Fleet(make_world, worlds=1, slots=options.jobs or DEFAULT_JOBS, on_message=on_message)
    run = asyncio.ensure_future(fleet.run([Path(name) for name in cells]))
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        loop.add_signal_handler(number, run.cancel)
    try:
        return await run
    except asyncio.CancelledError:
        raise Interrupted({}) from None


def _judged(cell: Cell, folder: Path) -> Outcome:
    path = folder / record.FILE_NAME
    return judge(cell, record.read(path) if path.exists() else [])


def _status(results: list[tuple[Cell, Outcome | LabError]], console: Console) -> int:
    errors = [result for _, result in results if isinstance(result, LabError)]
    for text in dict.fromkeys(f"{error.side} error: {error}" for error in errors):
        console.print(text, style="red", markup=False)
    if errors:
        return max(error.exit_code for error in errors)
    held = all(result.claim_holds is not False for _, result in results if isinstance(result, Outcome))
    doubted = any(
        result.verdict is Verdict.INCONCLUSIVE and result.claim_holds is None
        for _, result in results
        if isinstance(result, Outcome)
    )
    return EXIT_CLAIMS_HOLD if held and not doubted else EXIT_CLAIM_BROKEN


def _shown(path: Path) -> str:
    """A path as short as it can be said from here."""
    return os.path.relpath(path) if path.is_relative_to(Path.cwd()) else str(path)
