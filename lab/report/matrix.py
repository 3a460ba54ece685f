"""Prints a run as a matrix: strategies downwards, all other axes across, one sign for each cell."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from itertools import islice, product
from string import ascii_lowercase

from rich.console import Console
from rich.text import Text

from lab.errors import LabError
from lab.model.outcome import Outcome
from lab.model.verdict import Verdict
from lab.report.grid import SIGNS, Grid, Result, RowSum, grid, row_axis
from lab.units import counted

STYLES = {
    Verdict.PASS: "green",
    Verdict.FAIL: "red",
    Verdict.INCONCLUSIVE: "yellow",
    Verdict.UNSUPPORTED: "dim",
}
ERROR = "E"
BROKEN = "!"
"""Behind the sign of a cell whose claim does not hold."""

MOST_COLUMNS = 26
"""Columns are named by letters; with more of them the strategies go across, where these are fewer."""
MOST_REASONS = 5
"""Reasons that are printed below the matrix, of each kind."""
GAP = "  "

_SUMS: tuple[tuple[str, Callable[[RowSum], str]], ...] = (
    ("passed", lambda row: f"{row.passed}/{row.judged}"),
    ("pkt/h", lambda row: row.cost(row.packets)),
    ("wake/h", lambda row: row.cost(row.wakeups)),
    ("bytes/h", lambda row: row.cost(row.bytes)),
)
"""What stands beside a row; the later ones are left out first where the window is narrow."""


def show(console: Console, results: Sequence[Result]) -> None:
    """Print the matrix, what its columns are, and what its signs mean; wide ones in several parts."""
    table = grid(results)
    assert table is not None
    down, legend = row_axis(results[0][0]), table.columns
    if len(table.columns) > MOST_COLUMNS >= len(table.rows):
        down, legend = "", [f"{row}{_passed(table.sums[row])}" for row in table.rows]
        table = _turned(table)
    names = _names(len(table.columns))
    first = max(len(down), *map(len, table.rows))
    column = len(names[-1]) + 1
    sums = _fitting(table, console.width - first - len(GAP) - column * len(names) - len(GAP))
    beside = sum(len(GAP) + max(map(len, each)) for each in sums)
    room = max(1, (console.width - first - len(GAP) - beside) // column)
    for start in range(0, len(names), room):
        last = start + room >= len(names)
        for line in _part(results, table, down, names[start : start + room], start, sums if last else []):
            console.print(line, soft_wrap=True)
        console.print()
    labels = [f"{name} {label}" for name, label in zip(names, legend, strict=True)]
    for words in (labels, list(_meanings(results))):
        for told in _filled(words, console.width):
            console.print(told, style="dim", markup=False, soft_wrap=True)
    for reason in _reasons(results):
        console.print(reason, style="dim", markup=False, soft_wrap=not console.is_terminal)


def _part(
    results: Sequence[Result], table: Grid, down: str, names: Sequence[str], start: int, sums: Sequence[Sequence[str]]
) -> Iterator[Text]:
    """Yield the lines of some columns, and of the sums."""
    first, column = max(len(down), *map(len, table.rows)), len(names[-1]) + 1
    widths = [max(map(len, each)) for each in sums]
    head = Text(down.ljust(first) + GAP, "bold")
    head.append("".join(name.ljust(column) for name in names))
    head.append("".join(f"{GAP}{each[0]:>{width}}" for each, width in zip(sums, widths, strict=True)))
    head.rstrip()
    yield head
    yield Text("─" * head.cell_len)
    for number, row in enumerate(table.rows, start=1):
        line = Text(row.ljust(first) + GAP)
        for label in table.columns[start : start + len(names)]:
            place = table.places.get((row, label))
            sign = Text() if place is None else _sign(results[place][1])
            sign.pad_right(column - sign.cell_len)
            line.append_text(sign)
        line.append("".join(f"{GAP}{each[number]:>{width}}" for each, width in zip(sums, widths, strict=True)))
        line.rstrip()
        yield line


def _turned(table: Grid) -> Grid:
    """Return the table with the strategies across: it has few of them, and many columns."""
    places = {(column, row): number for (row, column), number in table.places.items()}
    return Grid(table.columns, table.rows, places, {})


def _passed(row: RowSum | None) -> str:
    return "" if row is None else f" ({row.passed}/{row.judged} passed)"


def _reasons(results: Sequence[Result]) -> Iterator[str]:
    """Yield why cells are inconclusive or cannot exist, each reason once, the most frequent first."""
    for verdict in (Verdict.INCONCLUSIVE, Verdict.UNSUPPORTED):
        doubts = Counter(each.doubt for _, each in results if isinstance(each, Outcome) and each.verdict is verdict)
        for doubt, number in doubts.most_common(MOST_REASONS):
            yield f"{SIGNS[verdict]} {counted(number, 'cell')}: {doubt}"
        if (more := len(doubts) - MOST_REASONS) > 0:
            yield f"{SIGNS[verdict]} and {counted(more, 'other reason')}: --list"


def _names(number: int) -> list[str]:
    """Return names for so many columns: a, b, c, or aa, ab, ac if there are more than letters."""
    if number <= len(ascii_lowercase):
        return list(ascii_lowercase[:number])
    digits = 1
    while len(ascii_lowercase) ** digits < number:
        digits += 1
    return ["".join(letters) for letters in islice(product(ascii_lowercase, repeat=digits), number)]


def _sign(result: Outcome | LabError) -> Text:
    if isinstance(result, LabError):
        return Text(ERROR, "bold red")
    broken = (BROKEN, "bold red") if result.claim_holds is False else ("", "")
    return Text.assemble((SIGNS[result.verdict], STYLES[result.verdict]), broken)


def _fitting(table: Grid, room: int) -> list[list[str]]:
    """Return as many columns of sums as there is room for, each with its head."""
    found: list[list[str]] = []
    for head, cell in _SUMS if table.sums else ():
        column = [head, *("" if (row := table.sums[name]) is None else cell(row) for name in table.rows)]
        room -= len(GAP) + max(map(len, column))
        if room < 0 and found:
            break
        found.append(column)
    return found


def _meanings(results: Sequence[Result]) -> Iterator[str]:
    """Yield what the signs mean that there are."""
    outcomes = [result for _, result in results if isinstance(result, Outcome)]
    seen = {outcome.verdict for outcome in outcomes}
    yield from (f"{sign} {verdict.value}" for verdict, sign in SIGNS.items() if verdict in seen)
    if len(outcomes) < len(results):
        yield f"{ERROR} error"
    if any(outcome.claim_holds is False for outcome in outcomes):
        yield f"{BROKEN} not as claimed"


def _filled(words: Sequence[str], width: int) -> Iterator[str]:
    """Yield lines of so many words as fit."""
    line = ""
    for word in words:
        if line and len(line) + len(GAP) + len(word) > width:
            yield line
            line = ""
        line = f"{line}{GAP}{word}" if line else word
    if line:
        yield line
