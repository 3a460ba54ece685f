"""``lab why``: what a finished run's records say of cells, from the cause to the lost probe."""

from __future__ import annotations

import difflib
from pathlib import Path

from lab.cli.report import read
from lab.cli.shown import shown
from lab.errors import EXIT_CLAIMS_HOLD, Problem, ScenarioError
from lab.judge.verdict import judge
from lab.model.verdict import Verdict
from lab.record import reader
from lab.record.evidence import Evidence
from lab.record.writer import FILE_NAME
from lab.report import terminal
from lab.report.explanation import explain
from lab.runner import cell_file


def why(names: list[str], run: Path) -> int:
    """Explain the cells of these names, or all that did not pass; they are judged anew, from their records.

    Raises:
        ScenarioError: the folder is not a run's, or has no such cells.
    """
    known = _cells(run)
    problems = [
        Problem(str(run), 0, "", "no such cell", got=f"`{name}`", allowed=_near(name, list(known)))
        for name in names
        if name not in known
    ]
    if problems:
        raise ScenarioError(problems)
    console = terminal.console(stderr=False)
    for name in names or known:
        folder = run / known[name]
        cell, path = cell_file.read(folder), folder / FILE_NAME
        outcome = judge(Evidence(cell, reader.read(path, cell)))
        if names or outcome.verdict in (Verdict.FAIL, Verdict.INCONCLUSIVE):
            for sentence in explain(cell, outcome):
                console.print(sentence, markup=False, soft_wrap=True)
            console.print(f"  lines are of {shown(path)}", markup=False, soft_wrap=True)
    return EXIT_CLAIMS_HOLD


def _cells(run: Path) -> dict[str, str]:
    """The folders of a run's cells by their names, in the scenario's order."""
    return {cell["name"]: cell["folder"] for cell in read(run)["cells"]}


def _near(name: str, known: list[str]) -> str:
    close = difflib.get_close_matches(name, known, n=3, cutoff=0.4)
    return f"one like {', '.join(close)}" if close else f"one of {len(known)}, such as {known[0]}"
