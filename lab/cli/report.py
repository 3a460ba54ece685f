"""Implements ``lab report``: writes a run's reports again, from its records."""

from __future__ import annotations

import sys
from pathlib import Path

from lab.engine.run import Run
from lab.errors import EXIT_CLAIMS_HOLD, Problem, ScenarioError
from lab.report import files as reports
from lab.report import terminal
from lab.report.formats import report_html, report_json
from lab.report.paths import shown


def report_again(folder: Path, *, json: bool, as_list: bool = False) -> int:
    """Judge a run's records as today's lab does, write its reports anew and show the table.

    Raises:
        ScenarioError: the folder is not a run's, or something in it is damaged; what can be read has been reported.
    """
    found: list[Problem] = []
    run = Run.open(folder, found)
    reports.write(run)
    terminal.show(terminal.console(stderr=json), run.scenario, run.results, as_list=as_list)
    if json:
        sys.stdout.write(report_json.render(run))
    else:
        others = [each.FILE for each in reports.all_formats() if each is not report_html]
        files = ", ".join([shown(folder / report_html.FILE), *others])
        terminal.console(stderr=False).print(f"written anew: {files}")
    raise_damage(run, found)
    return EXIT_CLAIMS_HOLD


def raise_damage(run: Run, found: list[Problem]) -> None:
    """Say what of a run's folder could not be read.

    Args:
        run: opened from that folder.
        found: the problems that opening it has found.

    Raises:
        ScenarioError: there was something.
    """
    errors = [result for _, result in run.results if isinstance(result, ScenarioError)]
    problems = {*found, *(problem for error in errors for problem in error.problems)}
    if problems:
        raise ScenarioError(list(problems))
