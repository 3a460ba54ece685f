"""Collects the settings of a run's strategies as code, for the page."""

from __future__ import annotations

from typing import Any

from lab.engine.run import Run
from lab.model.outcome import Outcome
from lab.model.scenario import Strategy
from lab.model.verdict import Verdict
from lab.settings_code import snippets


def settings(run: Run) -> dict[str, list[dict[str, Any]]]:
    """Return the settings of each strategy that passes somewhere, by its label: language, title, code, note."""
    passing: dict[str, Strategy] = {}
    for cell, result in run.results:
        if isinstance(result, Outcome) and result.verdict is Verdict.PASS:
            passing.setdefault(cell.strategy.name, cell.strategy)
    found = {name: [dict(each) for each in snippets(strategy)] for name, strategy in passing.items()}
    return {name: each for name, each in found.items() if each}
