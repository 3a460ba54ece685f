"""Builds runs for tests: of cells whose outcomes are given, without folders."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from lab.engine.cell_run import CellRun
from lab.engine.run import Run
from lab.errors import LabError
from lab.model.outcome import Outcome
from lab.model.scenario import Cell, Scenario


def run_of(scenario: Scenario, results: Sequence[tuple[Cell, Outcome | LabError]]) -> Run:
    """Return a finished run of these cells, which came out so."""
    cells = []
    for cell, result in results:
        each = CellRun(Path("cells") / cell.name, cell, result if isinstance(result, LabError) else None)
        each.__dict__["result"] = result  # as if it had been judged
        cells.append(each)
    return Run(Path(), scenario, "virtual", "netns", finished=True, cells=tuple(cells))
