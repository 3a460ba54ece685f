"""The run on a terminal: a live row per cell while it runs, a table at the end. Colour only on a terminal."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

from rich.console import Console, ConsoleOptions, RenderableType
from rich.live import Live
from rich.padding import Padding
from rich.segment import Segment
from rich.table import Table
from rich.text import Text
from typing_extensions import Self

from lab.errors import LabError
from lab.model.outcome import Outcome
from lab.model.scenario import Cell, ProbeKind, Scenario
from lab.model.verdict import Verdict
from lab.report.explanation import explain, short
from lab.visible_text import visible

STYLES = {
    Verdict.PASS: "green",
    Verdict.FAIL: "red",
    Verdict.INCONCLUSIVE: "yellow",
    Verdict.UNSUPPORTED: "dim",
}
MOST_ROWS = 30
"""Rows shown live at most; the cells under way come first."""


WIDTH_OF_A_FILE = 120
"""Columns of the table where the output is not a terminal."""

COSTS = ("pkt/h", "bytes/h", "wake/h", "on s/h")
"""What a strategy costs per hour: packets, bytes, wake-ups of a phone's radio and seconds that it is on
(``lab.judge.radio``)."""

GAP = "  "
BENEATH = 4
"""How far a reason is indented beneath its row."""


class _Console(Console):
    """A console that makes all text visible, wherever it comes from; only rich's own escape sequences pass."""

    def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterator[Segment]:
        """Return what is written of something."""
        for segment in super().render(renderable, options):
            yield segment if segment.control else segment._replace(text=visible(segment.text, lines=True))


def console(*, stderr: bool) -> Console:
    """The console for a run; plain text where it is not a terminal."""
    made = _Console(stderr=stderr, highlight=False)
    return made if made.is_terminal else _Console(stderr=stderr, highlight=False, width=WIDTH_OF_A_FILE)


class Progress:
    """What each cell is doing, told by progress messages.

    Args:
        clock: ``real``, where time left is counted between messages, or ``virtual``, where it jumps.
    """

    def __init__(self, console: Console, *, clock: str) -> None:
        self._console = console
        self._cells: dict[str, Cell] = {}
        self._clock = clock
        self._doing: dict[str, str] = {}
        self._twins: set[str] = set()
        self._silent_since: dict[str, float] = {}
        self._time: dict[str, float] = {}
        self._live = Live(get_renderable=self._table, console=console, refresh_per_second=4, transient=True)

    def expect(self, cells: dict[str, Cell]) -> None:
        """More cells to come, by the string of their folder, as messages name them."""
        self._cells.update(cells)
        self._doing.update(dict.fromkeys(cells, "waiting"))

    def __enter__(self) -> Self:
        if self._console.is_terminal:
            self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._console.is_terminal:
            self._live.stop()

    def take(self, message: dict[str, Any]) -> None:
        """Show one progress message."""
        cell = message.get("cell")
        if message["ev"] == "twin":
            self._twins.add(str(cell))
            self.expect({str(cell): message["value"]})
        if cell not in self._cells:
            return
        event = message["ev"]
        if event == "phase":
            self._doing[cell] = message["phase"]
            if message["phase"] == "silent":
                self._silent_since[cell] = time.monotonic()
        elif event == "time":
            self._time[cell] = message["t"]
        elif event == "probe":
            self._doing[cell] = _fate(self._cells[cell], message)
            self._time[cell] = message["t"]
        elif event == "error":
            self._doing[cell] = f"error: {message['text'].splitlines()[-1]}"
        elif event == "ended":
            self._doing[cell] = "done" if message["status"] == 0 else "did not finish"
            if not self._console.is_terminal and cell not in self._twins:
                own = [doing for name, doing in self._doing.items() if name not in self._twins]
                done = sum(1 for doing in own if doing in ("done", "did not finish"))
                self._console.print(f"{done}/{len(own)} {self._cells[cell].name}: {self._doing[cell]}")

    def _left(self, cell: str) -> str:
        if self._doing[cell] in ("done", "did not finish") or cell not in self._silent_since:
            return ""
        ends = float(self._cells[cell].ends)
        passed = time.monotonic() - self._silent_since[cell] if self._clock == "real" else self._time.get(cell, 0.0)
        return f"{max(0.0, ends - passed):.0f} s"

    def _table(self) -> Table:
        table = Table("cell", "doing", "left", box=None, pad_edge=False)
        last = ("done", "did not finish", "waiting")
        order = sorted(self._cells, key=lambda cell: last.index(self._doing[cell]) if self._doing[cell] in last else -1)
        for cell in order[:MOST_ROWS]:
            table.add_row(self._cells[cell].name, self._doing[cell], self._left(cell))
        if len(order) > MOST_ROWS:
            table.add_row(f"… and {len(order) - MOST_ROWS} more", "", "")
        return table


