"""Keeps what the cells of a run have left, and gives cells that would do the same what another run's have left."""

from __future__ import annotations

import json
import os
from datetime import datetime, timezone
from pathlib import Path

from lab.backends.base import BackendKind
from lab.engine.cache import store
from lab.engine.cache.key import Keys
from lab.engine.cache.pack import packed, unpack
from lab.engine.cache.sources import Sources
from lab.engine.cache.surroundings import surroundings
from lab.engine.cell_run import CellRun
from lab.engine.from_cache import FROM_CACHE_FILE
from lab.engine.run_request import RunRequest
from lab.engine.sharing.sharing import OWN_FILES
from lab.errors import LabError
from lab.model.scenario import Cell
from lab.model.verdict import Verdict
from lab.record.events import LimitPassed
from lab.worlds.clock import Clock


class CellCache:
    """The cache, as one run uses it.

    Args:
        root: of the entries, see ``lab.engine.cache.store``.
        run: the run's folder.
        keys: of its cells.
        sources: of the lab, that its worlds import.
        reads: whether cells may take what is there; else they run, and what is there is replaced.
    """

    def __init__(self, root: Path, run: Path, keys: Keys, sources: Sources, *, reads: bool) -> None:
        self._root = root
        self._run = run
        self._keys = keys
        self._sources = sources
        self._reads = reads
        self._store = store.Store(root, store.RECORDS, sources.digest)
        self._kept = 0

    def restore(self, folder: Path, cell: Cell, *, silent: bool) -> bool:
        """Give a cell what one that was decided by the same things has left; return whether there was any.

        Args:
            folder: of the cell, which has not run.
            cell: what would be run.
            silent: it is a silent hour, of which nothing but the traffic is read.
        """
        key = self._keys.of(cell) if self._reads else None
        data = None if key is None else self._store.read(key)
        if key is None or data is None:
            return False
        there = set(folder.iterdir())
        try:
            unpack(data, folder)
            if _tells(CellRun(folder, cell), silent=silent):
                return True
        except ValueError:  # of an earlier format
            pass
        self._store.remove(key)
        for path in set(folder.rglob("*")) - there:
            if path.is_file():
                path.unlink()
        return False

    def keep(self, run: CellRun, *, silent: bool) -> None:
        """Keep what a cell has left that ran to its end, unless that tells nothing; see `restore`."""
        key = self._keys.of(run.cell)
        if key is None or not _tells(run, silent=silent) or not self._sources.unchanged():
            return
        if run.evidence.has(LimitPassed) or os.fsencode(self._run) in run.record.read_bytes():
            return  # the first depends on how busy the machine is, the second on where the run's folder is
        told = json.dumps({"ran": f"{datetime.now(tz=timezone.utc):%Y-%m-%dT%H:%M:%SZ}"}) + "\n"
        data = packed(run.folder, without=OWN_FILES, more={FROM_CACHE_FILE: told.encode()})
        if data is not None:
            self._store.write(key, data)
            self._kept += 1

    def close(self) -> str:
        """Remove the least recently used entries, if there are too many; return what is to be said, or nothing."""
        if self._kept:
            store.trim(self._root)
        return f"the cache of cells is not used: {self._store.problem}" if self._store.problem else ""


def open_cache(order: RunRequest, run: Path) -> CellCache | None:
    """Return the cache for a run; None if it has none.

    A run in real time, or in containers, is wanted for what this machine does now. So it always runs.

    Raises:
        HostNotCapable: the place of the cache cannot be told.
    """
    virtual = order.clock is Clock.VIRTUAL and order.backend is BackendKind.NETNS
    here = order.engine is None  # a worker has other programs, and its captures stay there
    root = store.place() if virtual and here and order.cached and order.shares else None
    if root is None:
        return None
    sources = Sources()
    keys = Keys(surroundings(sources, order.scenario.cells, memory_mb=order.memory_mb, split=order.split))
    return CellCache(root, run, keys, sources, reads=not order.fresh)


def _tells(run: CellRun, *, silent: bool) -> bool:
    """Return whether a record leads to a verdict, which nobody asks of a silent hour."""
    if silent:
        return run.ran and not isinstance(run.alone, LabError)
    return not isinstance(run.alone, LabError) and run.alone.verdict is not Verdict.INCONCLUSIVE
