"""Cells that are asked for while others run: in worlds that stay, with their twins, sharing records."""

from __future__ import annotations

import asyncio
import dataclasses
import os
import signal
from pathlib import Path

import pytest

import lab
from lab.engine.run_request import JudgeCell, RunRequest
from lab.engine.search import search
from lab.model.scenario import Cell, Scenario
from lab.model.twin import AtMoment, TwinPlan
from lab.worlds.clock import Clock

pytestmark = [pytest.mark.e2e, pytest.mark.virtual]

TWELVE = Path(__file__).with_name("twelve.yaml")


def _request(out: Path) -> RunRequest:
    scenario = lab.load(TWELVE)
    twins = TwinPlan(moments=1, causes=True, costs=True, seeds=1)
    return RunRequest(scenario=scenario, out=out, clock=Clock.VIRTUAL, jobs=1, twins=twins)


def _named(cell: Cell, name: str) -> Cell:
    return dataclasses.replace(cell, name=name, axes=(("name", name),), claim=None)


def test_a_search(tmp_path: Path) -> None:
    """What it is told is what the run folder says later; the answer is that of the search."""

    async def look(scenario: Scenario, judge: JudgeCell) -> tuple[list[str], dict[str, str]]:
        first, last = scenario.cells[0], scenario.cells[-1]
        runs = list(await asyncio.gather(judge(_named(first, "first")), judge(_named(last, "last"))))
        runs.append(await judge(_named(first, "again")))
        assert await judge(_named(first, "again")) is runs[-1]
        with pytest.raises(ValueError, match="two cells with the name again"):
            await judge(_named(last, "again"))
        twins = [type(role) for run in runs for role, _ in run.twins]
        assert (AtMoment in twins) == any(run.verdict is lab.Verdict.PASS for run in runs)
        assert all(run.silent is not None and run.silent.ran for run in runs)
        return [run.name for run in runs], {run.name: run.verdict.value for run in runs}

    run, answer = search(_request(tmp_path), look)
    assert answer is not None
    names, verdicts = answer
    assert [each.name for each in run] == names == ["first", "last", "again"]
    assert {each.name: each.verdict.value for each in lab.open_run(run.folder)} == verdicts
    assert run["again"].shared_with == "cells/first"
    assert run.finished


def test_an_interrupted_search(tmp_path: Path) -> None:
    """There is no answer; what was seen is in the run folder."""

    async def look(scenario: Scenario, judge: JudgeCell) -> str:
        await judge(_named(scenario.cells[0], "first"))
        os.kill(os.getpid(), signal.SIGINT)
        await judge(_named(scenario.cells[1], "second"))
        return "never"

    run, answer = search(_request(tmp_path), look)
    assert answer is None
    assert not run.finished
    assert run["first"].verdict in tuple(lab.Verdict)


def test_a_search_that_fails(tmp_path: Path) -> None:
    async def look(_: Scenario, __: JudgeCell) -> None:
        raise LookupError("no such value")

    with pytest.raises(LookupError, match="no such value"):
        search(_request(tmp_path), look)
