"""Says what a run consists of: the scenario's cells and their twins, some before it starts, the others as cells end.

Cells with the same world run once (``lab.engine.sharing``).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from lab.cell_capture import write as cell_capture
from lab.engine.cache.cell_cache import CellCache
from lab.engine.cell_run import CellRun
from lab.engine.run_folder import RunFolder
from lab.engine.run_request import RunRequest
from lab.engine.sharing.sharing import Sharing
from lab.engine.twins.families import Families
from lab.engine.twins.folder import Twins
from lab.engine.twins.plan import Planned, afterwards, beforehand
from lab.errors import LabError, ScenarioError
from lab.model.scenario import Cell
from lab.model.twin import Role, Silent, Twin
from lab.worlds.clock import Clock


class TwinRuns:
    """The cells of one run, and their twins.

    Args:
        run: its folder.
        order: what was asked for.
        say: takes a progress message ``twin`` for each, with its folder, ``cell``, and what is run, ``value``; and
            ``ended`` for cells that need not run, as they share the record of another, or are in the cache.
        cache: of cells that ran before; None: there is none.
    """

    def __init__(
        self,
        run: RunFolder,
        order: RunRequest,
        say: Callable[[dict[str, Any]], None],
        cache: CellCache | None = None,
    ) -> None:
        self._run = run
        self._order = order
        self._say = say
        self._cache = cache
        self._twins = Twins(run.path)
        self._sharing = Sharing(run.path, names=order.shares, timers=order.shares and order.clock is Clock.VIRTUAL)
        self._cells: dict[Path, tuple[Role | None, Cell]] = {}
        self._families = Families()

    @property
    def complete(self) -> Iterator[Path]:
        """Take the folders of the scenario's cells that are over with all of their twins, each once."""
        return self._families.complete()

    def beforehand(self) -> list[Path]:
        """Return the folders of cells and twins that are to be run at first."""
        return self.add([cell for cell in self._order.scenario.cells if not cell.unsupported])

    def add(self, cells: Sequence[Cell]) -> list[Path]:
        """Take cells whose folders are made; return the folders of what is to be run for them, twins included."""
        for cell in cells:
            folder = self._run.cell(cell)
            self._cells[folder] = None, cell
            self._families.found(folder)
            self._sharing.add(folder, cell)
        for cell in cells:
            self._add(self._run.cell(cell), beforehand(cell, self._order.twins))
        self._share()
        return self._due()

    def ended(self, folder: Path, well: bool) -> list[Path]:  # noqa: FBT001  (see `Batch.more`)
        """Return the folders of what is to be run once a cell, or a twin, is over.

        Args:
            folder: its folder.
            well: whether it ran to its end; nothing follows from one that did not.
        """
        self._sharing.ended(folder, well=well)
        if well:
            run = self.run_of(folder, None)
            with suppress(ScenarioError):  # a damaged record, which the judge tells of
                cell_capture.write(folder, run.evidence, split=self._order.split)
            self._follow(run)
            if self._cache is not None:
                self._cache.keep(run, silent=isinstance(self._cells[folder][0], Silent))
        self._families.over(folder)
        self._share()
        return self._due()

    def run_of(self, folder: Path, error: LabError | None) -> CellRun:
        """Return the cell of a folder that is over, and what of its twins."""
        return CellRun(folder, self._cells[folder][1], error, self._twins)

    def _due(self) -> list[Path]:
        """Return the folders of what is to be run; what is in the cache need not."""
        missing = []
        while due := self._sharing.due():
            for each in due:
                role, cell = self._cells[each]
                if self._cache is None or not self._cache.restore(each, cell, silent=isinstance(role, Silent)):
                    missing.append(each)
                    continue
                self._sharing.ended(each, well=True)
                self._need_not_run(each)
            self._share()
        return missing

    def _share(self) -> None:
        """Give records to cells that need not run, and take up what follows from them."""
        while shared := [folder for folder, _ in self._sharing.settle()]:
            for each in shared:
                self._need_not_run(each)

    def _need_not_run(self, folder: Path) -> None:
        self._say({"ev": "ended", "cell": str(folder), "status": 0})
        self._follow(self.run_of(folder, None))
        self._families.over(folder)

    def _follow(self, run: CellRun) -> None:
        role, _ = self._cells[run.folder]
        self._add(run.folder, afterwards(run, role, self._order.twins))

    def _add(self, of: Path, planned: Iterable[Planned]) -> None:
        for role, cell in planned:
            silent = isinstance(role, Silent)
            folder = self._twins.add(Twin(of="" if silent else str(of.relative_to(self._run.path)), role=role), cell)
            self._families.add(self._twins.folder(cell), like=of)
            if folder is not None:
                self._cells[folder] = role, cell
                self._sharing.add(folder, cell, silent=silent)
                self._say({"ev": "twin", "cell": str(folder), "value": cell})
