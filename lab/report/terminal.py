"""Prints the table at the end of a run. Colour only on a terminal."""

from __future__ import annotations

from collections.abc import Iterator
from textwrap import wrap

from rich.console import Console, ConsoleOptions, RenderableType
from rich.padding import Padding
from rich.segment import Segment
from rich.text import Text

from lab.errors import LabError
from lab.model.outcome import Outcome
from lab.model.scenario import Scenario
from lab.model.verdict import Verdict
from lab.report import device_figures, device_matrix, matrix
from lab.report.explanation import explain, short
from lab.report.grid import Result, grid
from lab.report.matrix import GAP, STYLES
from lab.report.summary import summary
from lab.units import counted
from lab.visible_text import visible

WIDTH_OF_A_FILE = 120
"""Columns of the table where the output is not a terminal."""

COSTS = ("pkt/h", "bytes/h", "wake/h", "on s/h")
"""What a strategy costs per hour: packets, bytes, wake-ups of a phone's radio and seconds that it is on
(``lab.judge.radio``)."""

DEVICE = tuple(column.head for column in device_figures.COLUMNS)
"""Columns of a scenario with a device."""

LESS_IMPORTANT = ("on s/h", "bytes/h", "wake/h", "pkt/h", "reg/day", "push", "ring p50", "radio/h", "app/h", "probes")
"""Columns that are left out, in this order, where a window is too narrow for a row."""

CONTINUED = 2
"""How far the next lines of a sentence are indented."""

MOST_EXPLAINED = 3
"""Cells with a broken claim that are explained before the table; `lab why` explains them all."""

BENEATH = 4
"""How far a reason is indented beneath its row."""


class _Console(Console):
    """A console that makes all text visible, wherever it comes from; only rich's own escape sequences pass."""

    def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterator[Segment]:
        """Return what is written of something."""
        for segment in super().render(renderable, options):
            yield segment if segment.control else segment._replace(text=visible(segment.text, lines=True))


def console(*, stderr: bool, quiet: bool = False) -> Console:
    """Return the console for a run; plain text where it is not a terminal.

    Args:
        stderr: standard output is for something else.
        quiet: print nothing.
    """
    made = _Console(stderr=stderr, highlight=False, quiet=quiet)
    return made if made.is_terminal else _Console(stderr=stderr, highlight=False, width=WIDTH_OF_A_FILE, quiet=quiet)


def say(console: Console, sentence: str, *, style: str = "") -> None:
    """Print a sentence: broken between words on a terminal, in one line where programs may read it."""
    lines = [sentence]
    if console.is_terminal:
        indent = " " * (len(sentence) - len(sentence.lstrip()) + CONTINUED)
        lines = wrap(sentence, console.width, subsequent_indent=indent, break_on_hyphens=False, break_long_words=False)
    for line in lines:
        console.print(line, style=style or None, markup=False, soft_wrap=True)


def show(console: Console, scenario: Scenario, results: list[Result], *, as_list: bool = False) -> None:
    """Print what came of a run: a matrix if it has several axes, else a row per cell.

    Args:
        console: where it goes.
        scenario: what was run.
        results: its cells and what came of them.
        as_list: print a row per cell in any case.
    """
    console.print(Text(scenario.title, "italic"))
    axes = results[0][0].axes if results else ()
    if len(axes) > 1 and not as_list:
        matrix.show(console, results)
        if device_figures.has_device(results) and (table := grid(results)) is not None:
            console.print()
            device_matrix.show(console, results, table)
    else:
        _show_list(console, results)
    for note in (*shared_notes(results), *cost_notes(results), *cache_notes(results)):
        say(console, note, style="dim")
    if len(results) > 1:
        say(console, summary(results))
    console.print()


def _show_list(console: Console, results: list[Result]) -> None:
    """Print a row per cell, and why it came out so beside it, or beneath where that is too wide."""
    axes = [axis for axis, _ in results[0][0].axes] if results else []
    asleep = DEVICE if device_figures.has_device(results) else ()
    head = [Text(name, "bold") for name in (*axes, "verdict", "probes", *COSTS, *asleep, "claim")]
    rows = [
        ([Text(label) for _, label in cell.axes] + _columns(result, device=bool(asleep)), _why(result))
        for cell, result in results
    ]
    left_out = _left_out([head, *(cells for cells, _ in rows)], console.width)
    kept = [number for number, name in enumerate(head) if name.plain not in left_out]
    table = [[cells[number] for number in kept] for cells in (head, *(cells for cells, _ in rows))]
    widths = [max(row[column].cell_len for row in table) for column in range(len(kept))]
    numeric = [head[number].plain in (*COSTS, *DEVICE) for number in kept]
    lines = [_line(cells, widths, numeric) for cells in table]
    whys = [Text("why", "bold"), *(why for _, why in rows)]
    whole = [Text.assemble(line, GAP, why) if why else line for line, why in zip(lines, whys, strict=True)]
    beside = not left_out and max(line.cell_len for line in whole) <= console.width
    for number, (line, why) in enumerate(zip(whole if beside else lines, whys, strict=True)):
        line.rstrip()
        console.print(line, soft_wrap=True)
        if not number:
            console.print("─" * max(line.cell_len for line in (whole if beside else lines)), soft_wrap=True)
        elif why and not beside:
            console.print(Padding(why, (0, 0, 0, BENEATH), expand=False))
    if left_out:
        note = f"left out, for want of room: {', '.join(left_out)}; the reports have all columns"
        say(console, note, style="dim")
    if asleep:
        say(console, device_figures.MEANING, style="dim")


