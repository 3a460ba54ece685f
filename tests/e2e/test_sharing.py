"""Cells that are the same but for what they cannot see run once, and come out as if each had run for itself."""

from __future__ import annotations

import pytest

from lab.engine.execute import execute
from lab.engine.run import Run
from lab.engine.run_request import RunRequest
from lab.loader.load import load
from lab.model.twin import TwinPlan
from lab.report.explanation import explain
from lab.worlds.clock import Clock
from tests.e2e.lab_command import ROOT

pytestmark = [pytest.mark.e2e, pytest.mark.virtual]

SCENARIO = """
title: A phone behind three middleboxes
topology: home-nat
transport: tcp
strategy: crlf-30s-hold
costs-over: 120 s
matrix:
  middlebox: [never-forgets, linux-default, silent-60s]
probes: [{ at: 100 s }]
ends: 110 s
"""


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> dict[bool, Run]:
    """The same cells, by whether equal ones share; with silent hours, which are minutes here."""
    folder = tmp_path_factory.mktemp("sharing")
    (folder / "topologies").mkdir()
    (folder / "topologies" / "home-nat.yaml").write_bytes((ROOT / "topologies" / "home-nat.yaml").read_bytes())
    (folder / "phone.yaml").write_text(SCENARIO, encoding="utf-8")
    scenario = load(folder / "phone.yaml")
    orders = [
        RunRequest(scenario=scenario, out=folder / str(shares), clock=Clock.VIRTUAL, jobs=1, shares=shares, twins=TWINS)
        for shares in (True, False)
    ]
    return dict(zip((True, False), execute(orders), strict=True))


TWINS = TwinPlan(costs=True)
LINUX, NEVER, SILENT = ("linux-default", "never-forgets", "silent-60s")


def test_who_shares_and_who_does_not(runs: dict[bool, Run]) -> None:
    """A timer that ends within the cell is seen by the sentinel; of a silent hour nobody asks it."""
    told = {each.name: (each.outcome.shared_with, bool(each.outcome.costs_shared_with)) for each in runs[True]}
    assert told == {NEVER: ("", False), LINUX: (f"cells/{NEVER}", True), SILENT: ("", True)}
    assert f"the record of cells/{NEVER}" in "\n".join(explain(runs[True][LINUX].cell, runs[True][LINUX].outcome))
    assert all(not each.outcome.shared_with for each in runs[False])
    names = [sorted(path.name for path in each.folder.iterdir()) for each in (runs[True][LINUX], runs[True][NEVER])]
    assert names[0] == sorted([*names[1], "shared.json"])


@pytest.mark.parametrize("name", [NEVER, LINUX, SILENT])
def test_it_makes_no_difference(runs: dict[bool, Run], name: str) -> None:
    """Verdict, probes, traffic and costs are those of cells that ran for themselves."""
    shared, own = (runs[shares][name].outcome for shares in (True, False))
    assert (shared.verdict, shared.doubt) == (own.verdict, own.doubt)
    assert shared.metrics.delivered == own.metrics.delivered == 1
    for figure in ("packets_up", "packets_down", "bytes_up", "bytes_down", "connects", "packets_per_hour"):
        assert getattr(shared.metrics, figure) == pytest.approx(getattr(own.metrics, figure), abs=2), figure
    assert shared.metrics.measured
