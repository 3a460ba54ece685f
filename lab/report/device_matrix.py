"""Prints what rings, how late, and at how many wake-ups: strategies downwards, all other axes across."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rich.console import Console
from rich.text import Text

from lab.report.device_figures import IN_SHORT, MEANING, texts
from lab.report.grid import Grid, Result, row_axis

GAP = "  "
BETWEEN = " │ "


def show(console: Console, results: Sequence[Result], table: Grid) -> None:
    """Print the table, as many columns side by side as there is room for.

    Args:
        console: where it goes.
        results: the cells.
        table: how they are laid out.
    """
    groups = [_group(results, table, label) for label in table.columns]
    names = [row_axis(results[0][0]), "", *table.rows]
    first = max(map(len, names))
    for part in _parts(groups, console.width - first - len(BETWEEN)):
        for number, name in enumerate(names):
            line = Text(BETWEEN.join([name.ljust(first), *(group[number] for group in part)]).rstrip())
            console.print(line, style="bold" if number < 2 else "", soft_wrap=True)
            if number == 1:
                console.print("─" * (first + sum(len(BETWEEN) + len(group[0]) for group in part)), soft_wrap=True)
        console.print()
    console.print(MEANING, style="dim", markup=False, soft_wrap=not console.is_terminal)


def _group(results: Sequence[Result], table: Grid, label: str) -> list[str]:
    """Return the lines of a column, all as wide: its label, the heads, and a line for each row."""
    places = [table.places.get((row, label)) for row in table.rows]
    rows = [[column.head for column in IN_SHORT]]
    rows += [[""] * len(IN_SHORT) if place is None else texts(results[place][1], IN_SHORT) for place in places]
    widths = [max(len(row[number]) for row in rows) for number in range(len(IN_SHORT))]
    lines = [GAP.join(text.rjust(width) for text, width in zip(row, widths, strict=True)) for row in rows]
    wide = max(len(label), len(lines[0]))
    return [label.ljust(wide), *(line.ljust(wide) for line in lines)]


def _parts(groups: Sequence[list[str]], room: int) -> Iterator[list[list[str]]]:
    """Yield the columns that fit side by side, at least one at a time."""
    part: list[list[str]] = []
    left = room
    for group in groups:
        wide = len(BETWEEN) + len(group[0])
        if part and left < wide:
            yield part
            part, left = [], room
        part.append(group)
        left -= wide
    if part:
        yield part