def _left_out(table: list[list[Text]], width: int) -> list[str]:
    """Return the columns for which a window is too narrow, the least important first."""
    head = [name.plain for name in table[0]]
    widths = [max(row[column].cell_len for row in table) + len(GAP) for column in range(len(head))]
    left_out: list[str] = []
    for name in LESS_IMPORTANT:
        if sum(each for each, of in zip(widths, head, strict=True) if of not in left_out) - len(GAP) <= width:
            break
        left_out.append(name)
    return left_out


def shared_notes(results: list[Result]) -> list[str]:
    """Say how many cells did not run themselves, because another cell was the same to them."""
    shared = sum(1 for _, result in results if isinstance(result, Outcome) and result.shared_with)
    if not shared:
        return []
    have = "1 cell has" if shared == 1 else f"{shared} of {len(results)} cells have"
    return [f"{have} the record of another one, which differs only in what neither can see; `lab why CELL` says which"]


def cache_notes(results: list[Result]) -> list[str]:
    """Say of a single cell that it did not run; of several the summary says so."""
    times = [result.from_cache for _, result in results if isinstance(result, Outcome) and result.from_cache]
    if len(results) > 1 or not times:
        return []
    return [f"its record is from the cache, of {times[0]}; --fresh runs it again"]


def cost_notes(results: list[Result]) -> list[str]:
    """Say what the signs beside the costs mean, as far as there are any."""
    outcomes = [result for _, result in results if isinstance(result, Outcome)]
    metrics = [outcome.metrics for outcome in outcomes if outcome.verdict is not Verdict.UNSUPPORTED]
    notes = []
    if any(not one.measured for one in metrics):
        notes.append("~ estimated from the cell itself; in virtual time costs are measured in a silent hour")
    if any(one.lost for one in metrics):
        notes.append(
            "* out of reach for some time of the silent hour; `lab why CELL` says when, and what it had cost by then"
        )
    return notes


def _line(cells: list[Text], widths: list[int], numeric: list[bool]) -> Text:
    padded = []
    for cell, width, is_number in zip(cells, widths, numeric, strict=True):
        padding = " " * (width - cell.cell_len)
        padded.append(Text.assemble(padding, cell) if is_number else Text.assemble(cell, padding))
    return Text(GAP).join(padded)


def _columns(result: Outcome | LabError, *, device: bool) -> list[Text]:
    """Return the columns after the labels; with those of a device if there is one."""
    asleep = [Text(text) for text in device_figures.texts(result)] if device else []
    if isinstance(result, LabError):
        return [Text("error", "bold red"), *(Text() for _ in ("probes", *COSTS, *asleep, "claim"))]
    if result.verdict is Verdict.UNSUPPORTED:  # nothing ran
        empty = [Text("-", "dim") for _ in ("probes", *COSTS, *asleep)]
        return [Text(result.verdict.value, STYLES[result.verdict]), *empty, _claim(result)]
    measured = result.metrics
    costs = (
        measured.packets_per_hour,
        measured.bytes_per_hour,
        measured.radio_wakeups_per_hour,
        measured.radio_active_s_per_hour,
    )
    sign, star = "" if measured.measured else "~", "*" if measured.lost else ""
    return [
        Text(result.verdict.value, STYLES[result.verdict]),
        Text(f"{measured.delivered}/{measured.probes}"),
        *(Text(f"{sign}{cost:,.0f}{star}") if measured.observed_s > 0 else Text("-", "dim") for cost in costs),
        *asleep,
        _claim(result),
    ]


def _why(result: Outcome | LabError) -> Text:
    if isinstance(result, LabError):
        return Text(str(result).splitlines()[0])
    why = Text(short(result))
    if not result.claim_text:
        return why
    return Text("; ").join([Text(result.claim_text, "bold red"), *([why] if why else [])])


def show_broken(console: Console, results: list[Result], *, all_not_passed: bool = False) -> None:
    """Print why the first cells with a broken claim came out as they did, or why all did that did not pass."""
    outcomes = [(cell, result) for cell, result in results if isinstance(result, Outcome)]
    broken = [cell.name for cell, outcome in outcomes if outcome.claim_holds is False]
    failed = [cell.name for cell, outcome in outcomes if outcome.verdict in (Verdict.FAIL, Verdict.INCONCLUSIVE)]
    told = {*broken, *failed} if all_not_passed else set(broken[:MOST_EXPLAINED])
    for cell, outcome in outcomes:
        if cell.name in told:
            for sentence in explain(cell, outcome):
                say(console, sentence)
    if not all_not_passed and (more := len(broken) - MOST_EXPLAINED) > 0:
        say(
            console, f"{counted(more, 'more claim does not hold', 'more claims do not hold')}; `lab why CELL` tells why"
        )
    if told:
        console.print()


def show_doubtful(console: Console, results: list[Result]) -> None:
    """Print a line for each cell whose claim does not hold, or that is inconclusive and claims nothing."""
    for cell, result in results:
        if not isinstance(result, Outcome):
            continue
        doubtful = result.verdict is Verdict.INCONCLUSIVE and result.claim_holds is None
        if doubtful or result.claim_holds is False:
            say(console, f"{cell.name}: {result.verdict.value}: {_why(result)}")


def _claim(result: Outcome) -> Text:
    if result.claim_holds is None:
        return Text("none", "dim")
    return Text("holds", "green") if result.claim_holds else Text("breaks", "bold red")
