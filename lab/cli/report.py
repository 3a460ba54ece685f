"""The reports of a run: written when it ends, and by ``lab report`` again from the records of one that is over."""

from __future__ import annotations

import json as json_text
import sys
from pathlib import Path
from typing import Any

from lab.backends.base import BackendKind
from lab.cli.shown import shown
from lab.errors import EXIT_CLAIMS_HOLD, LabError, LabFault, Problem, ScenarioError
from lab.fleet.run_folder import REPORT_FILE
from lab.judge.verdict import judge
from lab.model.outcome import Outcome
from lab.model.scenario import Cell, Scenario
from lab.record import reader
from lab.record.evidence import Evidence
from lab.record.writer import FILE_NAME
from lab.report import document, junit, page, terminal
from lab.runner import cell_file

PAGE_FILE = "report.html"
JUNIT_FILE = "junit.xml"


def write(
    folder: Path,
    scenario: Scenario,
    *,
    clock: str,
    backend: str,
    results: list[tuple[Cell, Outcome | LabError]],
    finished: bool,
) -> dict[str, Any]:
    """Write all reports into the run folder; returns ``report.json``'s content."""
    seed = scenario.cells[0].seed
    report = document.document(scenario, clock=clock, backend=backend, seed=seed, results=results, finished=finished)
    (folder / REPORT_FILE).write_text(text(report), encoding="utf-8")
    html = page.page(scenario, clock=clock, results=results, warnings=report["warnings"])
    (folder / PAGE_FILE).write_text(html, encoding="utf-8")
    (folder / JUNIT_FILE).write_text(junit.junit(scenario, results), encoding="utf-8")
    return report


def text(report: dict[str, Any]) -> str:
    """``report.json`` as it is written and printed."""
    return json_text.dumps(report, indent=2) + "\n"


def report_again(folder: Path, *, json: bool) -> int:
    """Judge a finished run's records as today's lab does, write its reports anew and show the table.

    Raises:
        ScenarioError: the folder is not a run's.
    """
    old = read(folder)
    known = [(cell_file.read(folder / each["folder"]), each) for each in old["cells"]]
    results = [(cell, _judged(cell, folder, each)) for cell, each in known]
    said = old["scenario"]
    scenario = Scenario(
        name=said["name"],
        file=said["file"],
        text=(folder / "scenario.yaml").read_text("utf-8"),
        title=said["title"],
        why=said.get("why", ""),
        source=said["source"],
        cells=tuple(cell for cell, _ in known),
    )
    backend = old.get("backend", BackendKind.NETNS.value)
    report = write(folder, scenario, clock=old["clock"], backend=backend, results=results, finished=old["finished"])
    terminal.show(terminal.console(stderr=json), scenario, results)
    if json:
        sys.stdout.write(text(report))
    else:
        terminal.console(stderr=False).print(f"written anew: {shown(folder / PAGE_FILE)}, {JUNIT_FILE}, {REPORT_FILE}")
    return EXIT_CLAIMS_HOLD


def read(folder: Path) -> dict[str, Any]:
    """``report.json`` of a run.

    Raises:
        ScenarioError: the folder is not a run's.
    """
    try:
        report: dict[str, Any] = json_text.loads((folder / REPORT_FILE).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        allowed = f"the folder of a finished run, with a {REPORT_FILE}"
        raise ScenarioError([Problem(str(folder), 0, "", "not a run's folder", allowed=allowed)]) from None
    return report


def _judged(cell: Cell, folder: Path, before: dict[str, Any]) -> Outcome | LabError:
    if before["error"] is not None:
        return LabFault(before["error"]["text"])
    return judge(Evidence(cell, reader.read(folder / before["folder"] / FILE_NAME, cell)))
