"""Runs jobs in worlds, one folder each: cells, and other work (``lab.runner.cell_worker``)."""

from __future__ import annotations

import asyncio
import os
import signal
import threading
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, TypeVar

from lab.backends.base import BackendKind
from lab.engine.world_pool import Pool, WorldPool
from lab.errors import LabError
from lab.ledger import Ledger
from lab.model.scenario import Scenario
from lab.worlds import host, processors, uml
from lab.worlds.base import End, Message, World
from lab.worlds.clock import Clock

JOBS_IN_REAL_TIME = 32
"""Cells side by side: they wait nearly all of their time, so two cores carry this many."""
JOBS_IN_CONTAINERS = 8
"""The same in containers, of which each cell starts four, with an interpreter in two of them."""

Errors = dict[Path, LabError]
"""Why jobs could not be done to their end, by their folders."""

T = TypeVar("T")


@dataclass(frozen=True, kw_only=True)
class Batch:
    """Folders and the job to do in each.

    Attributes:
        job: ``module:function``, see ``lab.runner.cell_worker``.
        folders: absolute, all of them below ``writable``.
        writable: the one folder that a guest may write.
        clock: which worlds.
        memory_mb: of a guest.
        ledger: of what is made.
        on_message: sees all progress.
        side_by_side: how many at once; None: as many as suits the clock.
        visible: folders of the host that a guest must see besides; absolute.
        modules: what a world imports once, before it forks.
        backend: what nodes are.
        more: given a folder that is over, and whether it was done to its end, returns further ones that follow.
        asking: given the pool, asks it for more folders while it runs; None: nobody does.
        spare: how many folders must wait besides, for a world to be told of one before it is free; None: as many as
            there are worlds. Who gets few at a time has none to spare.
        engine: runs them elsewhere; None: worlds of this process do.
    """

    job: str
    folders: Sequence[Path]
    writable: Path
    clock: Clock
    memory_mb: int
    ledger: Ledger
    on_message: Callable[[Message], None]
    side_by_side: int | None = None
    visible: tuple[str, ...] = ()
    modules: tuple[str, ...] = ()
    backend: BackendKind = BackendKind.NETNS
    more: Callable[[Path, bool], Sequence[Path]] = lambda _folder, _well: ()
    asking: Callable[[Pool], Coroutine[Any, Any, None]] | None = None
    spare: int | None = None
    engine: Engine | None = None


class Engine(Protocol):
    """Runs batches elsewhere than in worlds of this process.

    Attributes:
        name: as in ``run.json``.
    """

    name: str

    @property
    def is_here(self) -> bool:
        """Return whether it runs them on this machine, which must have what cells need."""

    def check(self, scenarios: Sequence[Scenario]) -> None:
        """Check that it can run these scenarios, as far as that is known before it does.

        Raises:
            HostNotCapable: it cannot.
        """

    async def run(self, batch: Batch) -> Errors:
        """Do what `in_worlds` does; when it returns, nothing of it runs on this machine."""


def do(batches: Sequence[Batch]) -> list[Errors | None]:
    """Do some batches, all at the same time; return each one's errors, None for one that was interrupted.

    A signal to end interrupts them, unless it was ignored already, as SIGHUP is by nohup. Guests stop with this process
    when the terminal stops it (Ctrl-Z). Within a running event loop, as in a notebook, all runs in a thread of its own.
    """
    for batch in batches:
        if batch.backend is BackendKind.DOCKER:
            batch.ledger.enter_containers()
    guests: list[World] = []
    return outside_any_loop(_interruptible([_run(batch, guests) for batch in batches], guests))


def outside_any_loop(work: Coroutine[Any, Any, T]) -> T:
    """Run it to its end; in a thread of its own where an event loop runs already."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return asyncio.run(work)
    results: list[T] = []
    failures: list[BaseException] = []

    def run() -> None:
        try:
            results.append(asyncio.run(work))
        except BaseException as failure:  # noqa: BLE001  (raised below, in the caller's thread)
            failures.append(failure)

    thread = threading.Thread(target=run, name="lab")
    thread.start()
    thread.join()
    if failures:
        raise failures[0]
    return results[0]


async def _interruptible(parts: Sequence[Coroutine[Any, Any, Errors]], guests: list[World]) -> list[Errors | None]:
    """Do all of them at once; what is interrupted is None. A stopped process's ``guests`` are stopped, too."""
    running = [asyncio.ensure_future(part) for part in parts]

    def interrupt() -> None:
        for part in running:
            part.cancel()

    def stop() -> None:
        for guest in guests:
            guest.suspend()
        os.kill(os.getpid(), signal.SIGSTOP)  # from here on when it continues
        for guest in guests:
            guest.resume()

    loop = asyncio.get_running_loop()
    handlers = {signal.SIGINT: interrupt, signal.SIGTERM: interrupt, signal.SIGHUP: interrupt, signal.SIGTSTP: stop}
    in_main = threading.current_thread() is threading.main_thread()
    ours = [number for number in handlers if in_main and signal.getsignal(number) is not signal.SIG_IGN]
    for number in ours:
        loop.add_signal_handler(number, handlers[number])
    await asyncio.wait(running)
    for number in ours:
        loop.remove_signal_handler(number)
    return [None if part.cancelled() else part.result() for part in running]


async def _run(batch: Batch, guests: list[World]) -> Errors:
    return await (in_worlds(batch, guests) if batch.engine is None else batch.engine.run(batch))


async def in_worlds(batch: Batch, guests: list[World]) -> Errors:
    """Do a batch in worlds of this process; enters its guests into ``guests``."""
    worlds, slots = _shape(batch)
    count = 0

    def make_world(on_job: Callable[[Message], None], on_end: Callable[[End], None]) -> World:
        nonlocal count
        count += 1
        real = batch.clock is Clock.REAL
        processor = None
        environment = host.environment()
        if batch.backend is BackendKind.DOCKER:
            argv, environment = host.argv_with_containers(), host.environment_with_containers(batch.ledger.run)
        elif real:
            argv = host.argv()
        else:
            processor = processors.take(count - 1)
            memory, number = batch.memory_mb, processor.number
            argv = uml.command(batch.writable, number=count, memory_mb=memory, processor=number, visible=batch.visible)

        def end(error: End) -> None:
            if processor is not None:
                processor.release()
            on_end(error)

        world = World(
            argv,
            environment=environment,
            ledger=batch.ledger,
            on_message=on_job,
            on_end=end,
            patience_s=None if real else uml.PATIENCE_S,
            hears_end=real,
            job=batch.job,
            modules=batch.modules,
        )
        if not real:
            guests.append(world)
        return world

    fleet = WorldPool(
        make_world,
        worlds=worlds,
        slots=slots,
        ahead=0 if batch.clock is Clock.REAL else 1,  # an idle guest keeps a processor busy
        spare=batch.spare,
        on_message=batch.on_message,
        more=batch.more,
    )
    return await fleet.run(batch.folders, None if batch.asking is None else batch.asking(fleet))


def _shape(batch: Batch) -> tuple[int, int]:
    """Return how many worlds, and how many jobs at once in each: a guest is one processor, so one job at a time."""
    if batch.clock is Clock.REAL:
        usual = JOBS_IN_CONTAINERS if batch.backend is BackendKind.DOCKER else JOBS_IN_REAL_TIME
        return 1, batch.side_by_side or usual
    return batch.side_by_side or len(os.sched_getaffinity(0)), 1
