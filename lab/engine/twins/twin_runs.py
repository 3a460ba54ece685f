"""Says what a run consists of: the scenario's cells and their twins, some before it starts, the others as cells end.

Cells with the same world run once (``lab.engine.sharing``).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from lab.engine.cell_run import CellRun
from lab.engine.run_folder import RunFolder
from lab.engine.run_request import RunRequest
from lab.engine.sharing.sharing import Sharing
from lab.engine.twins.folder import Twins
from lab.engine.twins.plan import Planned, afterwards, beforehand
from lab.model.scenario import Cell
from lab.model.twin import Role, Silent, Twin
from lab.worlds.clock import Clock


class TwinRuns:
    """The cells of one run, and their twins.

    Args:
        run: its folder.
        order: what was asked for.
        say: takes a progress message ``twin`` for each, with its folder, ``cell``, and what is run, ``value``; and
            ``ended`` for cells that need not run, as they share the record of another.
    """

    def __init__(self, run: RunFolder, order: RunRequest, say: Callable[[dict[str, Any]], None]) -> None:
        self._run = run
        self._order = order
        self._say = say
        self._twins = Twins(run.path)
        self._sharing = Sharing(run.path, names=order.shares, timers=order.shares and order.clock is Clock.VIRTUAL)
        self._cells: dict[Path, tuple[Role | None, Cell]] = {}

    def beforehand(self) -> list[Path]:
        """Return the folders of cells and twins that are to be run at first."""
        cells = [cell for cell in self._order.scenario.cells if not cell.unsupported]
        for cell in cells:
            folder = self._run.cell(cell)
            self._cells[folder] = None, cell
            self._sharing.add(folder, cell)
        for cell in cells:
            self._add(self._run.cell(cell), beforehand(cell, self._order.twins))
        return self._sharing.due()

    def ended(self, folder: Path, well: bool) -> list[Path]:  # noqa: FBT001  (see `Batch.more`)
        """Return the folders of what is to be run once a cell, or a twin, is over.

        Args:
            folder: its folder.
            well: whether it ran to its end; nothing follows from one that did not.
        """
        self._sharing.ended(folder, well=well)
        if well:
            self._follow(folder)
        while shared := [folder for folder, _ in self._sharing.settle()]:
            for each in shared:
                self._say({"ev": "ended", "cell": str(each), "status": 0})
                self._follow(each)
        return self._sharing.due()

    def _follow(self, folder: Path) -> None:
        role, cell = self._cells[folder]
        self._add(folder, afterwards(CellRun(folder, cell, None, self._twins), role, self._order.twins))

    def _add(self, of: Path, planned: Iterable[Planned]) -> None:
        for role, cell in planned:
            silent = isinstance(role, Silent)
            folder = self._twins.add(Twin(of="" if silent else str(of.relative_to(self._run.path)), role=role), cell)
            if folder is not None:
                self._cells[folder] = role, cell
                self._sharing.add(folder, cell, silent=silent)
                self._say({"ev": "twin", "cell": str(folder), "value": cell})
