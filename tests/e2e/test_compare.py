"""``lab compare`` on real runs: releases, strategies, a regression, and noise."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from lab.comparison.changes import Direction, Kind
from lab.comparison.compare import compare
from lab.model.twin import TwinPlan
from tests.e2e.lab_command import ROOT, run
from tests.e2e.together import Cells, Virtually
from tests.page_data import PageData
from tests.reports import cell as a_cell
from tests.reports import document

pytestmark = pytest.mark.e2e

SHORT = ROOT / "tests" / "e2e" / "short.yaml"
BOTH = Cells(SHORT)
RELEASES = Cells(ROOT / "scenarios" / "article" / "client-versions.yaml", only=("transport=tcp", "strategy=none"))
IDLE = ROOT / "scenarios" / "article" / "idle-subscription.yaml"
TWO = Cells(IDLE, only=("strategy=none", "strategy=hold-transport"))

OURS = """\
title: A client of ours behind a NAT that forgets after a minute
topology: home-nat
middlebox: silent-60s
client: { account: subscribe }
matrix:
  strategy:
    - none
    - name: ours
      mitigations: [ hold-transport, options-ping: { interval: INTERVAL } ]
probes:
  - { at: 65 s }
ends: 70 s
"""
GOOD, WORSE = (Cells(OURS.replace("INTERVAL", interval), f"every-{interval[:2]}s") for interval in ("50 s", "90 s"))

BACK_OFF = """\
title: Away for a pause that is drawn by chance
topology: home-nat
middlebox: never-forgets
client: { account: subscribe }
expect: { outage: 30 s }
matrix:
  strategy:
    - name: ours
      mitigations: [ reconnect: { first: 20 s, longest: 60 s } ]
probes:
  - { at: 30 s }
ends: 90 s
"""
NOISY = Cells(BACK_OFF, "drawn-back-off", twins=TwinPlan(moments=1, seeds=3))
OTHER_SEED = Cells(BACK_OFF, "drawn-back-off", seed=5, twins=TwinPlan(moments=1))


def report(virtually: Virtually, cells: Cells, folder: Path) -> Path:
    """The report.json of these cells."""
    path = folder / f"{len(list(folder.iterdir()))}.json"
    path.write_text(json.dumps(document(*virtually(cells).cells.values())), "utf-8")
    return path


def told(process: Any) -> str:
    return f"{process.returncode}\n{process.stdout}\n{process.stderr}"


@pytest.mark.cells(RELEASES)
def test_two_releases_of_one_run(virtually: Virtually, tmp_path: Path) -> None:
    """2.10 and 2.15.1 fail for the same cause at the same time."""
    path = report(virtually, RELEASES, tmp_path)
    (cell,) = compare(path, path, mapped=[("pjsip", "2.10", "2.15.1")])
    assert cell.name == "2.10 → 2.15.1,tcp,none"
    assert (cell.match.a, cell.match.b) != (None, None)
    assert not [each for each in cell.changes if each.kind in (Kind.VERDICT, Kind.CAUSE, Kind.OUTAGE)]


@pytest.mark.cells(TWO)
def test_two_strategies_of_one_run(virtually: Virtually, tmp_path: Path) -> None:
    """A reference to the transport keeps the client reachable; taking it away is a regression."""
    path = report(virtually, TWO, tmp_path)
    done = run("compare", path, path, "--map", "strategy=none:hold-transport", home=tmp_path / "home")
    assert done.returncode == 0, told(done)
    assert "fail → pass" in done.stdout
    (cell,) = compare(path, path, mapped=[("strategy", "hold-transport", "none")])
    assert cell.changes[0].why == "client idle timer closed the transport at 33.0 s"
    assert {each.kind for each in cell.failing()} == {Kind.VERDICT, Kind.OUTAGE}


@pytest.mark.cells(GOOD, WORSE)
def test_a_regression_is_caught(virtually: Virtually, tmp_path: Path) -> None:
    """Somebody has made the interval longer than the NAT's timer."""
    good, worse = (report(virtually, cells, tmp_path) for cells in (GOOD, WORSE))
    done = run("compare", good, worse, home=tmp_path / "home")
    assert done.returncode == 1, told(done)
    assert "pass → fail: middlebox" in done.stdout
    assert "2 cells compared: 1 worse, 1 the same" in done.stdout
    assert run("compare", good, good, home=tmp_path / "home").returncode == 0


@pytest.mark.cells(NOISY, OTHER_SEED)
def test_noise_is_none(virtually: Virtually, tmp_path: Path) -> None:
    """The pause before the client reconnects is drawn by chance: known from A's seeds, and not without them."""
    noisy, other = (report(virtually, cells, tmp_path) for cells in (NOISY, OTHER_SEED))
    done = run("compare", noisy, other, home=tmp_path / "home")
    assert done.returncode == 0, told(done)
    assert "~ longest gap" in done.stdout
    (cell,) = compare(noisy, other)
    (gap,) = [each for each in cell.changes if each.what == "longest gap"]
    assert gap.direction is Direction.NOISE
    assert gap.noise > 5.0  # 11.3 s with seed 1, 19.6 s with seed 2
    alone = json.loads(noisy.read_text("utf-8"))
    alone["cells"][0]["seeds"] = []
    noisy.write_text(json.dumps(alone), "utf-8")
    assert run("compare", noisy, other, home=tmp_path / "home").returncode == 1


@pytest.mark.cells(BOTH)
def test_a_run_and_its_baseline(virtually: Virtually, tmp_path: Path) -> None:
    """`lab run --baseline` compares once it is over; cells that were not chosen are not gone, a lost cell is."""
    baseline = report(virtually, BOTH, tmp_path)
    arguments = ("run", SHORT, "--out", tmp_path / "runs", "--only", "strategy=none", "--baseline")
    same = run(*arguments, baseline, "--json", home=tmp_path)
    assert same.returncode == 0, told(same)
    assert [cell["name"] for cell in json.loads(same.stdout)["cells"]] == ["none"]
    assert "1 cell compared: 1 the same" in same.stderr
    about = json.loads(baseline.read_text("utf-8"))
    about["cells"].append({**about["cells"][0], "name": "gone", "axes": {"strategy": "gone"}})
    baseline.write_text(json.dumps(about), "utf-8")
    lost = run(*arguments, baseline, "--quiet", home=tmp_path)
    assert lost.returncode == 1, told(lost)
    assert "1 cell fails the comparison: gone 1" in lost.stderr
    folder = tmp_path / "runs" / "latest"
    assert json.loads((folder / "comparison.json").read_text("utf-8"))["counts"]["worse"] == 1
    (gone,) = PageData((folder / "report.html").read_text("utf-8")).overview["comparison"]["cells"]
    assert (gone["name"], gone["direction"], gone["fails"]) == ("gone", "worse", True)


def test_a_baseline_is_checked_first(tmp_path: Path) -> None:
    """What cannot be compared is said before anything starts."""
    baseline, out = tmp_path / "a.json", tmp_path / "runs"
    baseline.write_text(json.dumps(document(a_cell("nobody"))), "utf-8")
    for files, said in (((SHORT,), "no cell in common with"), ((SHORT, IDLE), "compares one scenario with one run")):
        done = run("run", *files, "--out", out, "--baseline", baseline, home=tmp_path)
        assert done.returncode == 2, told(done)
        assert said in done.stderr
    assert not out.exists()
