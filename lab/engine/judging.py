"""Runs cells that are asked for while others run, each with its twins."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

from lab.clients.catalog import client_of
from lab.engine.cell_run import CellRun
from lab.engine.run_folder import RunFolder
from lab.engine.run_request import RunRequest
from lab.engine.twins.twin_runs import TwinRuns
from lab.engine.world_pool import Pool
from lab.model.scenario import Cell


class Judging:
    """The cells of a run that asks for them.

    Args:
        run: its folder.
        order: with what asks.
        twins: of the run.
        watch: takes a progress message ``cell`` for each, with its folder, ``cell``, and what is run, ``value``.
        say: takes a sentence about each thing that must be fetched for a cell.
    """

    def __init__(
        self,
        run: RunFolder,
        order: RunRequest,
        twins: TwinRuns,
        watch: Callable[[dict[str, Any]], None],
        say: Callable[[str], None],
    ) -> None:
        self._asked: dict[str, Cell] = {}
        self._run = run
        self._order = order
        self._twins = twins
        self._watch = watch
        self._say = say
        self._pool: Pool | None = None
        self._judged: dict[str, asyncio.Future[CellRun]] = {}

    @property
    def cells(self) -> list[Cell]:
        """The cells that were asked for, in this order."""
        return list(self._asked.values())

    async def ask(self, pool: Pool) -> None:
        """Ask for cells, which run in ``pool``."""
        assert self._order.asks is not None
        self._pool = pool
        await self._order.asks(self._order.scenario, self._judge)

    def ended(self, folder: Path, well: bool) -> list[Path]:  # noqa: FBT001  (see `Batch.more`)
        """Take note that a cell or a twin is over; see `TwinRuns.ended`."""
        due = self._twins.ended(folder, well)
        self._tell()
        return due

    async def _judge(self, cell: Cell) -> CellRun:
        """Run a cell; return it when it and all of its twins are over.

        Raises:
            ValueError: another cell of the run has its name.
        """
        if self._asked.setdefault(cell.name, cell) != cell:
            raise ValueError(f"two cells with the name {cell.name}")
        if cell.name not in self._judged:
            self._begin(cell)
        return await asyncio.shield(self._judged[cell.name])

    def _begin(self, cell: Cell) -> None:
        assert self._pool is not None
        self._judged[cell.name] = asyncio.get_running_loop().create_future()
        folder = self._run.cell(cell)
        as_it_is = cell.unsupported or not self._order.runs_here
        ready = cell if as_it_is else client_of(cell).prepare(cell, self._say)
        self._run.write_cell(folder, ready)
        if ready.unsupported:
            self._judged[cell.name].set_result(CellRun(folder, ready))
            return
        self._watch({"ev": "cell", "cell": str(folder), "value": ready})
        self._pool.add(self._twins.add([ready]))
        self._tell()

    def _tell(self) -> None:
        """Hand over the cells that are over with their twins."""
        assert self._pool is not None
        for folder in self._twins.complete:
            if self._pool.errors:  # a twin's is read from there
                self._run.finish(self._pool.errors, finished=None)
            run = self._twins.run_of(folder, self._pool.errors.get(folder))
            future = self._judged[run.name]
            if not future.done():
                future.set_result(run)
