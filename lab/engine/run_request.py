"""Defines a request to the engine: a scenario and how to run it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lab.backends.base import BackendKind
from lab.engine.cell_run import CellRun
from lab.engine.run_folder import RunFolder, Watch
from lab.engine.shards.shard import Whole
from lab.engine.world_jobs import Engine
from lab.model.scenario import Cell, Scenario
from lab.model.twin import NO_TWINS, TwinPlan
from lab.worlds.clock import GUEST_MEMORY_MB, Clock

JudgeCell = Callable[[Cell], Awaitable[CellRun]]
"""Runs a cell with its twins, and returns it once all of them are over."""

Asks = Callable[[Scenario, JudgeCell], Coroutine[Any, Any, None]]
"""Given a scenario whose cells are ready to run, asks for cells one after the other."""


def _nobody(_: RunFolder) -> Callable[[dict[str, Any]], None]:
    return lambda _: None


@dataclass(frozen=True, kw_only=True)
class RunRequest:
    """A scenario and how to run it.

    Attributes:
        scenario: loaded.
        out: where the run folder goes.
        clock: real or virtual, decided.
        jobs: cells side by side at most; None: as many as suits the clock.
        memory_mb: memory of a virtual-time guest, in MiB.
        watch: who sees the progress.
        backend: what nodes are; containers know real time only.
        twins: what is run besides the scenario's own cells.
        shares: whether cells that are the same but for what they cannot see run once (``lab.engine.sharing``).
        split: whether a cell keeps a capture of each link beside that of the cell.
        cached: whether a cell may have the record of an earlier run that was decided by the same things, and leaves its
            own to later ones (``lab.engine.cache``); in virtual time, and if ``shares``.
        fresh: whether it runs all the same; then what it leaves replaces the earlier record.
        shard: which part of a scenario these cells are, and of what; None: they are all.
        asks: asks for cells while others run (``lab.engine.search``); None: the scenario's cells run.
        engine: runs the cells elsewhere (``lab.fleet``); None: worlds of this process do.
    """

    scenario: Scenario
    out: Path
    clock: Clock
    jobs: int | None = None
    memory_mb: int = GUEST_MEMORY_MB
    watch: Watch = field(default=_nobody)
    backend: BackendKind = BackendKind.NETNS
    twins: TwinPlan = NO_TWINS
    shares: bool = True
    split: bool = False
    cached: bool = True
    fresh: bool = False
    shard: Whole | None = None
    asks: Asks | None = None
    engine: Engine | None = None

    @property
    def runs_here(self) -> bool:
        """True if cells run on this machine, which must have what they need."""
        return self.engine is None or self.engine.is_here
