"""The report for spreadsheets."""

from __future__ import annotations

import csv
import dataclasses
import io

from lab.errors import HostNotCapable, LabError
from lab.model.outcome import Outage, Outcome
from lab.model.scenario import Cell, Scenario
from lab.model.verdict import Verdict
from lab.report.formats import report_csv
from tests.records import cell as a_cell
from tests.records import judged
from tests.runs import run_of


def _rows(*results: tuple[str, Outcome | LabError]) -> list[dict[str, str]]:
    cells: list[tuple[Cell, Outcome | LabError]] = [
        (dataclasses.replace(a_cell(), name=name, axes=(("strategy", name),)), result) for name, result in results
    ]
    only = tuple(cell for cell, _ in cells)
    scenario = Scenario(name="s", file="s.yaml", text="", title="t", why="", source="", cells=only)
    return list(csv.DictReader(io.StringIO(report_csv.render(run_of(scenario, cells)))))


def test_a_row_for_each_cell() -> None:
    """Verdict, longest outage and costs; what could not run says why and has no numbers."""
    empty = judged(a_cell())
    outages = (Outage(from_s=1, to_s=5), Outage(from_s=6, to_s=None))
    lost = dataclasses.replace(
        empty, verdict=Verdict.FAIL, metrics=dataclasses.replace(empty.metrics, packets_per_hour=7.5, outages=outages)
    )
    first, second = _rows(("none", lost), ('with, a "comma"', HostNotCapable("no netem", fix="modprobe")))
    ends = float(a_cell().ends)
    assert (first["strategy"], first["verdict"], first["packets_per_hour"]) == ("none", "fail", "7.5")
    assert float(first["longest_outage_s"]) == ends - 6
    assert (second["strategy"], second["verdict"]) == ('with, a "comma"', "error")
    assert (second["why"], second["packets_per_hour"]) == ("no netem; modprobe", "")


def test_nothing_ran() -> None:
    assert _rows() == []


def test_what_never_ran_has_no_numbers() -> None:
    """A zero would be one that nobody measured."""
    (row,) = _rows(("none", dataclasses.replace(judged(a_cell()), verdict=Verdict.UNSUPPORTED, doubt="no TLS")))
    assert {key: value for key, value in row.items() if value} == {
        "strategy": "none",
        "verdict": "unsupported",
        "why": "no TLS",
    }
