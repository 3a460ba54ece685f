"""``lab rank``: its options, its table, and the ranking of a run that is there."""

from __future__ import annotations

import io
import json
import math
from dataclasses import replace
from pathlib import Path

import pytest
from rich.console import Console

import lab
from lab.cli import rank_table
from lab.cli.rank import Asked, rank
from lab.engine.run_folder import RunFolder
from lab.errors import EXIT_CLAIM_BROKEN, EXIT_CLAIMS_HOLD, ScenarioError
from lab.model.scenario import Scenario
from lab.ranking.constraints import Constraints
from lab.ranking.ranking import Ranking
from lab.ranking.ranking import rank as ranking_of
from lab.record import codec
from lab.record.events import VERSION, RecordBegan
from lab.record.writer import FILE_NAME, RUNNER
from tests.page_data import PageData
from tests.records import CLIENT, END, Line, cell, flow_set_up, idle_timer, numbered, on_lan, probe, say, sentinel
from tests.unit.ranking_figures import WEIGHTS, costing, one, strategy

BEGAN = say(-1.0, RUNNER, RecordBegan(version=VERSION))
LONG = "tcp-user-timeout-30s-options-25s"


def ranking(**demanded: float) -> Ranking:
    """Of strategies with long names, one of them doubtful, under three failures."""
    found = [
        *strategy(LONG, "home cgn cell", wakeups=144, size=195_384, outage=76),
        *strategy("options-25s-drop-reconnect", "home cgn cell", wakeups=146, size=196_000, outage=76),
        *strategy("hold-transport", "home", wakeups=42, size=24_000),
        *strategy("none", "", wakeups=12),
        *(
            replace(each, reach=one("x", "home", passed=None).reach, doubt="why")
            for each in strategy("d", "", wakeups=1)
        ),
    ]
    more = [replace(each, failure=failure) for failure in ("evicted", "rebooted") for each in found]
    found = [replace(each, metrics=costing(12, lost=object())) if each.candidate == "none" else each for each in found]
    return ranking_of([*found, *more], WEIGHTS, Constraints(**demanded), Path("runs/x"))


def printed(found: Ranking, width: int) -> str:
    said = io.StringIO()
    rank_table.show(Console(file=said, width=width, force_terminal=True, color_system=None), "A title", found)
    return said.getvalue()


def test_the_table_at_80_columns() -> None:
    """Columns that do not fit are left out, the least important first; the front and who beats whom stay."""
    lines = printed(ranking(), 80).splitlines()
    assert max(map(len, lines)) <= 80
    head = next(line for line in lines if line.startswith("#"))
    assert head.split() == ["#", "strategy", "reach", "unknown", "worst", "kB/h", "wake/h", "front"]
    rows = {line.split()[1]: line.split() for line in lines if line[:1].isdigit()}
    assert rows[LONG][-4:] == ["s", "195", "144", "ship"]
    assert rows["options-25s-drop-reconnect"][-2:] == ["by", "1"]
    assert rows["hold-transport"][-1] == "yes"
    assert rows["none"][-2:] == ["12*", "-"]
    text = " ".join(printed(ranking(), 80).split())
    assert "population: home 55 %, cgn 30 %, cell 15 %" in text
    assert f"{LONG}: reaches 100 % of the population at 144 wake-ups/h" in text
    assert "also on the front: hold-transport: reaches 55 %" in text
    assert "unknown, d: why" in text


def test_a_wide_table() -> None:
    """Has a column for each failure, and all figures."""
    head = next(line for line in printed(ranking(), 160).splitlines() if line.startswith("#"))
    figures = ["worst", "typical", "missed", "pkt/h", "kB/h", "wake/h", "front"]
    assert head.split() == ["#", "strategy", "reach", "unknown", "idle", "evicted", "rebooted", *figures]


def test_equal_shares_are_said_once() -> None:
    boxes = tuple((box, 100 / 3) for box, _ in WEIGHTS)
    found = ranking_of(strategy("s", "home", wakeups=1), boxes, Constraints(), Path("runs/x"))
    assert "population: 3 middleboxes, 33.3 % each" in printed(found, 80)


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        (Asked(at_most=("wakups=60/h",)), "--at-most: no limit of a cost, got `wakups=60/h`; did you mean `wakeups`?"),
        (Asked(at_most=("wakeups",)), "--at-most: no limit of a cost"),
        (Asked(at_most=("wakeups=60",)), "--at-most: not a quantity, got `60`"),
        (Asked(at_most=("wakeups=60/min",)), "--at-most: unknown unit `/min`"),
        (Asked(at_most=("bytes=1kB/h", "bytes=2kB/h")), "--at-most: given twice, got `bytes`"),
        (Asked(outage="10"), "--outage: not a quantity, got `10`"),
        (Asked(reach="97"), "--reach: not a quantity, got `97`"),
        (Asked(reach="101%"), "--reach: too large"),
        (Asked(population="nowhere.yaml"), "nowhere.yaml"),
        (Asked(population=""), "--population"),
        (Asked(population="cgn=50%"), "the shares do not add up, got 50 %"),
        (Asked(population="cgm=100%"), "unknown middlebox, got `cgm`; did you mean `cgn`"),
        (Asked(strategies=("hold-transprt",)), "unknown strategy, got `hold-transprt`"),
    ],
)
def test_what_is_wrong(asked: Asked, said: str, tmp_path: Path) -> None:
    """Is said before anything runs."""
    with pytest.raises(ScenarioError) as wrong:
        rank(Path("article/idle-behind-nat"), asked, out=tmp_path / "runs", json=False)
    assert said in str(wrong.value)
    assert not (tmp_path / "runs").exists()


