"""Runs the cells of a run as tasks of dask.distributed: on the workers of a scheduler, or of this machine."""

from __future__ import annotations

import logging
import os
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager

import dask
from distributed import Client, Security
from distributed.utils import silence_logging_cmgr

from lab.engine.world_jobs import Batch, Errors, outside_any_loop
from lab.errors import HostNotCapable
from lab.fleet.capabilities import Capabilities, needs, of_this_machine
from lab.fleet.dask_pool import DaskPool, identity
from lab.fleet.local_workers import started
from lab.fleet.settings import SETTINGS, TROUBLES
from lab.fleet.workers import Workers
from lab.model.scenario import Scenario

ANSWERS_WITHIN_S = 10.0
"""A scheduler on another continent answers within a second; one that is just being started takes some."""


class DaskEngine:
    """Runs cells on Dask workers.

    Args:
        scheduler: its address; None: a scheduler and workers of this machine are started for each run.
        captures: whether captures come back.
        say: takes a sentence about each worker that is not used.
    """

    name = "dask"

    def __init__(self, scheduler: str | None, *, captures: bool, say: Callable[[str], None]) -> None:
        self._scheduler = scheduler
        self._say = say
        self._captures = captures

    @property
    def is_here(self) -> bool:
        """True if the workers are this machine's."""
        return self._scheduler is None

    def check(self, scenarios: Sequence[Scenario]) -> None:
        """Check that there are workers that can be used, and that each cell can run on one of them.

        Raises:
            HostNotCapable: there are none, or a cell cannot.
        """
        own = of_this_machine()
        if self._scheduler is None:
            return
        workers = outside_any_loop(self._look(self._scheduler, own))
        workers.check()
        for scenario in scenarios:
            for cell in scenario.cells:
                if not cell.unsupported and not workers.can_do(needs(cell)):
                    raise HostNotCapable(
                        f"no worker of {self._scheduler} has what the cell {cell.name} needs, {workers.lacking(cell)}",
                        fix="install it where a worker runs, and start that one anew (docs/scale.md)",
                    )

    async def run(self, batch: Batch) -> Errors:
        """Do a batch; see `lab.engine.world_jobs.Engine`."""
        with silence_logging_cmgr(logging.CRITICAL), dask.config.set(SETTINGS):  # what matters is said in errors
            if self._scheduler is not None:
                return await self._run(batch, self._scheduler, None)
            guests = batch.side_by_side or len(os.sched_getaffinity(0))
            async with started(guests, batch.ledger) as (address, security):
                return await self._run(batch, address, security)

    async def _run(self, batch: Batch, address: str, security: Security | None) -> Errors:
        async with _connected(address, security) as client:
            workers = Workers(of_this_machine())
            most = None if self.is_here else batch.side_by_side
            pool = DaskPool(client, batch, workers, most=most, captures=self._captures, say=self._say)
            return await pool.run(batch.folders, None if batch.asking is None else batch.asking(pool))

    async def _look(self, address: str, own: Capabilities) -> Workers:
        """Return the workers of a scheduler."""
        with silence_logging_cmgr(logging.CRITICAL):
            async with _connected(address, None) as client:
                workers = Workers(own)
                workers.update(await identity(client))
                return workers


@asynccontextmanager
async def _connected(address: str, security: Security | None) -> AsyncIterator[Client]:
    """Connect to a scheduler.

    Raises:
        HostNotCapable: it does not answer.
    """
    client = None
    try:
        client = Client(
            address, security=security, asynchronous=True, timeout=ANSWERS_WITHIN_S, set_as_default=False, name="lab"
        )
        await client
    except TROUBLES as problem:
        if client is not None:
            await client.close()
        raise HostNotCapable(
            f"no Dask scheduler answers at {address} ({problem})",
            fix="start one with `dask scheduler`; for TLS see docs/scale.md",
        ) from problem
    try:
        yield client
    finally:
        await client.close()
