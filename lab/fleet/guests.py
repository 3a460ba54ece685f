"""Keeps guests warm on a worker, and runs in them what comes."""

from __future__ import annotations

import asyncio
import itertools
import shutil
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from lab.certificates import SPAN
from lab.clients.catalog import client_of
from lab.engine.world_jobs import Batch, in_worlds
from lab.engine.world_pool import Pool
from lab.errors import LabError, LabFault
from lab.ledger import Ledger, workplace
from lab.model.scenario import Cell
from lab.servers.catalog import server_of
from lab.worlds.base import Message
from lab.worlds.clock import Clock

IDLE_S = 60.0
"""Guests end when there was nothing to do for so long: their memory is free again, and their clocks begin anew with the
host's. Booting one takes half a second (docs/performance.md)."""
OLD_S = SPAN.total_seconds() / 4
"""Guests end once they have lived for so long on average: the clock of each runs ahead of the host's, and a run's
certificates are valid for ``SPAN`` after they are made. A quarter, as one may get more to do than the others."""


@dataclass(frozen=True)
class Kind:
    """The properties of guests that cells depend on.

    Attributes:
        job: what they do in a folder, see ``lab.runner.cell_worker``.
        memory_mb: of each.
        visible: folders of this machine that they see.
        modules: what they import before they fork.
    """

    job: str
    memory_mb: int
    visible: frozenset[str]
    modules: frozenset[str]

    @classmethod
    def for_cell(cls, cell: Cell, job: str, memory_mb: int) -> Kind:
        """Return the kind that a cell needs."""
        modules = (*client_of(cell).modules, *server_of(cell).modules)
        return cls(job, memory_mb, frozenset(map(str, client_of(cell).visible(cell))), frozenset(modules))

    def can_run(self, other: Kind) -> bool:
        """Return whether cells that need the other kind run in these guests."""
        alike = (self.job, self.memory_mb) == (other.job, other.memory_mb)
        return alike and other.visible <= self.visible and other.modules <= self.modules

    def together(self, other: Kind) -> Kind:
        """Return the kind that can run cells of both, if job and memory are the same; else the other."""
        if (self.job, self.memory_mb) != (other.job, other.memory_mb):
            return other
        return Kind(self.job, self.memory_mb, self.visible | other.visible, self.modules | other.modules)


class Guests:
    """The guests of one worker.

    Args:
        count: how many.
    """

    def __init__(self, count: int) -> None:
        self._count = count
        self._numbers = itertools.count(1)
        self._stack = ExitStack()
        self._ledger, self.place = self._stack.enter_context(workplace("worker"))
        self._current: _WarmPool | None = None
        self._all: set[_WarmPool] = set()

    def pool(self, kind: Kind, lasts_s: float) -> _WarmPool:
        """Return guests that can run a cell of a kind, which lasts so long; the current ones as long as they can."""
        old = self._current
        if old is None or old.is_over or not old.kind.can_run(kind) or old.lived_s > OLD_S * self._count:
            whole = kind if old is None else old.kind.together(kind)
            place = self.place / str(next(self._numbers))
            place.mkdir()
            self._current = _WarmPool(whole, place, self._ledger, self._count, self._all.discard)
            self._all.add(self._current)
            if old is not None:
                old.retire()
        assert self._current is not None
        self._current.lived_s += lasts_s
        return self._current

    async def close(self) -> None:
        """End all guests, and remove what is left of their work."""
        await asyncio.gather(*(pool.end() for pool in list(self._all)))
        self._stack.close()


class _WarmPool:
    """Guests of one kind.

    Attributes:
        kind: theirs.
        place: the folder that they may write.
        lived_s: how far their clocks have run, all together.
    """

    def __init__(
        self, kind: Kind, place: Path, ledger: Ledger, count: int, forget: Callable[[_WarmPool], object]
    ) -> None:
        self.kind = kind
        self.place = place
        self.lived_s = 0.0
        self._forget = forget
        self._pool: asyncio.Future[Pool] = asyncio.get_running_loop().create_future()
        self._enough = asyncio.Event()
        self._told: dict[str, Callable[[Message], None]] = {}
        self._ended: dict[str, asyncio.Future[None]] = {}
        self._idle: asyncio.TimerHandle | None = None
        batch = Batch(
            job=kind.job,
            folders=(),
            writable=place,
            clock=Clock.VIRTUAL,
            memory_mb=kind.memory_mb,
            ledger=ledger,
            on_message=self._take,
            side_by_side=count,
            visible=tuple(sorted(kind.visible)),
            modules=tuple(sorted(kind.modules)),
            asking=self._ask,
            spare=0,
        )
        self._work = asyncio.ensure_future(in_worlds(batch, []))
        self._work.add_done_callback(self._over)

    @property
    def is_over(self) -> bool:
        """True if it takes no more cells."""
        return self._enough.is_set() or self._work.done()

    async def run(self, folder: Path, tell: Callable[[Message], None]) -> LabError | None:
        """Run the cell in ``folder``, below `place`; return what kept it from running to its end.

        Args:
            folder: of the cell.
            tell: takes its progress messages.
        """
        if self._idle is not None:
            self._idle.cancel()
        key = str(folder)
        self._told[key], self._ended[key] = tell, asyncio.get_running_loop().create_future()
        try:
            pool = await self._pool
            pool.add([folder])
            await self._ended[key]
            return pool.errors.pop(folder, None)
        except LabError as error:
            return error
        finally:
            del self._told[key], self._ended[key]
            if not self._ended:
                self._idle = asyncio.get_running_loop().call_later(IDLE_S, self.retire)

    def retire(self) -> None:
        """Take no more cells; end when those are over that were taken."""
        self._enough.set()

    async def end(self) -> None:
        """End at once."""
        if self._idle is not None:
            self._idle.cancel()
        self._work.cancel()
        await asyncio.wait([self._work])

    async def _ask(self, pool: Pool) -> None:
        self._pool.set_result(pool)
        await self._enough.wait()

    def _take(self, message: Message) -> None:
        key = message.get("cell", "")
        if key in self._told:
            self._told[key](message)
        if message["ev"] == "ended" and key in self._ended and not self._ended[key].done():
            self._ended[key].set_result(None)

    def _over(self, work: asyncio.Future[dict[Path, LabError]]) -> None:
        """Say to all that still wait that no guest will run their cells."""
        self._forget(self)
        failure = None if work.cancelled() else work.exception()
        error = failure if isinstance(failure, LabError) else LabFault("the guests ended", detail=str(failure or ""))
        if not self._pool.done():
            self._pool.set_exception(error)
            self._pool.exception()  # seen, if nobody waits
        for waiting in self._ended.values():
            if not waiting.done():
                waiting.set_exception(error)
        shutil.rmtree(self.place, ignore_errors=True)
