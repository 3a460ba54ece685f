"""Implements ``lab run --baseline``: compares a run with an earlier one once it is over."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

from lab.comparison import terminal as comparison_terminal
from lab.comparison.compare import Comparison, compare
from lab.comparison.formats import compared_json
from lab.comparison.gate import FAIL_ON
from lab.comparison.matching import match
from lab.comparison.side import Cell, Side, read
from lab.engine.run import Run
from lab.engine.select import load_all
from lab.errors import EXIT_CLAIM_BROKEN, EXIT_CLAIMS_HOLD, Problem, ScenarioError
from lab.kept_file import write_kept
from lab.model.scenario import Scenario
from lab.report.page.annexes import COMPARISON_FILE


def opened(baseline: Path, files: Sequence[Path], chosen: Sequence[Scenario], *, server: str) -> Side:
    """Return the earlier run, without the cells that this run leaves out by choice (such as by ``--only``).

    Args:
        baseline: its folder or ``report.json``.
        files: the scenarios on the command line.
        chosen: what of them is to be run.
        server: the program that serves where a scenario does not say which.

    Raises:
        ScenarioError: it is no run, or has no cell in common with this one; nothing was started.
    """
    if len(chosen) != 1:
        what, got = "compares one scenario with one run", f"{len(chosen)} scenarios"
        raise ScenarioError([Problem("--baseline", 0, "", what, got, "run them one by one")])
    before = read(baseline)
    (whole,) = load_all(files, server=server)
    planned = {frozenset(cell.axes) for cell in chosen[0].cells}
    left_out = {frozenset(cell.axes) for cell in whole.cells} - planned
    kept = tuple(cell for cell in before.cells if frozenset(cell.axes.items()) not in left_out)
    cells = tuple(Cell(name=cell.name, axes=dict(cell.axes), verdict=None) for cell in chosen[0].cells)
    now = dataclasses.replace(before, name=chosen[0].file, cells=cells)
    match(before, now, ())
    return dataclasses.replace(before, cells=kept)


def compared(before: Side, run: Run) -> Comparison:
    """Return what changed since the earlier run; note it in the folder of this one, for the page of its report.

    Args:
        before: the earlier run.
        run: this one; it is over.
    """
    comparison = compare(before, run)
    write_kept(run.folder / COMPARISON_FILE, compared_json.render(comparison, FAIL_ON))
    return comparison


def shown(comparison: Comparison, console: Console, *, only_failing: bool) -> int:
    """Print what changed since the earlier run; 1 if this one is worse, else 0.

    Args:
        comparison: of the two.
        console: where it goes.
        only_failing: print nothing if this run is not worse.
    """
    failing = bool(comparison.failing())
    if failing or not only_failing:
        comparison_terminal.show(console, comparison, FAIL_ON)
    return EXIT_CLAIM_BROKEN if failing else EXIT_CLAIMS_HOLD
