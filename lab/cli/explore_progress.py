"""Shows a search while it goes on: findings as they come, and one line about how far it is.

Where the output is not a terminal, the line is printed at each tenth of the way to the bound.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.live import Live
from rich.text import Text
from typing_extensions import Self

from lab.engine.run_folder import RunFolder
from lab.exploration.explore import Prepared
from lab.exploration.finding import Finding
from lab.exploration.found_file import what_happens
from lab.exploration.search import Result
from lab.report import terminal
from lab.report.paths import shown
from lab.units import counted, short_time
from lab.worlds.clock import Clock

STEPS = 10


class ExploreProgress:
    """The progress of a search.

    Args:
        console: where it is shown.
        prepared: the search.
        clock: real or virtual.
    """

    def __init__(self, console: Console, prepared: Prepared, clock: Clock) -> None:
        self._console = console
        self._prepared = prepared
        self._clock = clock
        self._bounds = prepared.wish.bounds
        self._began = self._bounds.now()
        self._result = Result(seed=prepared.wish.seed)
        self._step = 0
        self._live = Live(get_renderable=self._line, console=console, refresh_per_second=2, transient=True)

    def __enter__(self) -> Self:
        if self._console.is_terminal:
            self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._console.is_terminal:
            self._live.stop()

    def watch(self, folder: RunFolder) -> Callable[[dict[str, Any]], None]:
        """Say what begins; progress messages of single cells are not shown."""
        starts = self._prepared.starts
        strategy = starts[0].cell.strategy.name
        cells = "" if len(starts) == 1 else f" in {counted(len(starts), 'cell')}"
        kinds = len({course.name for menu in self._prepared.menus for course in menu.courses})
        told = f"{strategy}{cells} against {counted(kinds, 'kind')} of faults, {self._clock.value} time"
        terminal.say(self._console, f"{self._prepared.scenario.name}: {told}, into {shown(folder.path)}")
        return lambda _: None

    def tell(self, finding: Finding) -> None:
        """Print a finding."""
        known = ", known before" if finding.before else ""
        text = f"found{known}: {what_happens(finding.timeline)}: {finding.breach.text}"
        terminal.say(self._console, text, style="red")
        if finding.file:
            terminal.say(self._console, f"    {shown(Path(finding.file))}")

    def note(self, result: Result) -> None:
        """Take note of how far it is."""
        self._result = result
        if self._console.is_terminal:
            return
        step = int(self._share() * STEPS)
        if step > self._step:
            self._step = step
            terminal.say(self._console, f"{step * 100 // STEPS:3} % done: {self._told()}")

    def _share(self) -> float:
        """Return how far it is on the way to the nearer bound, 0 to 1."""
        passed, bounds = self._bounds.now() - self._began, self._bounds
        by_time = 0.0 if not bounds.seconds else passed / bounds.seconds
        by_count = 0.0 if bounds.timelines is None else self._result.tried / bounds.timelines
        return min(1.0, max(by_time, by_count))

    def _told(self) -> str:
        result, passed = self._result, short_time(self._bounds.now() - self._began)
        doubts = f", {len(result.doubts)} inconclusive" if result.doubts else ""
        told = f"{counted(result.tried, 'timeline')} in {counted(result.cells, 'cell')}{doubts}"
        return f"{told}, {counted(len(result.findings), 'finding')} after {passed}"

    def _line(self) -> Text:
        return Text(f"{self._share():4.0%} {self._told()}")
