"""Runs scenarios: wires run folders, worlds, fleets and the judge together, for all commands that run cells."""

from __future__ import annotations

import asyncio
import dataclasses
import os
import shutil
import signal
import sys
from collections.abc import Callable, Coroutine, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lab import ledger
from lab.actors import wheels
from lab.actors.kamailio import child as kamailio
from lab.backends import daemon
from lab.backends.base import BackendKind
from lab.errors import LabError, TeardownIncomplete
from lab.fleet.local import Fleet
from lab.fleet.run_folder import RunFolder
from lab.judge.verdict import judge, why_unsupported
from lab.loader.command import search_path
from lab.model.outcome import Outcome
from lab.model.pjsip import DEFAULT, RELEASES
from lab.model.scenario import Cell, Scenario, Software
from lab.record import reader
from lab.record.evidence import Evidence
from lab.record.writer import FILE_NAME
from lab.worlds import host, uml
from lab.worlds.base import Message, World
from lab.worlds.clock import Clock

JOBS_IN_REAL_TIME = 32
"""Cells side by side: they wait nearly all of their time, so two cores carry this many."""
JOBS_IN_CONTAINERS = 8
"""The same in containers, of which each cell starts four, with an interpreter in two of them."""


Errors = dict[Path, LabError]
"""Why cells could not run to their end, by their folders."""


@dataclass(frozen=True)
class Ran:
    """A run that is over.

    Attributes:
        folder: what it left.
        results: of every cell, in the scenario's order; an error where a cell could not run to its end.
        finished: False if it was interrupted.
    """

    folder: RunFolder
    results: list[tuple[Cell, Outcome | LabError]]
    finished: bool


@dataclass(frozen=True, kw_only=True)
class Order:
    """A scenario and how to run it.

    Attributes:
        scenario: loaded.
        out: where the run folder goes.
        clock: real or virtual, decided.
        jobs: cells side by side at most; None: as many as suits the clock.
        memory_mb: memory of a virtual-time guest, in MiB.
        watch: given the run folder before anything starts; returns what takes the progress messages.
        backend: what nodes are; containers know real time only.
    """

    scenario: Scenario
    out: Path
    clock: Clock
    memory_mb: int
    watch: Callable[[RunFolder], Callable[[Message], None]]
    jobs: int | None = None
    backend: BackendKind = BackendKind.NETNS


def execute(
    scenario: Scenario,
    *,
    out: Path,
    clock: Clock,
    jobs: int | None,
    memory_mb: int,
    watch: Callable[[RunFolder], Callable[[Message], None]],
    backend: BackendKind = BackendKind.NETNS,
) -> Ran:
    """Run all cells of a scenario; see `Order`."""
    order = Order(scenario=scenario, out=out, clock=clock, jobs=jobs, memory_mb=memory_mb, watch=watch, backend=backend)
    (ran,) = execute_together([order])
    return ran


def execute_together(orders: Sequence[Order]) -> list[Ran]:
    """Run all cells of some scenarios, all at the same time; returns what came of each order.

    Raises:
        HostNotCapable: a release of pjsip cannot be had here; nothing was started.
    """
    orders = [dataclasses.replace(order, scenario=with_wheels(order.scenario)) for order in orders]
    folders = [RunFolder.make(order.out, order.scenario) for order in orders]
    books = [ledger.Ledger(folder.path.name) for folder in folders]
    try:
        parts = [_cells(order, folder, book) for order, folder, book in zip(orders, folders, books, strict=True)]
        errors = asyncio.run(_interruptible(parts))
    finally:
        for order, book in zip(orders, books, strict=True):
            if order.backend is BackendKind.DOCKER:
                remove_containers(book.run)
            book.close()
    return [_ran(order, folder, each) for order, folder, each in zip(orders, folders, errors, strict=True)]


def _cells(order: Order, folder: RunFolder, book: ledger.Ledger) -> Coroutine[Any, Any, Errors]:
    on_message = order.watch(folder)
    if order.backend is BackendKind.DOCKER:
        book.enter_containers()
    return _run(
        [folder.cell(cell) for cell in order.scenario.cells if not why_unsupported(cell)],
        folder.path,
        order.clock,
        order.jobs,
        order.memory_mb,
        book,
        on_message,
        visible=visible_to(order.scenario),
        backend=order.backend,
    )


def _ran(order: Order, folder: RunFolder, errors: Errors | None) -> Ran:
    results = [(cell, (errors or {}).get(folder.cell(cell)) or _judged(cell, folder)) for cell in order.scenario.cells]
    return Ran(folder, results, finished=errors is not None)


def with_wheels(scenario: Scenario) -> Scenario:
    """The scenario with the releases of pjsip that its cells need, fetched if they must be.

    Raises:
        HostNotCapable: one cannot be had here.
    """

    def report(sentence: str) -> None:
        print(sentence, file=sys.stderr, flush=True)  # noqa: T201

    wanted = {cell.pjsip for cell in scenario.cells if not why_unsupported(cell)} - {DEFAULT}
    folders = {release: str(wheels.find_or_fetch(RELEASES[release].package, report)) for release in sorted(wanted)}
    cells = tuple(dataclasses.replace(cell, wheel=folders.get(cell.pjsip, "")) for cell in scenario.cells)
    return dataclasses.replace(scenario, cells=cells)