def _fate(cell: Cell, message: dict[str, Any]) -> str:
    """Return what became of a probe, which is numbered from ``p1``."""
    call = cell.probes[int(message["probe"][1:]) - 1].kind_ is ProbeKind.INVITE
    lost = "missed" if call else "lost"
    fate = "answered" if message["delivered"] else lost
    return f"{'call' if call else 'probe'} at {message['t']:.0f} s {fate}"


def show(console: Console, scenario: Scenario, results: list[tuple[Cell, Outcome | LabError]]) -> None:
    """Print the final table: a row per cell, and why it came out so beside it, or beneath where that is too wide."""
    axes = [axis for axis, _ in results[0][0].axes] if results else []
    head = [Text(name, "bold") for name in (*axes, "verdict", "probes", *COSTS, "claim")]
    rows = [([Text(label) for _, label in cell.axes] + _columns(result), _why(result)) for cell, result in results]
    widths = [max(row[column].cell_len for row in (head, *(cells for cells, _ in rows))) for column in range(len(head))]
    lines = [_line(cells, widths) for cells in (head, *(cells for cells, _ in rows))]
    whys = [Text("why", "bold"), *(why for _, why in rows)]
    whole = [Text.assemble(line, GAP, why) if why else line for line, why in zip(lines, whys, strict=True)]
    beside = max(line.cell_len for line in whole) <= console.width
    console.print(Text(scenario.title, "italic"))
    for number, (line, why) in enumerate(zip(whole if beside else lines, whys, strict=True)):
        line.rstrip()
        console.print(line, soft_wrap=True)
        if not number:
            console.print("─" * max(line.cell_len for line in (whole if beside else lines)), soft_wrap=True)
        elif why and not beside:
            console.print(Padding(why, (0, 0, 0, BENEATH), expand=False))
    for note in cost_notes(results):
        console.print(note, style="dim", markup=False, soft_wrap=True)
    console.print()


def cost_notes(results: list[tuple[Cell, Outcome | LabError]]) -> list[str]:
    """Say what the signs beside the costs mean, as far as there are any."""
    metrics = [result.metrics for _, result in results if isinstance(result, Outcome)]
    notes = []
    if any(not one.measured for one in metrics):
        notes.append("~ estimated from the cell itself; in virtual time costs are measured in a silent hour")
    if any(one.lost for one in metrics):
        notes.append(
            "* out of reach for some time of the silent hour; `lab why CELL` says when, and what it had cost by then"
        )
    return notes


def _line(cells: list[Text], widths: list[int]) -> Text:
    numbers = range(len(cells) - 1 - len(COSTS), len(cells) - 1)
    padded = []
    for column, (cell, width) in enumerate(zip(cells, widths, strict=True)):
        padding = " " * (width - cell.cell_len)
        padded.append(Text.assemble(padding, cell) if column in numbers else Text.assemble(cell, padding))
    return Text(GAP).join(padded)


def _columns(result: Outcome | LabError) -> list[Text]:
    """What stands in the columns after the labels."""
    if isinstance(result, LabError):
        return [Text("error", "bold red"), *(Text() for _ in ("probes", *COSTS, "claim"))]
    measured = result.metrics
    costs = (
        measured.packets_per_hour,
        measured.bytes_per_hour,
        measured.radio_wakeups_per_hour,
        measured.radio_active_s_per_hour,
    )
    return [
        Text(result.verdict.value, STYLES[result.verdict]),
        Text(f"{measured.delivered}/{measured.probes}"),
        *(Text(f"{'' if measured.measured else '~'}{cost:,.0f}{'*' if measured.lost else ''}") for cost in costs),
        _claim(result),
    ]


def _why(result: Outcome | LabError) -> Text:
    if isinstance(result, LabError):
        return Text(str(result).splitlines()[0])
    why = Text(short(result))
    if not result.claim_text:
        return why
    return Text("; ").join([Text(result.claim_text, "bold red"), *([why] if why else [])])


def show_broken(console: Console, results: list[tuple[Cell, Outcome | LabError]]) -> None:
    """Print why the cells whose claim does not hold came out as they did."""
    for cell, result in results:
        if isinstance(result, Outcome) and result.claim_holds is False:
            for sentence in explain(cell, result):
                console.print(sentence, markup=False, soft_wrap=True)


def _claim(result: Outcome) -> Text:
    if result.claim_holds is None:
        return Text("none", "dim")
    return Text("holds", "green") if result.claim_holds else Text("breaks", "bold red")
