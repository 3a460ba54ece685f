"""Prints a comparison. Colour only on a terminal."""

from __future__ import annotations

from collections.abc import Iterable

from rich.console import Console

from lab.comparison.changes import Direction, Kind
from lab.comparison.compare import CellComparison, Comparison
from lab.comparison.wording import about, sections, sentences, summary, verdict
from lab.report.terminal import say
from lab.units import counted

STYLES = {Direction.WORSE: "red", Direction.BETTER: "green", Direction.OTHER: "yellow", Direction.NOISE: "dim"}

MOST_CELLS = 10
"""Cells of one part that are printed; the other formats have more."""


def show(console: Console, comparison: Comparison, fail_on: Iterable[Kind]) -> None:
    """Print what changed, the worst first, and whether the comparison fails.

    Args:
        console: where it goes.
        comparison: two runs.
        fail_on: the kinds of change that make it fail.
    """
    kinds = frozenset(fail_on)
    for letter, text in about(comparison):
        say(console, f"{letter}  {text}", style="dim")
    for direction, heading, cells in sections(comparison, kinds):
        console.print()
        say(console, heading, style=f"bold {STYLES[direction]}")
        for cell in cells[:MOST_CELLS]:
            _show_cell(console, cell)
        if (more := len(cells) - MOST_CELLS) > 0:
            say(console, f"  and {counted(more, 'more cell')}; --json and --html have all", style="dim")
    console.print()
    for note in comparison.notes:
        say(console, f"note: {note}", style="dim")
    say(console, summary(comparison, kinds))
    failing = bool(comparison.failing(kinds))
    say(console, verdict(comparison, kinds), style="bold red" if failing else "bold green")


def _show_cell(console: Console, cell: CellComparison) -> None:
    say(console, f"  {cell.name}")
    for direction, sentence in sentences(cell):
        say(console, f"    {sentence}", style=STYLES[direction])
