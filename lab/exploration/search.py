"""Searches for timelines that break the invariant: draws some, judges them, shrinks what broke it, and confirms it.

It draws a batch of timelines and judges them side by side. Those that break the invariant in a way that no finding
explains are shrunk, one after the other for each cause, all causes side by side. Nothing that a search finds depends on
which cell ends first, so the same seed and number of timelines give the same findings.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Sequence
from concurrent.futures import CancelledError, ThreadPoolExecutor
from dataclasses import dataclass, field
from random import Random

from lab.exploration.bounds import MOST_SHRINKING, Bounds
from lab.exploration.finding import Finding, explained, size
from lab.exploration.found_file import Story
from lab.exploration.generation import drawn, least
from lab.exploration.invariant import Breach, Judgement
from lab.exploration.menu import Menu
from lab.exploration.timeline import Timeline

BATCH = 16
"""Timelines that are drawn together: enough to keep some processors busy, few enough to see findings soon."""
DRY = 5
"""Batches without a new timeline after which there is most likely none left."""

Judge = Callable[[Timeline], Awaitable[Judgement]]
"""Runs a timeline once."""
Confirm = Callable[[Timeline, Breach, Story], Awaitable[tuple[Judgement, str]]]
"""Writes a scenario of a timeline and runs that; returns what it showed, and the file."""


@dataclass(kw_only=True)
class Result:
    """The result of a search.

    Attributes:
        seed: of the draws.
        findings: what breaks the invariant, in an order that depends on nothing else.
        tried: timelines that were judged, without those that shrinking took.
        cells: all that were run, without twins.
        doubts: why timelines showed nothing, one text for each.
        errors: what kept cells from running to their end, and the exit status of that.
        failed: timelines among those tried whose cell did not run to its end.
        unsteady: timelines that broke the invariant and did not when they were run again.
        gone: timelines of earlier searches that break nothing any more.
        exhausted: whether there was nothing else to try.
    """

    seed: int
    findings: list[Finding] = field(default_factory=list)
    tried: int = 0
    cells: int = 0
    doubts: list[str] = field(default_factory=list)
    errors: list[tuple[str, int]] = field(default_factory=list)
    failed: int = 0
    unsteady: list[Timeline] = field(default_factory=list)
    gone: list[Timeline] = field(default_factory=list)
    exhausted: bool = False

    @property
    def known(self) -> int:
        """The number of timelines that showed whether they break the invariant."""
        return self.tried - len(self.doubts) - self.failed


class Search:
    """A search for what breaks a strategy.

    Attributes:
        result: what it has come to so far.

    Args:
        menus: what can happen, a menu for each cell to which it can happen.
        seed: of the draws.
        bounds: when it ends.
        judge: runs a timeline.
        confirm: runs a timeline again, from a scenario file.
        known: timelines that earlier searches have found.
        tell: takes each finding when it is confirmed.
        note: takes what the search has come to, whenever a cell is over.
        side_by_side: how many cells may wait or run at once.
    """

    def __init__(
        self,
        menus: Sequence[Menu],
        *,
        seed: int,
        bounds: Bounds,
        judge: Judge,
        confirm: Confirm,
        known: Iterable[Timeline] = (),
        tell: Callable[[Finding], None] = lambda _: None,
        note: Callable[[Result], None] = lambda _: None,
        side_by_side: int = BATCH,
    ) -> None:
        self.result = Result(seed=seed)
        self._menus = menus
        self._bounds = bounds
        self._judge_once = judge
        self._confirm = confirm
        self._known = list(known)
        self._tell = tell
        self._note = note
        self._slots = asyncio.Semaphore(side_by_side)
        # threads of their own: those of the event loop must stay free for what they wait for
        self._threads = ThreadPoolExecutor(side_by_side, thread_name_prefix="shrinks")
        self._deadline = bounds.deadline()
        self._judged: dict[str, asyncio.Future[Judgement | None]] = {}
        self._confirming = asyncio.Lock()
        self._stopped = False

    async def run(self) -> Result:
        """Search until a bound."""
        try:
            await self._look_at([Timeline(start=menu.start.name) for menu in self._menus])
            await self._look_at(self._possible(self._known), known=True)
            await self._draw()
        finally:
            self._stopped = True  # a thread that shrinks ends
            self._threads.shutdown(wait=False)
        self.result.findings.sort(key=_order)
        return self.result

    async def _draw(self) -> None:
        number = dry = 0
        while not self._over and dry < DRY:
            number += 1
            seed = Random(f"{self.result.seed} {number}").getrandbits(64)  # noqa: S311  (no secret)
            count = BATCH if self._bounds.timelines is None else min(BATCH, self._bounds.timelines - self.result.tried)
            timelines = await asyncio.to_thread(drawn, self._menus, seed, BATCH)
            fresh = [each for each in timelines if each.digest not in self._judged][:count]
            dry = 0 if fresh else dry + 1
            await self._look_at(fresh, seed=seed)
        self.result.exhausted = dry == DRY

    @property
    def _late(self) -> bool:
        return self._stopped or self._bounds.now() >= self._deadline

    @property
    def _over(self) -> bool:
        most = self._bounds.timelines
        return self._late or (most is not None and self.result.tried >= most)

    def _possible(self, timelines: Iterable[Timeline]) -> list[Timeline]:
        menus = {menu.start.name: menu for menu in self._menus}
        found = [each for each in timelines if each.start in menus and menus[each.start].possible(each)]
        return [each for each in found if each.digest not in self._judged]

    async def _look_at(self, timelines: Sequence[Timeline], *, seed: int | None = None, known: bool = False) -> None:
        """Judge timelines, and shrink those that break the invariant in a new way; without a seed none is shrunk."""
        judged = await asyncio.gather(*(self._judge(each) for each in timelines))
        broken: dict[str, list[tuple[Timeline, Breach]]] = {}
        for timeline, judgement in zip(timelines, judged, strict=True):
            if judgement is None:
                continue
            self.result.tried += 1
            if judgement.doubt:
                self.result.doubts.append(judgement.doubt)
            self.result.failed += bool(judgement.error)
            if judgement.breach is not None:
                broken.setdefault(judgement.breach.cause, []).append((timeline, judgement.breach))
            elif known and not (judgement.doubt or judgement.error):
                self.result.gone.append(timeline)
        await asyncio.gather(*(self._settle(each, seed, known=known) for each in broken.values()))

    async def _settle(self, broken: list[tuple[Timeline, Breach]], seed: int | None, *, known: bool) -> None:
        """Turn timelines that break the invariant for one cause into findings."""
        for timeline, breach in broken:
            if explained(self.result.findings, timeline, breach):
                continue
            smallest, cells = timeline, 0
            if seed is not None:
                loop = asyncio.get_running_loop()
                shrinking = loop.run_in_executor(self._threads, self._shrunk, timeline, breach, seed, loop)
                smallest, cells = await shrinking
            await self._report(smallest, breach, Story(self.result.seed, size(timeline), cells), known=known)

    async def _report(self, timeline: Timeline, first: Breach, story: Story, *, known: bool) -> None:
        judged = await self._judge(timeline)
        breach = judged.breach if judged is not None and judged.breach is not None else first
        async with self._confirming:
            self.result.cells += 1
            again, file = await self._confirm(timeline, breach, story)
        if again.breach is None or again.breach.cause != breach.cause:
            self.result.unsteady.append(timeline)
            return
        finding = Finding(
            timeline=timeline,
            breach=again.breach,
            shrunk_from=story.shrunk_from,
            cells=story.cells,
            before=known,
            file=file,
        )
        self.result.findings.append(finding)
        self._tell(finding)

    def _shrunk(
        self, timeline: Timeline, breach: Breach, seed: int, loop: asyncio.AbstractEventLoop
    ) -> tuple[Timeline, int]:
        """Return the least timeline that breaks the invariant for the same cause, and how many cells that took.

        It runs in a thread of its own, as Hypothesis waits for each answer.
        """
        begun = False
        asked: set[str] = set()

        def breaks(other: Timeline) -> bool:
            nonlocal begun
            if not begun:
                begun = other.digest == timeline.digest
                return begun
            if self._stopped:
                return False
            if other.digest not in self._judged:
                if len(asked) >= MOST_SHRINKING or self._late:
                    return False
                asked.add(other.digest)
            try:
                judged = asyncio.run_coroutine_threadsafe(self._judge(other), loop).result()
            except (CancelledError, RuntimeError):  # the run was interrupted, its loop may be closed
                self._stopped = True
                return False
            again = None if judged is None else judged.breach
            same = again is not None and again.cause == breach.cause
            return same and again is not None and not explained(self.result.findings, other, again)

        return least(self._menus, seed, BATCH, breaks) or timeline, len(asked)

    async def _judge(self, timeline: Timeline) -> Judgement | None:
        """Run a timeline, once in a search; None: there is no time left."""
        digest = timeline.digest
        if digest not in self._judged:
            self._judged[digest] = asyncio.ensure_future(self._run(timeline))
        judged = await asyncio.shield(self._judged[digest])
        if judged is None:
            self._judged.pop(digest, None)
        return judged

    async def _run(self, timeline: Timeline) -> Judgement | None:
        async with self._slots:
            if self._late:
                return None
            judged = await self._judge_once(timeline)
            self.result.cells += 1
            if judged.error:
                self.result.errors.append((judged.error, judged.exit_code))
            self._note(self.result)
            return judged


def _order(finding: Finding) -> tuple[object, ...]:
    return size(finding.timeline), finding.breach.cause, sorted(finding.timeline.kinds), finding.timeline.digest
