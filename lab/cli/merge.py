"""Implements ``lab merge``: makes one run of several shards, and shows it as ``lab run`` does."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from lab.cli import run_result
from lab.cli.report import raise_damage
from lab.engine.shards.check import in_words
from lab.engine.shards.merge import merge
from lab.errors import EXIT_INTERRUPTED, Problem
from lab.report import files as reports
from lab.report import terminal
from lab.report.formats import report_json
from lab.report.paths import shown
from lab.units import counted


def merge_runs(folders: Sequence[Path], *, out: Path, json: bool, as_list: bool) -> int:
    """Merge the runs and return the exit status.

    Raises:
        ScenarioError: they do not belong together; or something in them is damaged, and what can be read was reported.
    """
    found: list[Problem] = []
    merged = merge(folders, out, found)
    reports.write(merged.run)
    console = terminal.console(stderr=json)
    run_result.show(merged.run, console, as_list=as_list)
    if json:
        sys.stdout.write(report_json.render(merged.run))
    notes = [
        f"{shown(each)} was interrupted or killed; its cells count as far as they came" for each in merged.unfinished
    ]
    if merged.missing:
        cells = counted(len(merged.missing), "cell is", "cells are")
        notes.insert(0, f"{cells} in none of these shards: {in_words(merged.missing)}")
    for note in notes:
        terminal.say(console, note, style="red")
    raise_damage(merged.run, found)
    status = run_result.status(merged.run, terminal.console(stderr=json))
    return status if merged.run.finished else EXIT_INTERRUPTED
