"""``lab explore`` as far as nothing is started: what it refuses, and what it says."""

from __future__ import annotations

import io
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from lab.cli import explore as command
from lab.cli.explore import Options, find
from lab.cli.explore_progress import ExploreProgress
from lab.engine.run import Run
from lab.errors import HostNotCapable, ScenarioError
from lab.exploration.document import document
from lab.exploration.explore import Prepared, Wish, prepare
from lab.exploration.finding import Finding
from lab.exploration.invariant import Breach
from lab.exploration.search import Result
from lab.exploration.timeline import Timeline
from lab.loader.load import load
from lab.worlds.clock import Clock
from tests.explorations import IDLE

OPTIONS = Options(
    strategy="reconnect",
    lasts=None,
    cells=None,
    seed=None,
    recovers_within="10s",
    packets="120/min",
    faults="",
    into=None,
    only=(),
    out=Path("runs"),
    json=False,
)


def test_wrong_values_are_all_told_at_once() -> None:
    """Before anything is started."""
    wrong = replace(OPTIONS, lasts="10", recovers_within="soon", packets="120")
    with pytest.raises(ScenarioError) as refused:
        find(IDLE, wrong)
    assert [problem.path for problem in refused.value.problems] == ["--for", "--packets", "--recovers-within"]
    assert "such as `120/min`" in str(refused.value)
    with pytest.raises(ScenarioError, match="too short"):
        find(IDLE, replace(OPTIONS, lasts="0 s"))


def test_bounds() -> None:
    """Ten minutes, unless a number says when it ends; both if both are given; a seed of one's own begins afresh."""
    usual = command._wish(IDLE, OPTIONS)
    assert (usual.bounds.seconds, usual.bounds.timelines, usual.begins_with_known) == (600.0, None, True)
    counted = command._wish(IDLE, replace(OPTIONS, cells=5000, seed=7))
    assert (counted.bounds.seconds, counted.bounds.timelines) == (None, 5000)
    assert (counted.seed, counted.begins_with_known) == (7, False)
    both = command._wish(IDLE, replace(OPTIONS, cells=5000, lasts="2 h", packets="30 / min", recovers_within="1 min"))
    assert (both.bounds.seconds, both.bounds.timelines) == (7200.0, 5000)
    assert (both.limits.packets_per_minute, both.limits.recovers_within_s) == (30, 60.0)
    assert command._wish(IDLE, OPTIONS).seed != usual.seed


def test_without_hypothesis_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    """In one sentence, as an error of this machine."""
    monkeypatch.setitem(sys.modules, "hypothesis", None)
    with pytest.raises(HostNotCapable, match=r"needs Hypothesis.*pip install hypothesis") as lack:
        find(IDLE, OPTIONS)
    assert lack.value.exit_code == 3
    assert "\n" not in str(lack.value)


def prepared(**wish: Any) -> Prepared:
    """A search."""
    return prepare(load(IDLE), Wish(strategy="reconnect", **wish))


def run_of(search: Prepared, *, finished: bool = True) -> Run:
    """A run of no cells."""
    return Run(Path("runs/x"), search.scenario, "virtual", "netns", finished=finished, cells=())


LOST = Finding(
    timeline=Timeline(start="reconnect"),
    breach=Breach(cause="client-idle-timer", text="client idle timer closed the transport at 33.0 s", at_s=33.0),
    shrunk_from=0,
    cells=0,
    file="runs/x/found/reconnect-client-idle-timer.yaml",
)


@pytest.mark.parametrize(
    ("result", "finished", "status", "said"),
    [
        (Result(seed=7, tried=5000, cells=5000), True, 0, "5,000 timelines, nothing broke it: that is no proof"),
        (Result(seed=7, tried=9, cells=30, findings=[LOST]), True, 1, "9 timelines in 30 cells: 1 finding"),
        (Result(seed=7, tried=9, findings=[LOST]), True, 1, "note: it breaks with no fault at all"),
        (Result(seed=7, tried=9, findings=[LOST]), False, 130, "interrupted after 9 timelines"),
        (Result(seed=7, tried=9, failed=1, errors=[("lab error: x", 4)]), True, 4, "lab error: x"),
        (Result(seed=7, tried=3, doubts=["why", "why"]), True, 0, "2 timelines inconclusive, neither a finding"),
        (Result(seed=7, tried=3, doubts=["why", "why"]), True, 0, "1 timeline, nothing broke it"),
        (Result(seed=7, tried=2, doubts=["why", "why"]), True, 1, "2 timelines, and none of them showed anything"),
        (Result(seed=7), True, 1, "0 timelines, and none of them showed anything"),
        (Result(seed=7, tried=2, unsteady=[LOST.timeline]), True, 0, "did not when it was run again"),
        (Result(seed=7, tried=2, exhausted=True), True, 0, "there was nothing else to try"),
    ],
)  # fmt: skip
def test_what_it_says_in_the_end(result: Result, finished: bool, status: int, said: str) -> None:
    """How much was tried, what was found, what is not known, and how to repeat it."""
    out, search = io.StringIO(), prepared()
    run = run_of(search, finished=finished)
    command._show(Console(file=out, width=200), search, run, result)
    assert said in out.getvalue()
    assert "--seed 7" in out.getvalue()
    assert command._status(run, result) == status


def test_findings_are_shown_as_they_come() -> None:
    """What goes wrong, what breaks, and the file; and how far the search is, at each tenth."""
    out, search = io.StringIO(), prepared()
    progress = ExploreProgress(Console(file=out, width=200), search, Clock.VIRTUAL)
    with progress:
        progress.tell(LOST)
        progress._bounds = replace(progress._bounds, timelines=100)
        for tried in (1, 10, 12, 20):
            progress.note(Result(seed=1, tried=tried, cells=tried + 3, doubts=["x"]))
    assert out.getvalue().splitlines()[0] == f"found: no fault at all: {LOST.breach.text}"
    assert LOST.file in out.getvalue().splitlines()[1]
    assert [line.split(":")[0] for line in out.getvalue().splitlines()[2:]] == [" 10 % done", " 20 % done"]
    assert "10 timelines in 13 cells, 1 inconclusive" in out.getvalue()


def test_document() -> None:
    """The result for machines has the faults as scenarios have them."""
    found = document(prepared(), Result(seed=7, tried=3, cells=5, findings=[LOST]), clock="virtual", finished=True)
    assert (found["seed"], found["timelines"], found["cells"], found["strategy"]) == (7, 3, 5, "reconnect")
    (finding,) = found["findings"]
    assert (finding["cause"], finding["faults"], finding["file"]) == ("client-idle-timer", [], LOST.file)
