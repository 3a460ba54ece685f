"""Runs cells in worlds on this machine, as many side by side as asked."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Coroutine, Sequence
from pathlib import Path
from typing import Any, Protocol

from lab.engine.run_folder import error_from_json
from lab.errors import LabError, LabFault
from lab.record.events import LimitPassed
from lab.record.writer import FILE_NAME, conclude
from lab.worlds.base import End, Overrun, World

Message = dict[str, Any]
MakeWorld = Callable[[Callable[[Message], None], Callable[[End], None]], World]

RESTS_AFTER_S = 0.2
"""An idle world that may get more to do is suspended after this time: longer than a search thinks between two cells,
and short enough that a guest, which keeps its processor busy, costs little."""


class Pool(Protocol):
    """Runs cells and takes more while it runs, here or elsewhere.

    Attributes:
        errors: why cells could not run to their end, by their folders.
    """

    errors: dict[Path, LabError]

    def add(self, folders: Sequence[Path]) -> None:
        """Take more cells."""


class WorldPool:
    """Some worlds and the cells waiting for them.

    Args:
        make_world: builds a world that reports to the two callbacks given.
        worlds: how many worlds to start at most.
        slots: how many cells run in one world at the same time.
        ahead: how many more a world is told of, so that it need not wait for the next; only while enough others wait.
        spare: how many others; None: as many as there are worlds.
        on_message: sees all progress, ``ended`` included.
        more: given the folder of a cell that is over, and whether it ran to its end, returns further ones that follow
            from that.

    Attributes:
        errors: why cells could not run to their end, by their folders.
    """

    def __init__(
        self,
        make_world: MakeWorld,
        *,
        worlds: int,
        slots: int,
        ahead: int = 0,
        spare: int | None = None,
        on_message: Callable[[Message], None],
        more: Callable[[Path, bool], Sequence[Path]],
    ) -> None:
        self._make_world = make_world
        self._more = more
        self._worlds = worlds
        self._slots = slots
        self._ahead = ahead
        self._spare = worlds if spare is None else spare
        self._on_message = on_message
        self._waiting: deque[Path] = deque()
        self._running: dict[Path, int] = {}
        self._begun: set[Path] = set()
        self.errors: dict[Path, LabError] = {}
        self._live: dict[int, World] = {}
        self._starting: list[asyncio.Task[None]] = []
        self._stopping: list[asyncio.Task[None]] = []
        self._made = 0
        self._asking: asyncio.Task[None] | None = None
        self._resting: dict[int, asyncio.TimerHandle | None] = {}
        self._problem: Exception | None = None
        self._finished = asyncio.Event()

    async def run(
        self, folders: Sequence[Path], asking: Coroutine[Any, Any, None] | None = None
    ) -> dict[Path, LabError]:
        """Run the cells in ``folders``; returns the errors of those that could not run to their end.

        Whatever happens, cancellation included, all worlds are gone when this returns. It raises what goes wrong in the
        functions that it was given.

        Args:
            folders: of cells.
            asking: asks for more by `add` while it runs; until it has ended, worlds that have nothing to do wait for
                it. What it raises is raised here.
        """
        if not folders and asking is None:
            return {}
        self._waiting.extend(folders)
        try:
            if asking is not None:
                self._asking = asyncio.ensure_future(asking)
                self._asking.add_done_callback(lambda _: self._settle())
            for _ in range(min(self._worlds, len(folders))):
                await self._live[self._add()].start()
            await self._finished.wait()
            if self._problem is not None:
                raise self._problem
            if self._asking is not None:
                await self._asking
        finally:
            if self._asking is not None:
                self._asking.cancel()
                await asyncio.wait([self._asking])
            await asyncio.gather(*self._starting)
            for number in list(self._live):
                self._stop(number)
            await asyncio.gather(*self._stopping)
        return self.errors

    def add(self, folders: Sequence[Path]) -> None:
        """Take more cells, while the coroutine that asks for them runs."""
        self._waiting.extend(folders)
        for number in list(self._resting):
            self._fill(number)
        for _ in range(min(self._worlds - len(self._live), len(self._waiting))):
            self._starting.append(asyncio.ensure_future(self._start(self._add())))

    def _add(self) -> int:
        """Make one more world, not yet started, and return its number."""
        number = self._made = self._made + 1
        self._live[number] = self._make_world(
            lambda message: self._guarded(lambda: self._take(number, message)),
            lambda end: self._guarded(lambda: self._lose(number, end)),
        )
        return number

    def _guarded(self, work: Callable[[], None]) -> None:
        """Do some work for a world; a bug in it ends the run, which would otherwise wait for ever."""
        try:
            work()
        except Exception as problem:  # noqa: BLE001  (`run` raises it)
            self._problem = self._problem or problem
            self._finished.set()

    async def _start(self, number: int) -> None:
        """Start a world in the place of one that was lost."""
        try:
            await self._live[number].start()
        except OSError as problem:
            self._lose(number, LabFault("start another world", detail=str(problem)))

    def _take(self, number: int, message: Message) -> None:
        if "cell" in message:
            self._begun.add(Path(message["cell"]))
        if message["ev"] == "error":
            self.errors[Path(message["cell"])] = error_from_json(message)
        if message["ev"] == "ended":
            folder = Path(message["cell"])
            self._running.pop(folder, None)
            if message["status"] != 0 and folder not in self.errors:
                self.errors[folder] = LabFault("the cell's process ended early", detail=f"status {message['status']}")
            self._waiting.extendleft(reversed(self._more(folder, folder not in self.errors)))
        if message["ev"] in ("up", "ended"):
            self._fill(number)
        self._on_message(message)

    def _fill(self, number: int) -> None:
        if number not in self._live:  # it is being stopped: nothing waits
            return
        if self._waiting:
            self._wake(number)
        while self._waiting and self._has_room(number):
            folder = self._waiting.popleft()
            self._running[folder] = number
            self._live[number].run(folder)
        if number not in self._running.values():
            self._rest(number)
        self._settle()

    def _settle(self) -> None:
        """See whether all is over, or whoever asks for cells has failed."""
        asked_for_all = self._asking is None or self._asking.done()
        failed = self._asking is not None and self._asking.done() and _failed(self._asking)
        if failed or (asked_for_all and not self._waiting and not self._running):
            self._finished.set()

    def _rest(self, number: int) -> None:
        """Stop a world that has nothing to do, as an idle guest keeps a processor busy; suspend it if more may come."""
        if self._asking is None or self._asking.done():
            self._stop(number)
        elif number not in self._resting:
            loop = asyncio.get_running_loop()
            self._resting[number] = loop.call_later(RESTS_AFTER_S, self._suspend, number)

    def _suspend(self, number: int) -> None:
        self._resting[number] = None
        self._live[number].suspend()

    def _wake(self, number: int) -> None:
        """Let a world that rests go on."""
        if number in self._resting:
            timer = self._resting.pop(number)
            if timer is None:
                self._live[number].resume()
            else:
                timer.cancel()

    def _has_room(self, number: int) -> bool:
        told = sum(1 for world in self._running.values() if world == number)
        return told < self._slots + (self._ahead if len(self._waiting) > self._spare else 0)

    def _stop(self, number: int) -> None:
        self._wake(number)
        self._stopping.append(asyncio.ensure_future(self._live.pop(number).stop()))

    def _lose(self, number: int, end: End) -> None:
        """Handle the end of a world and of its work; start another one for the waiting cells.

        If it had not begun a cell, the next would not either; if it was the last as well, nobody runs those that wait.
        """
        if end is None:
            return
        self._live.pop(number, None)
        if timer := self._resting.pop(number, None):
            timer.cancel()
        lost = [folder for folder, world in self._running.items() if world == number]
        worked = any(folder in self._begun for folder in lost)
        goes_on = bool(self._live) or worked
        if goes_on:
            lost, known = lost[: self._slots], lost[self._slots :]  # in the order in which it was told of them
            for folder in reversed(known):  # not begun: another world runs it
                del self._running[folder]
                self._waiting.appendleft(folder)
        else:
            lost += self._waiting
            self._waiting.clear()
        for folder in lost:
            self._running.pop(folder, None)
            self._note(folder, end)
            (self._waiting if goes_on else lost).extend(self._more(folder, False))  # noqa: FBT003
        if worked and self._waiting:
            self._starting.append(asyncio.ensure_future(self._start(self._add())))
        for other in {*self._running.values(), *self._resting}:
            self._fill(other)
        self._settle()

    def _note(self, folder: Path, end: LabError | Overrun) -> None:
        """Say what became of a cell whose world ended: an error, or an observation of its client."""
        if isinstance(end, Overrun):
            conclude(folder / FILE_NAME, LimitPassed(actor="client", what=end.what))
        else:
            self.errors.setdefault(folder, end)
        self._on_message({"ev": "ended", "cell": str(folder), "status": 0 if isinstance(end, Overrun) else -1})


def _failed(task: asyncio.Task[None]) -> bool:
    return task.cancelled() or task.exception() is not None
