"""Makes the twins of a run: some before it starts, the others as cells end."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from lab.engine.cell_run import CellRun
from lab.engine.order import Order
from lab.engine.run_folder import RunFolder
from lab.engine.twins.folder import Twins
from lab.engine.twins.plan import Planned, afterwards, beforehand
from lab.model.scenario import Cell
from lab.model.twin import Role, Silent, Twin


class Family:
    """The twins of one run.

    Args:
        run: its folder.
        order: what was asked for.
        say: takes a progress message ``twin`` for each, with its folder, ``cell``, and what is run, ``value``.
    """

    def __init__(self, run: RunFolder, order: Order, say: Callable[[dict[str, Any]], None]) -> None:
        self._run = run
        self._order = order
        self._say = say
        self._twins = Twins(run.path)
        self._cells: dict[Path, tuple[Role | None, Cell]] = {}

    def beforehand(self) -> list[Path]:
        """Return the folders of twins that can be run beside the cells."""
        made = []
        for cell in self._order.scenario.cells:
            folder = self._run.cell(cell)
            self._cells[folder] = None, cell
            made += self._add(folder, beforehand(cell, self._order.twins))
        return made

    def after(self, folder: Path) -> list[Path]:
        """Return the folders of twins that follow from a cell, or a twin, that has run."""
        role, cell = self._cells[folder]
        run = CellRun(folder, cell, None, self._twins)
        return self._add(folder, afterwards(run, role, self._order.twins))

    def _add(self, of: Path, planned: Iterable[Planned]) -> list[Path]:
        made = []
        for role, cell in planned:
            name = "" if isinstance(role, Silent) else str(of.relative_to(self._run.path))
            folder = self._twins.add(Twin(of=name, role=role), cell)
            if folder is not None:
                self._cells[folder] = role, cell
                made.append(folder)
                self._say({"ev": "twin", "cell": str(folder), "value": cell})
        return made
