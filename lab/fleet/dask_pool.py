"""Sends the cells of a run to Dask as tasks, and puts what comes back into their folders."""

from __future__ import annotations

import asyncio
import itertools
import secrets
from collections import deque
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from distributed import Client, Future, KilledWorker
from distributed.client import FutureCancelledError

from lab.engine.run_folder import error_from_json
from lab.engine.world_jobs import Batch
from lab.errors import HostNotCapable, LabError, LabFault
from lab.fleet import payload
from lab.fleet.attempts import Attempts
from lab.fleet.capabilities import needs
from lab.fleet.worker import BEGUN, TOPIC, run_cell
from lab.fleet.workers import Workers
from lab.runner import cell_file

KEY = "lab-cell"
"""Dask learns how long tasks take by the first part of their keys."""
GONE = "the Dask scheduler has ended, or cannot be reached"
LOOKS_EVERY_S = 2.0
"""How often the scheduler is asked for its workers: as often as Dask's own client does."""
WAITS_S = 60.0
"""How long cells wait for a worker that can run them, once there is none: a machine that starts again takes so long."""


class DaskPool:
    """The cells of a run that Dask runs; what `WorldPool` is for worlds of this process.

    Dask has as many cells as its workers take, two for each guest. All others wait here: what follows from a cell goes
    before them.

    Args:
        client: connected, asynchronous.
        batch: what is to be done.
        workers: the account of those there are.
        most: how many cells are with Dask at the same time; None: as many as keep its workers busy.
        captures: whether they come back.
        say: takes a sentence about each worker that is not used.

    Attributes:
        errors: why cells could not run to their end, by their folders.
    """

    def __init__(
        self,
        client: Client,
        batch: Batch,
        workers: Workers,
        *,
        most: int | None,
        captures: bool,
        say: Callable[[str], None],
    ) -> None:
        self._client = client
        self._batch = batch
        self._workers = workers
        self._most = most
        self._captures = captures
        self._say = say
        self._run = secrets.token_hex(8)
        self._numbers = itertools.count(1)
        self._waiting: deque[Path] = deque()
        self._running: dict[Path, asyncio.Task[None]] = {}
        self._tasks: dict[str, _Task] = {}
        self._hopeless: dict[tuple[str, ...], str] = {}
        self._gone = ""
        self.errors: dict[Path, LabError] = {}
        self._asking: asyncio.Task[None] | None = None
        self._finished = asyncio.Event()

    async def run(
        self, folders: Sequence[Path], asking: Coroutine[Any, Any, None] | None = None
    ) -> dict[Path, LabError]:
        """Run the cells in ``folders``; returns the errors of those that could not run to their end.

        Whatever happens, Dask knows none of the cells any more when this returns.

        Args:
            folders: of cells.
            asking: asks for more by `add` while it runs. What it raises is raised here.
        """
        self._client.subscribe_topic(TOPIC, self._hear)
        watching = asyncio.ensure_future(self._watch())
        watching.add_done_callback(self._see_failure)
        try:
            if asking is not None:
                self._asking = asyncio.ensure_future(asking)
                self._asking.add_done_callback(lambda _: self._settle())
            self.add(folders)
            self._settle()
            await self._finished.wait()
            for task in (watching, *self._running.values()):
                if task.done():
                    await task
            if self._asking is not None:
                await self._asking
        finally:
            await self._end(watching)
        return self.errors

    def add(self, folders: Sequence[Path]) -> None:
        """Take more cells."""
        self._waiting.extend(folders)
        self._fill()

    async def _end(self, watching: asyncio.Future[None]) -> None:
        """Stop whatever goes on."""
        going_on = [watching, *self._running.values(), *([] if self._asking is None else [self._asking])]
        for task in going_on:
            task.cancel()
        await asyncio.wait(going_on)
        if not self._gone:
            self._client.unsubscribe_topic(TOPIC)

    def _fill(self) -> None:
        room = max(1, self._workers.tasks) if self._most is None else self._most
        while self._waiting and len(self._running) < room:
            folder = self._waiting.popleft()
            self._running[folder] = asyncio.ensure_future(self._see_to(folder))
            self._running[folder].add_done_callback(self._see_failure)

    def _settle(self) -> None:
        """See whether all is over, or whoever asks for cells has failed."""
        asked_for_all = self._asking is None or self._asking.done()
        failed = self._asking is not None and self._asking.done() and self._asking.exception() is not None
        if failed or (asked_for_all and not self._waiting and not self._running):
            self._finished.set()

    def _see_failure(self, task: asyncio.Future[None]) -> None:
        """End the run for a bug of ours, which is no cell's error."""
        if not task.cancelled() and task.exception() is not None:
            self._finished.set()

    async def _see_to(self, folder: Path) -> None:
        """Have a cell run; put what came of it into its folder, and take up what follows from it."""
        try:
            result = await self._result(folder)
            payload.put_into(folder, result.files)
            if result.error is not None:
                self.errors[folder] = _of_worker(result.worker, error_from_json(result.error))
        except LabError as error:
            self.errors[folder] = error
        well = folder not in self.errors
        following = self._batch.more(folder, well)
        del self._running[folder]
        self._waiting.extendleft(reversed(following))
        self._fill()
        self._batch.on_message({"ev": "ended", "cell": str(folder), "status": 0 if well else -1})
        self._settle()

    async def _result(self, folder: Path) -> payload.Result:
        """Return what came of a cell.

        Raises:
            LabFault: workers died with it, there is none that can run it, or the scheduler has ended.
        """
        cell = cell_file.read(folder)
        work = payload.work(
            folder, run=self._run, job=self._batch.job, memory_mb=self._batch.memory_mb, captures=self._captures
        )
        data, attempts = payload.pack(work), Attempts()
        while True:
            if why := self._gone or self._hopeless.get(needs(cell), "") or attempts.why_given_up:
                raise LabFault(why)
            key = f"{KEY}-{self._run}-{next(self._numbers)}"
            resources = self._workers.resources(cell)
            future = self._client.submit(run_cell, data, key=key, resources=resources, pure=False)
            self._tasks[str(folder)] = task = _Task(needs(cell), attempts, future)
            try:
                return payload.unpack_result(await task.result())
            except KilledWorker:
                attempts.died()
            except FutureCancelledError as problem:
                raise LabFault(GONE) from problem
            finally:
                del self._tasks[str(folder)]
                future.release()  # Dask forgets it, wherever it is

    def _hear(self, event: tuple[float, dict[str, Any]]) -> None:
        """Pass on the progress of this run's cells, and count on which workers they were begun."""
        told = event[1]
        for message in told["messages"] if told["run"] == self._run else ():
            task = self._tasks.get(message["cell"])
            if message["ev"] != BEGUN:
                self._batch.on_message({**message, "worker": told["by"]})
            elif task is not None:
                task.attempts.begun(told["by"])
                if why := task.attempts.why_given_up:
                    task.drop(why)

    async def _watch(self) -> None:
        """Keep the account of workers; give up cells that none can run any more, and all if the scheduler has ended."""
        since: dict[tuple[str, ...], float] = {}
        loop = asyncio.get_running_loop()
        while True:
            try:
                told = await identity(self._client)
            except OSError:
                self._gone = GONE
                for task in list(self._tasks.values()):
                    task.drop(self._gone)
                self._fill()
                return
            for why in self._workers.update(told):
                self._say(f"{why}; it gets no cells")
            self._fill()
            for task in list(self._tasks.values()):
                if self._workers.can_do(task.needs):
                    since.pop(task.needs, None)
                    self._hopeless.pop(task.needs, None)
                elif loop.time() - since.setdefault(task.needs, loop.time()) > WAITS_S:
                    lacking = " and ".join(task.needs)
                    self._hopeless[task.needs] = f"for {WAITS_S:g} s there was no worker with {lacking}"
                    task.drop(self._hopeless[task.needs])
            await asyncio.sleep(LOOKS_EVERY_S)


