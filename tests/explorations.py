"""Helps tests of searches: menus of a scenario of the library, and judges that run nothing."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from lab.exploration.bounds import Bounds
from lab.exploration.found_file import Story
from lab.exploration.invariant import Breach, Judgement
from lab.exploration.menu import Menu, menu
from lab.exploration.search import Result, Search
from lab.exploration.starts import Start, starts
from lab.exploration.timeline import Timeline
from lab.loader.load import load

Says = Callable[[Timeline], Judgement]
IDLE = Path("article/idle-subscription")
HELD = Judgement()


def broken(cause: str) -> Judgement:
    """A timeline that breaks the invariant."""
    return Judgement(breach=Breach(cause=cause, text=f"{cause} at once"))


def starts_of(scenario: Path = IDLE, strategy: str = "hold-transport") -> tuple[Start, ...]:
    """The cells of a scenario with a strategy, without anything that goes wrong."""
    return starts(load(scenario), strategy)


def menus_of(*words: str, scenario: Path = IDLE, strategy: str = "hold-transport") -> list[Menu]:
    """What can happen to them."""
    return [menu(start.cell, words, "a.yaml") for start in starts_of(scenario, strategy)]


class FakeLab:
    """Judges timelines by a function, and counts.

    Attributes:
        asked: the timelines that were judged, in order.
        confirmed: those that were run again.
    """

    def __init__(self, says: Says, again: Says | None = None) -> None:
        self._says = says
        self._again = again or says
        self.asked: list[Timeline] = []
        self.confirmed: list[Timeline] = []

    async def judge(self, timeline: Timeline) -> Judgement:
        """As the lab would run it."""
        self.asked.append(timeline)
        await asyncio.sleep(0)
        return self._says(timeline)

    async def confirm(self, timeline: Timeline, _breach: Breach, _story: Story) -> tuple[Judgement, str]:
        """As the lab would run its scenario."""
        self.confirmed.append(timeline)
        return self._again(timeline), "found.yaml"


def searched(
    lab: FakeLab,
    menus: list[Menu],
    *,
    seed: int = 1,
    bounds: Bounds | None = None,
    known: Iterable[Timeline] = (),
    **more: Any,
) -> Result:
    """What a search comes to."""

    async def search() -> Result:
        limits = bounds or Bounds(seconds=None, timelines=60)
        searching = Search(menus, seed=seed, bounds=limits, judge=lab.judge, confirm=lab.confirm, known=known, **more)
        return await searching.run()

    return asyncio.run(search())
