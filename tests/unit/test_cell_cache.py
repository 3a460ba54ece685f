"""A run takes from the cache what would come out the same, and keeps what tells something."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from lab.backends.base import BackendKind
from lab.engine.cache import store
from lab.engine.cache.cell_cache import CellCache, open_cache
from lab.engine.cache.key import Keys
from lab.engine.cache.sources import Sources
from lab.engine.cell_run import CellRun
from lab.engine.run_folder import RunFolder
from lab.engine.run_request import RunRequest
from lab.engine.twins.twin_runs import TwinRuns
from lab.model.scenario import Cell, Client, Scenario
from lab.model.twin import TwinPlan
from lab.model.verdict import Verdict
from lab.record import codec
from lab.record.events import VERSION, Aborted, LimitPassed, RecordBegan
from lab.record.writer import FILE_NAME, RUNNER
from lab.worlds.clock import Clock
from tests.records import END, Line, cell, flow_set_up, numbered, probe, say, sentinel

BEGAN = say(-1.0, RUNNER, RecordBegan(version=VERSION))
PASSES = (BEGAN, *flow_set_up(), *sentinel("delivered"), *probe(1, 100.0, answered=True), END)
TEXTS: dict[str, Any] = dict.fromkeys(("text", "title", "why", "source"), "")
SOURCES = Sources()


class Trial:
    """Runs of a scenario, one after the other, in which a cell leaves what the test says."""

    def __init__(self, home: Path, *cells: Cell, **order: Any) -> None:
        self.order = RunRequest(
            scenario=Scenario(name="s", file="s.yaml", cells=cells or (cell(),), **TEXTS),
            out=home / "runs",
            clock=Clock.VIRTUAL,
            **order,
        )
        self.home = home
        self.ran: list[str] = []
        self.over: list[str] = []

    def run(self, leave: Callable[[Path], None], *, well: bool = True, **order: Any) -> RunFolder:
        """Run it; ``leave`` is what the world does in the folder of a cell, ``well`` whether that ran to its end."""
        asked = replace(self.order, **order)
        folder = RunFolder.make(asked.out, asked.scenario, {"clock": "virtual"})
        cache = CellCache(self.home / "cache", folder.path, Keys({"x": 1}), SOURCES, reads=not asked.fresh)
        self.ran, self.over = [], []
        twins = TwinRuns(folder, asked, self._hear, cache)
        waiting = twins.beforehand()
        while waiting:
            each = waiting.pop(0)
            leave(each)
            self.ran.append(each.name)
            waiting += twins.ended(each, well)
        self.cache = cache
        assert cache.close() == ""
        folder.finish({}, finished=True)
        return folder

    def _hear(self, message: dict[str, Any]) -> None:
        if message["ev"] == "ended":
            self.over.append(Path(message["cell"]).name)


def leave(*lines: Line) -> Callable[[Path], None]:
    """Leave this record, a log and a capture."""

    def written(folder: Path) -> None:
        text = "".join(codec.to_line(each.t, each.who, each.event).decode() for each in numbered(*lines))
        (folder / FILE_NAME).write_text(text, encoding="utf-8")
        (folder / "client.log").write_text(f"in {folder}", encoding="utf-8")
        (folder / "lan.pcapng").write_bytes(b"\n\x00")

    return written


def never(folder: Path) -> None:
    """Fail if a cell runs."""
    raise AssertionError(f"{folder.name} runs")


def test_the_second_run_takes_what_the_first_has_left(tmp_path: Path) -> None:
    """All of it, and says so: in the cell's folder, in run.json, in its outcome."""
    trial = Trial(tmp_path)
    first = trial.run(leave(*PASSES))
    assert (trial.ran, trial.over) == (["none"], [])
    second = trial.run(never)
    assert (trial.ran, trial.over) == ([], ["none"])
    one, two = (run.path / "cells" / "none" for run in (first, second))
    assert {path.name for path in two.iterdir()} == {path.name for path in one.iterdir()} | {"from-cache.json"}
    for path in one.iterdir():
        assert (two / path.name).read_bytes() == path.read_bytes()
    there, here = CellRun.open(one), CellRun.open(two)
    assert (there.from_cache, here.from_cache[:2]) == ("", "20")
    assert here.outcome == replace(there.outcome, from_cache=here.from_cache)
    assert (first.about()["from_cache"], second.about()["from_cache"]) == (
        {"cells": 0, "twins": 0},
        {"cells": 1, "twins": 0},
    )


def test_twins_follow_from_a_record_of_the_cache(tmp_path: Path) -> None:
    """And are in it as well."""
    trial = Trial(tmp_path, twins=TwinPlan(seeds=3))
    trial.run(leave(*PASSES))
    ran = trial.ran
    assert len(ran) == 3
    folder = trial.run(never)
    assert sorted(trial.over) == sorted(ran)
    assert folder.about()["from_cache"] == {"cells": 1, "twins": 2}


def test_names_do_not_matter(tmp_path: Path) -> None:
    """A cell of another scenario that would do the same takes it; two of one run both do."""
    Trial(tmp_path).run(leave(*PASSES))
    others = (replace(cell(), name="a", scenario="t"), replace(cell(), name="b", scenario="t"))
    trial = Trial(tmp_path, *others)
    folder = trial.run(never)
    assert [CellRun.open(folder.cell(each)).verdict for each in others] == [Verdict.PASS, Verdict.PASS]
    assert folder.about()["from_cache"] == {"cells": 2, "twins": 0}
    assert [bool(CellRun.open(folder.cell(each)).shared_with) for each in others] == [False, True]