@dataclass
class _Task:
    """A cell that is with Dask.

    Attributes:
        needs: the programs that it needs.
        attempts: at running it.
        future: Dask's.
    """

    needs: tuple[str, ...]
    attempts: Attempts
    future: Future[Any]
    _dropped: asyncio.Future[str] = field(default_factory=lambda: asyncio.get_running_loop().create_future())

    async def result(self) -> bytes:
        """Wait for what comes of it.

        Raises:
            LabFault: it was dropped.
            KilledWorker: Dask has given it up, as workers died.
            FutureCancelledError: the scheduler does not know it any more.
        """
        waiting = asyncio.ensure_future(_awaited(self.future))
        waiting.add_done_callback(_see)
        both: list[asyncio.Future[Any]] = [waiting, self._dropped]
        try:
            await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
            if waiting.done():
                return await waiting
            raise LabFault(self._dropped.result())
        finally:
            waiting.cancel()

    def drop(self, why: str) -> None:
        """Wait for it no longer; whoever does is told why."""
        if not self._dropped.done():
            self._dropped.set_result(why)


def _see(waiting: asyncio.Future[bytes]) -> None:
    """Look at what became of it, which nobody else may any more."""
    if not waiting.cancelled():
        waiting.exception()


async def _awaited(future: Future[Any]) -> bytes:
    data: bytes = await future
    return data


def _of_worker(name: str, error: LabError) -> LabError:
    """Return the error with the name of the worker on which it came up."""
    if isinstance(error, HostNotCapable):
        return HostNotCapable(f"on worker {name}: {error.missing}", fix=error.fix)
    return LabFault(f"on worker {name}: {error}")


async def identity(client: Client) -> dict[str, Any]:
    """Return what the scheduler tells of its workers, by their addresses."""
    assert client.scheduler is not None
    told: dict[str, Any] = await client.scheduler.identity()
    workers: dict[str, Any] = told["workers"]
    return workers
