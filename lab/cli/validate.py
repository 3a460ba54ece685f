"""``lab validate``: what scenario files come to, without running them."""

from __future__ import annotations

import dataclasses
import json as json_text
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from lab.engine.estimate import Estimate, estimate
from lab.engine.select import choose
from lab.errors import EXIT_CLAIMS_HOLD, Problem, ScenarioError
from lab.loader.load import load
from lab.model.scenario import Scenario
from lab.model.twin import TwinPlan
from lab.report import terminal
from lab.report.formats.report_json import without_none
from lab.units import counted, short_time

FORMAT = 1
AS_LAB_RUN = TwinPlan(moments=1, causes=True, costs=True)
"""The twins of `lab run` without options."""


def validate(files: Sequence[Path], *, only: Sequence[str], server: str, json: bool) -> int:
    """Load all files and print what each comes to; return the exit status.

    Raises:
        ScenarioError: with all problems of all files; in JSON they are part of the document instead.
    """
    scenarios: list[Scenario] = []
    problems: list[Problem] = []
    for file in files:
        try:
            scenarios.append(choose(load(file, server=server), only))
        except ScenarioError as error:  # noqa: PERF203  (all files' problems at once)
            problems.extend(error.problems)
    if json:
        sys.stdout.write(json_text.dumps(document(scenarios, problems), indent=2) + "\n")
        return ScenarioError.exit_code if problems else EXIT_CLAIMS_HOLD
    console = terminal.console(stderr=False)
    for scenario in scenarios:
        for line in sentences(scenario, estimate(scenario, AS_LAB_RUN)):
            terminal.say(console, line)
    if problems:
        raise ScenarioError(problems)
    return EXIT_CLAIMS_HOLD


def sentences(scenario: Scenario, found: Estimate) -> Iterator[str]:
    """Yield what a scenario comes to, the file first."""
    yield f"{scenario.file}: {counted(found.cells, 'cell')}{_axes(scenario)}"
    if found.unsupported:
        yield f"  {counted(found.unsupported, 'more cell')} cannot exist (`unsupported`) and will not be run"
    claimed = sum(cell.claim is not None for cell in scenario.cells)
    yield f"  claims speak of {claimed} of {counted(len(scenario.cells), 'cell')}"
    if lack := without_none(scenario.cells):
        yield f"  note: {lack}"
    if not found.cells:
        return
    following = f", and up to {found.more_twins} that follow from what cells show" if found.more_twins else ""
    yield f"  the cells last {short_time(found.lasting_s)} together, in their own time"
    yield f"  besides, {counted(found.twins, 'twin')} of cells{following} (docs/verdicts.md)"
    most = found.cells + found.twins + found.more_twins
    if found.runs < most:
        yield f"  about {found.runs:,} of these {most:,} are likely to run; the others share a record"
    on = counted(found.processors, "processor")
    yield f"  estimate for `lab run` in virtual time, {on}: about {short_time(found.virtual_s)}"
    yield f"  estimate for `lab run --clock real`: about {short_time(found.real_s)}"


def document(scenarios: Sequence[Scenario], problems: Sequence[Problem]) -> dict[str, Any]:
    """Return the findings as JSON values; times are seconds."""
    return {
        "format": FORMAT,
        "valid": not problems,
        "problems": [dataclasses.asdict(problem) for problem in sorted(problems)],
        "files": [_scenario(scenario, estimate(scenario, AS_LAB_RUN)) for scenario in scenarios],
    }


def _scenario(scenario: Scenario, found: Estimate) -> dict[str, Any]:
    lack = without_none(scenario.cells)
    return {
        "file": scenario.file,
        "name": scenario.name,
        "title": scenario.title,
        "axes": _labels(scenario),
        "cells": found.cells,
        "unsupported": found.unsupported,
        "claimed": sum(cell.claim is not None for cell in scenario.cells),
        "twins": found.twins,
        "more_twins_at_most": found.more_twins,
        "runs": found.runs,
        "lasting_s": found.lasting_s,
        "estimate": {
            "virtual_s": round(found.virtual_s, 1),
            "real_s": round(found.real_s, 1),
            "processors": found.processors,
        },
        "notes": [lack] if lack else [],
    }


def _labels(scenario: Scenario) -> dict[str, list[str]]:
    found: dict[str, dict[str, None]] = {}
    for cell in scenario.cells:
        for axis, label in cell.axes:
            found.setdefault(axis, {})[label] = None
    return {axis: list(labels) for axis, labels in found.items()}


def _axes(scenario: Scenario) -> str:
    """Return how the cells come about: `, 3 strategies × 2 transports`; nothing if there is one axis or none."""
    labels = _labels(scenario)
    words = [f"{len(values)} × {axis}" for axis, values in labels.items()]
    return f" ({', '.join(words)})" if len(words) > 1 else ""
