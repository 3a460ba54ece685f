"""The line of ``lab run`` that says where the reports are."""

from __future__ import annotations

import io
from dataclasses import replace
from pathlib import Path

from rich.console import Console

from lab.cli import run_result
from lab.model.scenario import Scenario
from lab.report.files import all_formats
from tests.records import cell, judged
from tests.runs import run_of


def test_reports_are_named_in_one_line(tmp_path: Path) -> None:
    """A window of 40 columns does not break it; each file but the spreadsheet's is named."""
    one = cell()
    scenario = Scenario(name="s", file="s.yaml", cells=(one,), text="", title="", why="", source="")
    out = io.StringIO()
    run = replace(run_of(scenario, [(one, judged(one))]), folder=tmp_path / "20260101-000000-s")
    run_result.show(run, Console(file=out, width=40), as_list=True)
    (line,) = (each for each in out.getvalue().splitlines() if each.startswith("report: "))
    assert str(tmp_path / "20260101-000000-s" / "report.html") in line
    assert {each.FILE for each in all_formats()} - {"report.csv"} <= set(
        line.replace(",", "").replace(";", "").split()
    ) | {"report.html"}