def test_all_wrong_options_at_once(tmp_path: Path) -> None:
    asked = Asked(at_most=("wakups=60/h", "packets=x"), outage="10", reach="97")
    with pytest.raises(ScenarioError) as wrong:
        rank(Path("article/idle-behind-nat"), asked, out=tmp_path, json=False)
    assert len(wrong.value.problems) == 4


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A run of two strategies behind two middleboxes: `ping` is reached behind both, `none` behind one."""
    cells = tuple(
        replace(cell(), name=f"{name},{box}", axes=(("strategy", name), ("middlebox", box)))
        for name in ("none", "ping")
        for box in ("home", "cgn")
    )
    shares = (("home", 80.0), ("cgn", 20.0))
    scenario = Scenario(name="s", file="s.yaml", cells=cells, text="", title="t", why="", source="", population=shares)
    made = RunFolder.make(tmp_path, scenario, {"clock": "virtual", "backend": "netns"})
    for each in cells:
        lost = each.name == "none,cgn"
        what: list[Line] = [
            *([idle_timer(33.0)] if lost else []),
            *probe(1, 100.0, answered=not lost),
            on_lan(50.0, CLIENT, 100),
        ]
        entries = numbered(BEGAN, *flow_set_up(), *sentinel("delivered"), *what, END)
        text = "".join(codec.to_line(line.t, line.who, line.event).decode() for line in entries)
        (made.cell(each) / FILE_NAME).write_text(text, encoding="utf-8")
    made.finish({}, finished=True)
    return made.path


def test_a_run_that_is_there(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Nothing runs; its population is the scenario's, or another one of its middleboxes."""
    assert rank(folder, Asked(), out=folder, json=True) == EXIT_CLAIMS_HOLD
    found = json.loads(capsys.readouterr().out)
    assert json.loads((folder / "rank.json").read_text()) == found
    shown = PageData((folder / "report.html").read_text("utf-8")).overview["ranking"]
    assert shown["strategy"] == found["recommendation"]["strategy"]
    assert [each["name"] for each in shown["strategies"]] == [each["name"] for each in found["strategies"]]
    assert found["population"] == {"home": 80.0, "cgn": 20.0}
    assert {each["name"]: each["share"] for each in found["strategies"]} == {"ping": 100.0, "none": 80.0}
    assert {each["name"]: each["worst_outage_s"] for each in found["strategies"]} == {"ping": 0.0, "none": "end"}
    assert rank(folder, Asked(population="home=10%,cgn=90%"), out=folder, json=True) == EXIT_CLAIMS_HOLD
    again = json.loads(capsys.readouterr().out)
    assert {each["name"]: each["share"] for each in again["strategies"]} == {"ping": 100.0, "none": 10.0}


def test_nothing_keeps_the_limits(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Then the exit status is 1, and the limit that binds is named."""
    asked = Asked(at_most=("packets=0/h",), reach="90%")
    assert rank(folder, asked, out=folder, json=False) == EXIT_CLAIM_BROKEN
    said = capsys.readouterr().out
    assert "no strategy keeps all constraints; " in said
    assert "`--at-most packets=0/h` binds" in said


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        (Asked(population="nowhere=100%"), "no such middlebox in this run"),
        (Asked(strategies=("none",)), "nothing runs again"),
    ],
)
def test_what_a_run_cannot_have(asked: Asked, said: str, folder: Path) -> None:
    with pytest.raises(ScenarioError, match=said):
        rank(folder, asked, out=folder, json=False)


def test_a_damaged_run(folder: Path) -> None:
    """What can be read is ranked, the rest is unknown; then it is said, with status 2."""
    (folder / "cells" / "ping,cgn" / FILE_NAME).write_text("nonsense\n", encoding="utf-8")
    with pytest.raises(ScenarioError, match="ping,cgn"):
        rank(folder, Asked(), out=folder, json=False)
    found = json.loads((folder / "rank.json").read_text())
    (ping,) = [each for each in found["strategies"] if each["name"] == "ping"]
    assert (ping["share"], ping["unknown"]) == (80.0, 20.0)


def test_from_python(folder: Path) -> None:
    """The same ranking, as values."""
    run = lab.open_run(folder)
    found = lab.rank(run, population={"home": 100 / 3, "cgn": 200 / 3}, reach=90.0, outage=1.0)
    assert [each.name for each in found.candidates] == ["ping", "none"]
    assert found.recommendation.chosen is found.candidates[0]
    assert found.candidates[1].share == pytest.approx(100 / 3)
    assert math.isinf(found.candidates[1].worst_outage_s or 0.0)
    assert lab.rank(run, at_most={"packets": 0.0}).recommendation.chosen is None
    for wrong in ({"home": 50.0}, {"nowhere": 100.0}):
        with pytest.raises(ScenarioError):
            lab.rank(run, population=wrong)


def test_trials_are_no_strategies(tmp_path: Path) -> None:
    """Moments of a curve and values of a search are not ranked, and nothing is written into their folder."""
    at = replace(cell(), name="none,at-5s", axes=(("strategy", "none"), ("at", "5s")))
    for number, (trial, about) in enumerate([(at, {}), (cell(), {"search": True})]):
        scenario = Scenario(name="s", file="s.yaml", cells=(trial,), text="", title="", why="", source="")
        folder = RunFolder.make(tmp_path / str(number), scenario, {"clock": "virtual", **about}).path
        with pytest.raises(ScenarioError, match="a run of trials, not of strategies"):
            rank(folder, Asked(), out=tmp_path, json=False)
        assert not (folder / "rank.json").exists()
