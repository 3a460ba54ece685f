"""Starts a scheduler and worker processes on this machine, for one run.

Dask's own LocalCluster would do but for three things: its processes import modules from the current folder, they get
the terminal's Ctrl-C, and their scheduler takes orders from every user of the machine. These workers start as all
programs of the lab do (``lab.interpreter``), and speak TLS with a key made for the run. They listen on the loopback.
"""

from __future__ import annotations

import asyncio
import json
import os
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from distributed import Scheduler, SchedulerPlugin, Security

from lab.errors import LabFault
from lab.interpreter import module_command
from lab.ledger import Ledger

WORKER = "lab.fleet.worker_process"
GUESTS_EACH = 4
"""Guests of a worker process. What it does for each cell is some 4 % of what the cell costs (docs/scale.md), and it has
one processor."""
LAST_LINES = 20
STARTS_AGAIN = 2
"""How often a worker that dies is started again in the place of each, as often as its cells run again."""
ENDS_WITHIN_S = 10.0
"""A worker whose input has ended ends its guests first, which takes up to five seconds (``lab.worlds.base``)."""


class QuietScheduler(Scheduler):
    """A scheduler without Dask's web server."""

    def start_http_server(self, *_: object, **__: object) -> None:
        """Listen for nobody."""


class Arrival(SchedulerPlugin):
    """Notices the first worker."""

    def __init__(self) -> None:
        self.seen = asyncio.Event()

    def add_worker(self, *_: object, **__: object) -> None:
        """Take note of a worker; the scheduler calls this."""
        self.seen.set()


@asynccontextmanager
async def started(guests: int, ledger: Ledger) -> AsyncIterator[tuple[str, Security]]:
    """Start a scheduler and workers with so many guests; yield the scheduler's address, and what it takes to connect.

    Args:
        guests: cells side by side.
        ledger: of the run.

    Raises:
        LabFault: no worker came up.
    """
    security = Security.temporary()
    scheduler = QuietScheduler(host="127.0.0.1", port=0, protocol="tls", security=security, dashboard=False)
    arrival = Arrival()
    scheduler.add_plugin(arrival)
    await scheduler
    keepers: list[asyncio.Task[None]] = []
    try:
        for number, count in enumerate(shares(guests), 1):
            told = {
                "scheduler": scheduler.address,
                "guests": count,
                "name": f"local-{number}",
                "security": _credentials(security),
            }
            keepers.append(asyncio.ensure_future(_keep(told, ledger)))
        await _first_of(arrival, keepers)
        yield scheduler.address, security
    finally:
        for keeper in keepers:
            keeper.cancel()
        await asyncio.wait(keepers)
        await scheduler.close(reason="the run is over")


async def _first_of(arrival: Arrival, keepers: list[asyncio.Task[None]]) -> None:
    """Wait for the first worker.

    Raises:
        LabFault: none came up.
    """
    seen = asyncio.ensure_future(arrival.seen.wait())
    try:
        for _ in keepers:
            await asyncio.wait([seen, *keepers], return_when=asyncio.FIRST_COMPLETED)
            if seen.done():
                return
            await next(keeper for keeper in keepers if keeper.done())
    finally:
        seen.cancel()


def shares(guests: int) -> list[int]:
    """Return the number of guests of each worker process."""
    processes = -(-guests // GUESTS_EACH)
    return [guests // processes + (number < guests % processes) for number in range(processes)]


def _credentials(security: Security) -> dict[str, Any]:
    roles = ("tls_ca_file", "tls_worker_cert", "tls_worker_key")
    return {"require_encryption": True, **{role: getattr(security, role) for role in roles}}


@dataclass
class _Process:
    """A worker's process and the last lines of its standard error."""

    process: asyncio.subprocess.Process
    lines: deque[str] = field(default_factory=lambda: deque(maxlen=LAST_LINES))

    async def ended(self) -> None:
        """Read what it says until it ends."""
        assert self.process.stderr is not None
        while line := await self.process.stderr.readline():
            self.lines.append(line.decode("utf-8", "replace").rstrip())
        await self.process.wait()

    async def end(self) -> None:
        """End it: in order, else at once."""
        assert self.process.stdin is not None
        self.process.stdin.close()
        try:
            await asyncio.wait_for(self.process.wait(), ENDS_WITHIN_S)
        except asyncio.TimeoutError:
            self.process.kill()
            await self.process.wait()


async def _keep(told: dict[str, Any], ledger: Ledger) -> None:
    """Run a worker until this is cancelled; start another in the place of one that dies.

    Raises:
        LabFault: too many have died.
    """
    worker = None
    for _ in range(1 + STARTS_AGAIN):
        worker = _Process(
            await asyncio.create_subprocess_exec(
                *module_command(WORKER),
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.DEVNULL,
                stderr=asyncio.subprocess.PIPE,
                env=dict(os.environ),
                start_new_session=True,  # the terminal's Ctrl-C is the run's to handle
            )
        )
        ledger.enter_process(worker.process.pid)
        assert worker.process.stdin is not None
        worker.process.stdin.write(json.dumps(told).encode() + b"\n")
        try:
            await worker.ended()
        finally:
            await worker.end()
    assert worker is not None
    raise LabFault("keep a worker process of this machine", detail="\n".join(worker.lines))