def test_another_cell_runs(tmp_path: Path) -> None:
    """With another seed, here."""
    Trial(tmp_path).run(leave(*PASSES))
    trial = Trial(tmp_path, replace(cell(), seed=2))
    trial.run(leave(*PASSES))
    assert trial.ran == ["none"]


def test_fresh(tmp_path: Path) -> None:
    """It runs all the same, and what it leaves replaces the earlier record."""
    trial = Trial(tmp_path)
    trial.run(leave(*PASSES))
    fails = (BEGAN, *flow_set_up(), *sentinel("delivered"), *probe(1, 100.0, answered=False), END)
    trial.run(leave(*fails), fresh=True)
    assert trial.ran == ["none"]
    folder = trial.run(never)
    assert CellRun.open(folder.cell(cell())).verdict is Verdict.FAIL


def leave_damaged(folder: Path) -> None:
    """Leave a record that nobody can read."""
    (folder / FILE_NAME).write_text('{"t":0}\n', encoding="utf-8")


NOT_KEPT: dict[str, Callable[[Path], None]] = {
    "inconclusive": leave(BEGAN, *flow_set_up(), *probe(1, 100.0, answered=True), END),
    "cut short": leave(*PASSES[:-1]),
    "no record": lambda folder: None,
    "damaged": leave_damaged,
    "limit passed": leave(*PASSES, say(110.5, RUNNER, LimitPassed(actor="client", what="used too much"))),
}


@pytest.mark.parametrize("what", NOT_KEPT)
def test_what_tells_nothing_is_not_kept(tmp_path: Path, what: str) -> None:
    """The next run runs it."""
    trial = Trial(tmp_path)
    trial.run(NOT_KEPT[what])
    trial.run(NOT_KEPT[what])
    assert trial.ran == ["none"]
    assert [each for each in store.entries(tmp_path / "cache") if each.kind == store.RECORDS] == []


def test_an_error_is_not_kept(tmp_path: Path) -> None:
    """However good the record looks."""
    trial = Trial(tmp_path)
    trial.run(leave(*PASSES), well=False)
    trial.run(leave(*PASSES))
    assert trial.ran == ["none"]


def test_a_record_that_names_its_run_is_not_kept(tmp_path: Path) -> None:
    """It would name another one's."""

    def written(folder: Path) -> None:
        note = say(105.0, "client", Aborted(how="1", last=f"reads {folder / 'x'}"))
        leave(*PASSES, note)(folder)

    trial = Trial(tmp_path)
    trial.run(written)
    trial.run(written)
    assert trial.ran == ["none"]


def test_an_authors_client_runs(tmp_path: Path) -> None:
    """Nobody knows whether it is the same as before."""
    own = replace(cell(), client=Client(name="mine", command=("./mine",)))
    trial = Trial(tmp_path, own)
    trial.run(leave(*PASSES))
    trial.run(leave(*PASSES))
    assert trial.ran == ["none"]


def test_sources_that_changed_in_mid_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What ran then is not kept."""
    trial = Trial(tmp_path)
    with monkeypatch.context() as patch:
        patch.setattr(Sources, "unchanged", lambda self: False)
        trial.run(leave(*PASSES))
    trial.run(leave(*PASSES))
    assert trial.ran == ["none"]


def test_a_record_that_todays_judge_doubts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its cell runs again, in a folder that has nothing of it."""
    trial = Trial(tmp_path)
    trial.run(leave(*PASSES))
    (entry,) = store.entries(tmp_path / "cache")
    with monkeypatch.context() as patch:
        patch.setattr("lab.judge.consistency.why_inconclusive", lambda evidence: "today it is doubtful")
        seen: list[set[str]] = []
        trial.run(lambda folder: seen.append({path.name for path in folder.iterdir()}))
    assert trial.ran == ["none"]
    assert seen == [{"cell.json"}]
    assert not entry.path.exists()


def test_an_entry_of_another_shape(tmp_path: Path) -> None:
    """It is removed, and the cell runs."""
    trial = Trial(tmp_path)
    trial.run(leave(*PASSES))
    (entry,) = store.entries(tmp_path / "cache")
    store.Store(tmp_path / "cache", store.RECORDS, entry.sources).write(entry.path.name, b"of an earlier format")
    trial.run(leave(*PASSES))
    assert trial.ran == ["none"]
    trial.run(never)


def test_the_cache_is_kept_small(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """By the run that has added to it."""
    sizes: list[Path] = []
    monkeypatch.setattr(store, "trim", sizes.append)
    trial = Trial(tmp_path)
    trial.run(leave(*PASSES))
    trial.run(never)
    assert sizes == [tmp_path / "cache"]


@pytest.mark.parametrize(
    ("changed", "there"),
    [
        ({}, True),
        ({"fresh": True}, True),
        ({"clock": Clock.REAL}, False),
        ({"clock": Clock.REAL, "backend": BackendKind.DOCKER}, False),
        ({"cached": False}, False),
        ({"shares": False}, False),
    ],
)
def test_which_runs_have_a_cache(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, changed: dict[str, Any], *, there: bool
) -> None:
    """Those in virtual time, unless it is switched off."""
    order = replace(Trial(tmp_path).order, **changed)
    assert open_cache(order, tmp_path) is None  # as the environment of tests says
    monkeypatch.setenv("LAB_CACHE", str(tmp_path / "cache"))
    assert (open_cache(order, tmp_path) is not None) is there
