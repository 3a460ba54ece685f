"""Implements ``lab why``: explains the verdict of cells, from the cause to the lost probe."""

from __future__ import annotations

from pathlib import Path

from lab.cli.report import raise_damage
from lab.engine.run import Run
from lab.errors import EXIT_CLAIMS_HOLD, LabError, Problem, ScenarioError
from lab.loader.conversion import choice
from lab.model.verdict import Verdict
from lab.report import terminal
from lab.report.explanation import explain
from lab.report.paths import shown


def why(names: list[str], folder: Path) -> int:
    """Explain the cells of these names, or all that did not pass; they are judged anew, from their records.

    Raises:
        ScenarioError: the folder is not a run's, or has no such cells, or something in it is damaged; what can be read
            has been explained.
    """
    found: list[Problem] = []
    run = Run.open(folder, found)
    known = [each.name for each in run]
    problems = [
        Problem(str(folder), 0, "", "no such cell", got=f"`{name}`", allowed=choice(name, known))
        for name in names
        if name not in known
    ]
    if problems:
        raise ScenarioError([*problems, *found])
    console = terminal.console(stderr=False)
    for each in [run[name] for name in names] or run:
        result = each.result
        if isinstance(result, LabError):
            sentences = [f"{each.name}: {result.side} error: {result}"]
        elif names or result.verdict in (Verdict.FAIL, Verdict.INCONCLUSIVE):
            sentences = explain(each.cell, result)
            if each.decisive.record.exists():
                sentences.append(f"  lines are of {shown(each.decisive.record)}")
        else:
            continue
        for sentence in sentences:
            terminal.say(console, sentence)
    raise_damage(run, found)
    return EXIT_CLAIMS_HOLD
