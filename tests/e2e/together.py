"""Runs the cells of many tests in one run in virtual time, so that guests boot once and not once per test.

A test names its cells with the mark ``cells`` and reads what came of them from the fixture ``virtually``::

    DNS = Cells(ROOT / "scenarios" / "field" / "dns-failure.yaml")

    @pytest.mark.cells(DNS)
    def test_dns_failure(virtually: Virtually) -> None:
        assert virtually(DNS).status == 0
"""

from __future__ import annotations

import io
import json
import shutil
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from rich.console import Console

from lab.backends.base import BackendKind
from lab.cli import run_result
from lab.engine import prepare
from lab.engine.cell_run import CellRun
from lab.engine.execute import execute
from lab.engine.run import Run
from lab.engine.run_request import RunRequest
from lab.engine.select import load_all
from lab.model.scenario import Cell, Scenario
from lab.model.twin import NO_TWINS, TwinPlan
from lab.record.writer import FILE_NAME
from lab.report.formats.report_json import document
from lab.worlds.clock import Clock
from tests.e2e.lab_command import ROOT
from tests.schemas import check_report


@dataclass(frozen=True)
class Cells:
    """Cells of a scenario, and how they are to be run.

    Attributes:
        scenario: its file, or its text.
        name: of a scenario that is given as text.
        only: ``AXIS=VALUE`` of the cells to run, as for ``lab run --only``.
        seed: in place of the scenario's.
        server: the program that serves where the scenario does not say which.
        beside: files to lay beside a scenario that is given as text.
        twins: what is to be run besides, as ``lab run`` does.
    """

    scenario: Path | str
    name: str = ""
    only: tuple[str, ...] = ()
    seed: int | None = None
    server: str = "scripted"
    beside: tuple[Path, ...] = ()
    twins: TwinPlan = NO_TWINS


@dataclass(frozen=True)
class Seen:
    """What came of cells.

    Attributes:
        status: the exit status that ``lab run`` would have.
        said: the errors and broken claims, for a failing test.
        cells: as in ``report.json``, by name; ``folder`` is absolute.
    """

    status: int
    said: str
    cells: dict[str, dict[str, Any]]

    def folder(self, name: str) -> Path:
        """Return the folder of a cell."""
        return Path(self.cells[name]["folder"])

    def record(self, name: str) -> list[dict[str, Any]]:
        """Return the lines of a cell's record."""
        text = (self.folder(name) / FILE_NAME).read_text(encoding="utf-8")
        return [json.loads(line) for line in text.splitlines()]

    def lines(self, name: str, who: str, ev: str) -> list[dict[str, Any]]:
        """Return the lines of a cell's record with that origin and that event."""
        return [line for line in self.record(name) if (line["who"], line["ev"]) == (who, ev)]


Virtually = Callable[[Cells], Seen]
"""Gives what came of cells."""
Place = tuple[Path, int | None, str, TwinPlan, str]
"""Where a cell comes from: its file, seed, server and twins, and its name there."""


def run_together(
    wanted: Iterable[Cells], folder: Path, *, clock: Clock = Clock.VIRTUAL, jobs: int | None = None
) -> Virtually:
    """Run all these cells, each once, in one run; return what gives their results.

    In virtual time there are as many guests as processors; ``jobs`` cells run side by side if that is given.
    """
    shutil.copytree(ROOT / "topologies", folder / "topologies")
    scenarios = {each: _load(each, folder) for each in dict.fromkeys(wanted)}
    prepare.check(list(scenarios.values()), BackendKind.NETNS)
    cells: dict[Place, Cell] = {}
    for each, scenario in scenarios.items():
        for cell in scenario.cells:
            cells.setdefault(
                _place(each, scenario, cell), replace(cell, name=f"{scenario.name}--{len(cells)}--{cell.name}")
            )
    results: dict[Place, CellRun] = {}
    for twins in dict.fromkeys(each.twins for each in scenarios):
        those = {place: cell for place, cell in cells.items() if place[-2] == twins}
        together = replace(next(iter(scenarios.values())), name="together", cells=tuple(those.values()))
        (ran,) = execute([RunRequest(scenario=together, out=folder / "runs", clock=clock, jobs=jobs, twins=twins)])
        assert ran.finished
        results.update(zip(those, ran.cells, strict=True))

    def virtually(which: Cells) -> Seen:
        scenario = scenarios[which]
        came = {cell.name: results[_place(which, scenario, cell)] for cell in scenario.cells}
        own = tuple(replace(each, cell=replace(each.cell, name=name)) for name, each in came.items())
        folder = next(iter(came.values())).folder.parent.parent
        part = Run(folder, scenario, clock.value, BackendKind.NETNS.value, finished=True, cells=own)
        report = document(part)
        check_report(report)
        said = io.StringIO()
        status = run_result.status(part, Console(file=said, width=200))
        folders = {name: str(each.folder) for name, each in came.items()}
        cells = {cell["name"]: {**cell, "folder": folders[cell["name"]]} for cell in report["cells"]}
        broken = [f"{name}: {cell}" for name, cell in cells.items() if not (cell.get("claim") or {}).get("holds")]
        return Seen(status, "\n".join([said.getvalue(), *broken]), cells)

    return virtually


def _load(which: Cells, folder: Path) -> Scenario:
    if isinstance(which.scenario, Path):
        file = which.scenario
    else:
        file = folder / f"{which.name}.yaml"
        assert not file.exists() or file.read_text(encoding="utf-8") == which.scenario, f"two texts for {which.name}"
        file.write_text(which.scenario, encoding="utf-8")
        for other in which.beside:
            shutil.copy(other, folder)
    (scenario,) = load_all([file], only=which.only, seed=which.seed, server=which.server)
    return scenario


def _place(which: Cells, scenario: Scenario, cell: Cell) -> Place:
    return Path(scenario.file).resolve(), which.seed, which.server, which.twins, cell.name