def visible_to(scenario: Scenario) -> tuple[str, ...]:
    """The folders of this machine that cells need: other releases of pjsip, clients of the author's."""
    found = {Path(cell.wheel) for cell in scenario.cells if cell.wheel}
    for client, folder in {(cell.client, Path(cell.folder)) for cell in scenario.cells}:
        if not client.command or client.image:
            continue
        found.add(folder)
        name = client.command[0]
        where = str(folder / name) if "/" in name else name
        if (program := shutil.which(where, path=search_path(client))) is not None:
            found |= {Path(program).parent, Path(program).resolve().parent}
    return tuple(sorted(str(each) for each in found))


def check_programs(scenarios: Iterable[Scenario], backend: BackendKind = BackendKind.NETNS) -> None:
    """Say what the cells of these scenarios need on this machine and do not find; images have it in them.

    Raises:
        HostNotCapable: a program is missing; nothing was started.
    """
    cells = (cell for scenario in scenarios for cell in scenario.cells if not why_unsupported(cell))
    if backend is BackendKind.NETNS and any(cell.server.software is Software.KAMAILIO for cell in cells):
        kamailio.check_host()


def run_folders(
    folders: list[Path],
    writable: Path,
    clock: Clock,
    memory_mb: int,
    book: ledger.Ledger,
    on_message: Callable[[Message], None],
    *,
    job: str,
    visible: tuple[str, ...] = (),
    backend: BackendKind = BackendKind.NETNS,
) -> Errors | None:
    """Do another job than a cell for each folder, all of them below ``writable``.

    ``visible``: what else a guest must see.

    Returns: the errors of those that could not be done; None if it was interrupted.
    """
    if backend is BackendKind.DOCKER:
        book.enter_containers()
    part = _run(folders, writable, clock, None, memory_mb, book, on_message, job=job, visible=visible, backend=backend)
    (errors,) = asyncio.run(_interruptible([part]))
    return errors


async def _interruptible(parts: Sequence[Coroutine[Any, Any, Errors]]) -> list[Errors | None]:
    """Do all of them at once; what is interrupted is None."""
    running = [asyncio.ensure_future(part) for part in parts]

    def interrupt() -> None:
        for part in running:
            part.cancel()

    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        loop.add_signal_handler(number, interrupt)
    await asyncio.wait(running)
    return [None if part.cancelled() else part.result() for part in running]


async def _run(
    folders: list[Path],
    writable: Path,
    clock: Clock,
    jobs: int | None,
    memory_mb: int,
    book: ledger.Ledger,
    on_message: Callable[[Message], None],
    *,
    visible: tuple[str, ...],
    backend: BackendKind,
    job: str = "cell",
) -> Errors:
    worlds, slots = _shape(clock, jobs, backend)
    count = 0

    def make_world(on_cell: Callable[[Message], None], on_end: Callable[[LabError | None], None]) -> World:
        nonlocal count
        count += 1
        real = clock is Clock.REAL
        environment = host.environment()
        if backend is BackendKind.DOCKER:
            argv, environment = host.argv_with_containers(), host.environment_with_containers(book.run)
        elif real:
            argv = host.argv()
        else:
            argv = uml.command(writable, number=count, memory_mb=memory_mb, visible=visible)
        return World(
            argv,
            environment=environment,
            ledger=book,
            on_message=on_cell,
            on_end=on_end,
            patience_s=None if real else uml.PATIENCE_S,
            hears_end=real,
            job=job,
        )

    return await Fleet(make_world, worlds=worlds, slots=slots, on_message=on_message).run(folders)


def _shape(clock: Clock, jobs: int | None, backend: BackendKind) -> tuple[int, int]:
    """How many worlds, and how many cells at once in each: a guest is one processor, so one cell at a time."""
    if clock is Clock.REAL:
        return 1, jobs or (JOBS_IN_CONTAINERS if backend is BackendKind.DOCKER else JOBS_IN_REAL_TIME)
    return jobs or len(os.sched_getaffinity(0)), 1


def remove_containers(run: str) -> None:
    """Containers end with their cells; wait until the daemon has seen to it, and see to it where it has not.

    Raises:
        TeardownIncomplete: it could not be done; the ledger stays.
    """
    try:
        daemon.remove_containers(run)
    except LabError as problem:
        left = f"containers (`docker rm -f $(docker ps -aq --filter label={daemon.RUN}={run})`): {problem}"
        raise TeardownIncomplete((left,)) from problem


def _judged(cell: Cell, folder: RunFolder) -> Outcome:
    return judge(Evidence(cell, reader.read(folder.cell(cell) / FILE_NAME, cell)))
