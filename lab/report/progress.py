"""Shows a run while it goes on: one line about the whole, and below it as many cells as the window has room for.

Where the output is not a terminal, a line for each tenth of the work takes the place of both.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from rich.console import Console, Group
from rich.live import Live
from rich.text import Text
from typing_extensions import Self

from lab.model.scenario import Cell, ProbeKind
from lab.report.verbosity import Verbosity
from lab.units import short_time

WAITING, DONE, BROKEN_OFF = "waiting", "done", "did not finish"
OVER = (DONE, BROKEN_OFF)

STEPS = 10
"""Lines that a run prints where the output is not a terminal."""
BAR = 16
"""Columns of the bar."""
SPARE_LINES = 2
"""Lines of the window left free: the one below the view, and the one with the command."""
DOING = 24
"""Columns for what a cell is doing: `call at 1200 s answered`."""
LEFT = 8
"""Columns for the time that a cell has left."""
GAP = "  "


@dataclass(slots=True)
class _Row:
    """One cell, or a twin of one.

    Attributes:
        doing: the last thing that was heard of it.
        silent_since: when its client fell silent, by the machine's clock; None: not yet.
        t: the time in the cell of the last message, seconds.
        changed: the number of the last message about it, so that the newest come first.
    """

    cell: Cell
    twin: bool
    doing: str = WAITING
    silent_since: float | None = None
    t: float = 0.0
    changed: int = 0

    @property
    def over(self) -> bool:
        return self.doing in OVER

    @property
    def busy(self) -> bool:
        return not self.over and self.doing != WAITING


class Progress:
    """The state of each cell, from progress messages.

    Args:
        console: where it is shown.
        clock: ``real``, where time left is counted between messages, or ``virtual``, where it jumps.
        verbosity: ``VERBOSE`` prints a line for each cell that ends.
        now: the machine's clock, seconds.
    """

    def __init__(
        self,
        console: Console,
        *,
        clock: str,
        verbosity: Verbosity = Verbosity.NORMAL,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._console = console
        self._clock = clock
        self._verbosity = verbosity
        self._now = now
        self._rows: dict[str, _Row] = {}
        self._began = now()
        self._messages = 0
        self._step = 0
        self._live = Live(get_renderable=self.view, console=console, refresh_per_second=4, transient=True)

    def expect(self, cells: dict[str, Cell], *, twins: bool = False) -> None:
        """Take note of cells to come, by the text of their folder, as messages name them."""
        self._rows.update({name: _Row(cell, twins) for name, cell in cells.items()})

    def __enter__(self) -> Self:
        self._began = self._now()
        if self._console.is_terminal:
            self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._console.is_terminal:
            self._live.stop()

    def take(self, message: dict[str, Any]) -> None:
        """Show one progress message."""
        event = message["ev"]
        if event in ("twin", "cell"):
            self.expect({str(message["cell"]): message["value"]}, twins=event == "twin")
            return
        row = self._rows.get(str(message.get("cell")))
        if row is None:
            return
        self._messages += 1
        row.changed = self._messages
        if event == "phase":
            row.doing = message["phase"]
            if message["phase"] == "silent":
                row.silent_since = self._now()
        elif event == "time":
            row.t = message["t"]
        elif event == "probe":
            row.doing, row.t = _fate(row.cell, message), message["t"]
        elif event == "error":
            row.doing = f"error: {message['text'].splitlines()[-1]}"
        elif event == "ended":
            row.doing = DONE if message["status"] == 0 else BROKEN_OFF
            self._print_end(row)

    def view(self) -> Group:
        """Return the view for a terminal: the line about the whole, then cells."""
        return Group(self._whole(), *self._cells())

    def _print_end(self, row: _Row) -> None:
        """Print that a cell is over, or that another tenth of the work is done, where that is wanted."""
        if row.doing == BROKEN_OFF or (self._verbosity is Verbosity.VERBOSE and not row.twin):
            self._console.print(f"{row.cell.name}: {row.doing}", markup=False, soft_wrap=True)
        if self._console.is_terminal:
            return
        over = sum(each.over for each in self._rows.values())
        step = over * STEPS // len(self._rows)
        if step > self._step:
            self._step = step
            self._console.print(f"{step * 100 // STEPS:3} % done: {self._counts()}{self._rate()}", soft_wrap=True)

    def _whole(self) -> Text:
        over = sum(each.over for each in self._rows.values())
        full = over * BAR // max(1, len(self._rows))
        bar = Text.assemble(("━" * full, "green"), ("─" * (BAR - full), "dim"))
        line = Text.assemble(bar, f" {self._counts()}{self._rate()}")
        line.truncate(self._console.width, overflow="ellipsis")
        return line

    def _counts(self) -> str:
        twins = [row for row in self._rows.values() if row.twin]
        own = [row for row in self._rows.values() if not row.twin]
        told = f"{sum(row.over for row in own)}/{len(own)} cells"
        return f"{told}, {sum(row.over for row in twins)}/{len(twins)} twins" if twins else told

    def _rate(self) -> str:
        """Say how fast it goes, and how long it may take: judged by what is over; in real time by what cells need."""
        over = sum(row.over for row in self._rows.values())
        rest = [row for row in self._rows.values() if not row.over]
        passed = self._now() - self._began
        pace = over * 60 / passed if passed > 0 else 0.0
        rate = f", {pace:.{0 if pace >= 10 else 1}f} a minute" if over else ""
        if not rest:
            return rate
        if self._clock == "real":
            busy = sum(row.busy for row in rest)
            needed = [self._left(row) for row in rest]
            left = max(*needed, sum(needed) / max(1, busy)) if busy else None
        else:
            left = passed / over * len(rest) if over else None
        return rate if left is None else f"{rate}, about {short_time(left)} left"

    def _left(self, row: _Row) -> float:
        """Return the seconds of its own time that a cell has left."""
        passed = row.t
        if self._clock == "real":
            passed = 0.0 if row.silent_since is None else self._now() - row.silent_since
        return max(0.0, float(row.cell.ends) - passed)

    def _cells(self) -> Iterator[Text]:
        """Yield a line for each cell there is room for: all in order, or the busy ones and then the newest."""
        room = max(0, self._console.height - 1 - SPARE_LINES)
        rows = [row for row in self._rows.values() if not row.twin or row.busy]
        if len(rows) > room:
            ranked = sorted(rows, key=lambda row: (not row.busy, -row.changed))
            rows = ranked[: max(0, room - 1)]
        name = min(
            max((len(row.cell.name) for row in rows), default=0), self._console.width - DOING - LEFT - 2 * len(GAP)
        )
        for row in rows:
            yield self._line(row, max(8, name))
        waiting = sum(row.doing == WAITING for row in self._rows.values() if not row.twin)
        if waiting and 0 < room < len(self._rows):
            yield Text(f"{waiting} {'cell waits' if waiting == 1 else 'cells wait'}", style="dim")

    def _line(self, row: _Row, width: int) -> Text:
        left = short_time(self._left(row)) if row.busy and row.silent_since is not None else ""
        parts = (row.cell.name, width), (row.doing, DOING)
        cut = []
        for text, columns in parts:
            part = Text(text)
            part.truncate(columns, overflow="ellipsis", pad=True)
            cut.append(part)
        line = Text(GAP).join([*cut, Text(f"{left:>{LEFT}}")])
        line.rstrip()
        line.stylize("dim" if not row.busy else "")
        return line


def _fate(cell: Cell, message: dict[str, Any]) -> str:
    """Return what became of a probe, which is numbered from ``p1``."""
    call = cell.probes[int(message["probe"][1:]) - 1].kind_ is ProbeKind.INVITE
    lost = "missed" if call else "lost"
    fate = "answered" if message["delivered"] else lost
    return f"{'call' if call else 'probe'} at {message['t']:.0f} s {fate}"
