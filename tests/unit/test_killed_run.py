"""What a run that was killed leaves is judged as far as it came: no end was noted, and no report written."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from lab.engine.run import Run
from lab.engine.run_folder import RunFolder
from lab.model.scenario import Scenario
from lab.model.verdict import Verdict
from lab.record import codec
from lab.record.events import VERSION, RecordBegan
from lab.record.writer import FILE_NAME, RUNNER
from lab.report.formats import junit_xml, report_csv, report_html, report_json, report_md
from tests.records import CLIENT, END, Line, cell, flow_set_up, numbered, on_lan, probe, say, sentinel

BEGAN = say(-1.0, RUNNER, RecordBegan(version=VERSION))
WHOLE = numbered(BEGAN, *flow_set_up(), *sentinel("delivered"), *probe(1, 100.0, answered=True), END)


def wrote(folder: Path, entries: list[Line], *, cut: str = "") -> None:
    """Leave a record, whose last line may be cut off."""
    lines = "".join(codec.to_line(each.t, each.who, each.event).decode() for each in entries)
    (folder / FILE_NAME).write_text(lines + cut, encoding="utf-8")


@pytest.fixture
def killed(tmp_path: Path) -> Run:
    """A run with a cell that ended, one that shares its record, one in its middle, and one that never began."""
    cells = tuple(replace(cell(), name=name) for name in ("ended", "alike", "midway", "waiting"))
    scenario = Scenario(name="s", file="s.yaml", cells=cells, text="", title="", why="", source="")
    made = RunFolder.make(tmp_path, scenario, {"clock": "virtual"})
    wrote(made.cell(cells[0]), WHOLE)
    wrote(made.cell(cells[1]), WHOLE)
    (made.cell(cells[1]) / "shared.json").write_text(json.dumps({"with": "cells/ended"}), encoding="utf-8")
    wrote(made.cell(cells[2]), WHOLE[:-3], cut='{"t":99.0,"who":"cli')
    return Run.open(made.path)


def test_cells_are_judged_as_far_as_they_came(killed: Run) -> None:
    """What ended has its verdict, shared or not; of the rest nothing is known."""
    assert not killed.finished
    verdicts = {each.name: each.verdict for each in killed}
    assert verdicts == {
        "ended": Verdict.PASS,
        "alike": Verdict.PASS,
        "midway": Verdict.INCONCLUSIVE,
        "waiting": Verdict.INCONCLUSIVE,
    }
    assert killed["alike"].outcome.shared_with == "cells/ended"


@pytest.mark.parametrize("form", [report_json, report_html, report_csv, report_md, junit_xml])
def test_every_report_can_be_made(killed: Run, form: object) -> None:
    """And says whose record is shared."""
    text = form.render(killed)  # type: ignore[attr-defined]  # a module of formats
    assert "cells/ended" in text or form is report_md  # of a pass it tells no more
    assert "midway" in text or form is report_csv


def test_a_pass_that_was_not_confirmed(tmp_path: Path) -> None:
    """A run that ended before the twin at the weakest moment had run does not know whether the client passes."""
    one = replace(cell(), name="ended")
    scenario = Scenario(name="s", file="s.yaml", cells=(one,), text="", title="", why="", source="")
    twins = {"moments": 1, "causes": True, "costs": False, "seeds": 1}
    made = RunFolder.make(tmp_path, scenario, {"clock": "virtual", "twins": twins})
    by_itself = on_lan(40.0, CLIENT, 100)  # so there is a weakest moment
    wrote(made.cell(one), numbered(*(each for each in WHOLE[:-1]), by_itself, WHOLE[-1]))
    (killed,) = Run.open(made.path)
    assert killed.alone.verdict is Verdict.PASS  # type: ignore[union-attr]  # it ran to its end
    assert killed.verdict is Verdict.INCONCLUSIVE
    assert killed.outcome.doubt == "the run ended before the client was probed at its weakest moment"
    made.finish({}, finished=True)
    (over,) = Run.open(made.path)
    assert over.verdict is Verdict.PASS
