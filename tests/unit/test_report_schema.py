"""The schema of report.json: it is published, it takes what the lab writes, and nothing else."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from lab.cli.reference import print_reference
from lab.engine.run import Run
from lab.engine.run_folder import RunFolder
from lab.errors import HostNotCapable, ScenarioError
from lab.model.scenario import Claim, Scenario
from lab.model.verdict import Verdict
from lab.record import codec
from lab.record.events import VERSION, RecordBegan
from lab.record.writer import FILE_NAME, RUNNER
from lab.report.formats import junit_xml
from lab.report.formats.report_json import document
from tests.records import END, cell, flow_set_up, numbered, probe, say, sentinel
from tests.schemas import check_junit, check_report

PAGE = Path(__file__).parents[2] / "docs" / "report.schema.json"
BEGAN = say(-1.0, RUNNER, RecordBegan(version=VERSION))
ANSWERED = numbered(BEGAN, *flow_set_up(), *sentinel("delivered"), *probe(1, 100.0, answered=True), END)
LOST = numbered(BEGAN, *flow_set_up(), *sentinel("delivered"), *probe(1, 100.0, answered=False), END)


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """A run that was killed: cells that passed, failed, did not end, did not begin, and could not run."""
    one = cell()
    claimed = replace(one, name="lost", claim=Claim(verdict=Verdict.PASS))
    cells = (replace(one, name="answered"), claimed, *(replace(one, name=name) for name in ("midway", "waiting")))
    broken = replace(one, name="broken")
    scenario = Scenario(name="s", file="s.yaml", cells=(*cells, broken), text="", title="", why="", source="")
    made = RunFolder.make(tmp_path, scenario, {"clock": "virtual"})
    for each, record in zip(cells, (ANSWERED, LOST, ANSWERED[:-3]), strict=False):
        lines = "".join(codec.to_line(entry.t, entry.who, entry.event).decode() for entry in record)
        (made.cell(each) / FILE_NAME).write_text(lines, encoding="utf-8")
    made.finish({made.cell(broken): HostNotCapable("no netem", fix="modprobe")}, finished=False)
    return Run.open(made.path)


def test_it_is_published(capsys: pytest.CaptureFixture[str]) -> None:
    """`lab reference --report > docs/report.schema.json` writes it."""
    print_reference([], json_schema=False, report=True)
    assert PAGE.read_text(encoding="utf-8") == capsys.readouterr().out


@pytest.mark.parametrize("more", [{"names": ["reconnect"]}, {"names": [], "record": True}])
def test_it_is_asked_for_alone(more: dict[str, Any]) -> None:
    with pytest.raises(ScenarioError, match="a page of its own"):
        print_reference(json_schema=False, report=True, **more)


def test_reports_are_as_it_says(run: Run) -> None:
    report = document(run)
    assert [each["verdict"] for each in report["cells"]] == ["pass", "fail", "inconclusive", "inconclusive", None]
    check_report(report)
    check_report(json.loads(json.dumps(report)))
    check_junit(junit_xml.render(run))


def _places(value: Any) -> Iterator[dict[str, Any]]:
    """Yield every mapping with fixed keys."""
    if isinstance(value, dict):
        yield value
    for key, each in value.items() if isinstance(value, dict) else enumerate(value):
        if isinstance(each, dict | list) and key != "axes":
            yield from _places(each)


def test_nothing_else_is(run: Run) -> None:
    """One more key, one less, or another name is wrong, wherever it is."""
    report = json.loads(json.dumps(document(run)))
    total = len(list(_places(report)))
    assert total > 20
    for at in range(total):
        names = list(list(_places(report))[at])
        for name in names:
            changed = copy.deepcopy(report)
            place = list(_places(changed))[at]
            place[f"{name}x"] = place.pop(name)
            with pytest.raises(AssertionError):
                check_report(changed)
        more = copy.deepcopy(report)
        list(_places(more))[at]["new"] = 1
        with pytest.raises(AssertionError):
            check_report(more)


@pytest.mark.parametrize(
    ("what", "instead"),
    [
        ('tests="5"', ""),
        ('tests="5"', 'tests="6"'),
        ('errors="1"', 'errors="one"'),
        (' classname="s"', ""),
        ("<testcase ", '<testcase result="good" '),
        ('type="host"', ""),
        ("<properties>", "<properties/><properties>"),
        ('name="lost"', 'name="answered"'),
        ("<system-out>", "<output/><system-out>"),
    ],
)
def test_what_is_no_junit(run: Run, what: str, instead: str) -> None:
    text = junit_xml.render(run)
    assert what in text
    with pytest.raises(AssertionError):
        check_junit(text.replace(what, instead))
