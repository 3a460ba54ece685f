"""Says which commands run a cell again and pack it for a ticket."""

from __future__ import annotations

import shlex

from lab import library
from lab.engine.cell_run import CellRun
from lab.engine.run import Run
from lab.model.scenario import Cell
from lab.servers.catalog import DEFAULT as DEFAULT_SERVER


def named(file: str) -> str:
    """Return a scenario's file as a command takes it: by its name, if it comes with the lab."""
    return {str(path): name for name, path in library.scenarios().items()}.get(file, file)


def again(run: Run, cell: Cell) -> str:
    """Return the command that runs just this cell again; empty: the scenario does not have it, a search made it."""
    if run.asked_for or not run.scenario.file:
        return ""
    only = [f"--only={axis}={label}" for axis, label in cell.axes]
    server = [f"--server={cell.server.software}"] if cell.server.software != DEFAULT_SERVER else []
    return shlex.join(["lab", "run", named(run.scenario.file), *only, f"--seed={cell.seed}", *server])


def bundle(run: Run, each: CellRun) -> str:
    """Return the command that packs the cell for a ticket."""
    name = run.folder.resolve().name
    return shlex.join(["lab", "bundle", each.name, f"--run=runs/{name}"])
