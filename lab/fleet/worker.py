"""Makes a Dask worker one of the lab's: ``lab worker`` does, and ``dask worker --preload lab.fleet.worker``.

The worker says what it can do when it registers with the scheduler (``lab.fleet.capabilities``). Cells come to it as
tasks, `run_cell`.
"""

from __future__ import annotations

import asyncio
import dataclasses
import itertools
import shutil
import traceback
from pathlib import Path
from typing import Any

import msgspec
from distributed import Worker, get_worker

from lab.clients.catalog import client_of
from lab.engine.run_folder import error_to_json
from lab.errors import HostNotCapable, LabError, LabFault
from lab.fleet import payload
from lab.fleet.capabilities import INFORMATION, Capabilities, of_this_machine
from lab.fleet.guests import Guests, Kind
from lab.machine_limits import machine_fault
from lab.model.scenario import Cell
from lab.runner import cell_file
from lab.worlds.base import Message

EXTENSION = "lab"
"""Under this name a worker keeps its `CellRunner`."""
TOPIC = "lab"
"""Dask's topic for the progress of all runs. One for all: a scheduler keeps the last thousand messages of each."""
TELLS_EVERY_S = 0.25
"""Progress of a cell goes to the scheduler so often at most: a person who looks sees no difference, and a short cell's
twenty messages become three."""
BEGUN = "begun"
"""The first message of a cell on a worker."""


def dask_setup(worker: Worker) -> None:
    """Make a worker one of the lab's, with a guest for each of its threads; Dask calls this."""
    set_up(worker, of_this_machine(worker.state.nthreads))


def set_up(worker: Worker, can: Capabilities) -> None:
    """Make a worker that is not yet registered one of the lab's.

    It takes two tasks for each guest: a guest that waits for the next cell keeps a processor busy.
    """
    tasks = 2 * can.guests
    worker.state.nthreads = tasks
    worker.state.total_resources.update(can.resources(tasks))
    worker.state.available_resources.update(can.resources(tasks))
    worker.startup_information[INFORMATION] = lambda _: msgspec.to_builtins(can)
    worker.extensions[EXTENSION] = CellRunner(worker, can.guests)


async def run_cell(data: bytes) -> bytes:
    """Run a cell (`payload.Work`) and return what came of it (`payload.Result`): the task."""
    runner: CellRunner = get_worker().extensions[EXTENSION]
    return await runner.run(payload.unpack_work(data))


class CellRunner:
    """Runs the cells that come to a worker."""

    def __init__(self, worker: Worker, guests: int) -> None:
        self._worker = worker
        self._guests = Guests(guests)
        self._numbers = itertools.count(1)

    async def run(self, work: payload.Work) -> bytes:
        """Run a cell; whatever goes wrong is part of what is returned."""
        progress = _Progress(self._worker, work)
        progress.begin()
        place = self._guests.place / f"new-{next(self._numbers)}"
        error: LabError | None
        files: dict[str, bytes] = {}
        try:
            folder = payload.lay_out(work, place)
            cell = self._ready(folder)
            pool = self._guests.pool(Kind.for_cell(cell, work.job, work.memory_mb), float(cell.ends))
            place = place.rename(pool.place / place.name)
            folder = place / folder.parent.name / folder.name
            error = await pool.run(folder, progress.take)
            files = await asyncio.to_thread(payload.left_in, folder, work)
        except LabError as problem:
            error = problem
        except Exception as problem:  # noqa: BLE001  (a bug of ours, or the machine's trouble: it is told to whoever asked)
            error = machine_fault(problem) or LabFault("run a cell on a worker", detail=traceback.format_exc())
        finally:
            progress.end()
            await asyncio.to_thread(shutil.rmtree, place, ignore_errors=True)
        told = None if error is None else error_to_json(error)
        result = payload.Result(worker=str(self._worker.name), error=told, files=files)
        return await asyncio.to_thread(payload.pack, result)

    async def close(self) -> None:
        """End the guests; Dask calls this when the worker closes."""
        await self._guests.close()

    def _ready(self, folder: Path) -> Cell:
        """Return the cell in a folder, with what its client needs on this machine.

        Raises:
            HostNotCapable: the client is not there.
        """
        sent = cell_file.read(folder)
        client = client_of(sent)
        ready = client.prepare(dataclasses.replace(sent, wheel="", interpreter=""), lambda _: None)
        if ready != sent:
            cell_file.write(folder, ready)
        if missing := client.missing(ready):
            raise HostNotCapable(f"there is no {missing}", fix="put the client at the same place on each worker")
        return ready


class _Progress:
    """Sends a cell's progress messages to whoever wants to see them, some at a time."""

    def __init__(self, worker: Worker, work: payload.Work) -> None:
        self._worker = worker
        self._run = work.run
        self._cell = work.cell
        self._waiting: list[Message] = []
        self._later: asyncio.TimerHandle | None = None

    def begin(self) -> None:
        """Say at once that the worker has begun the cell."""
        self._waiting.append({"ev": BEGUN, "cell": self._cell})
        self._send()

    def take(self, message: Message) -> None:
        """Send a message, soon; the end of the cell is known from what came of it."""
        if message["ev"] in ("ended", "error"):
            return
        self._waiting.append({**message, "cell": self._cell})
        if self._later is None:
            self._later = asyncio.get_running_loop().call_later(TELLS_EVERY_S, self._send)

    def end(self) -> None:
        """Send what is left."""
        if self._later is not None:
            self._later.cancel()
        self._send()

    def _send(self) -> None:
        self._later = None
        if self._waiting:
            told: dict[str, Any] = {"run": self._run, "by": str(self._worker.name), "messages": self._waiting}
            self._worker.log_event(TOPIC, told)
            self._waiting = []
