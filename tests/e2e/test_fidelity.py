"""Real and virtual time: ``lab fidelity`` compares them, and twelve cells from all over the table agree."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from lab.engine.execute import execute
from lab.engine.run import Run
from lab.engine.run_request import RunRequest
from lab.fidelity.comparable_events import Difference, differences, moments
from lab.loader.load import load
from lab.model.scenario import Scenario
from lab.model.verdict import Verdict
from lab.worlds.clock import Clock
from tests.e2e.lab_command import ROOT, SHORT, run

pytestmark = pytest.mark.e2e

TWELVE = ROOT / "tests" / "e2e" / "twelve.yaml"


@pytest.mark.parametrize(("within", "status", "said"), [("0.5", 0, "nothing"), ("0.0", 1, "server probe p1 answered")])
def test_fidelity(tmp_path: Path, within: str, status: int, said: str) -> None:
    """Real and virtual time agree to half a second, and not to the last microsecond."""
    done = run("fidelity", SHORT, "--only", "strategy=none", "--within", within, "--out", tmp_path, home=tmp_path)
    assert done.returncode == status, done.stdout + done.stderr
    assert said in done.stdout
    assert len(list(tmp_path.glob("2*/report.json"))) == 0  # it compares; reports are lab run's
    assert len(list(tmp_path.glob("2*/cells/none/record.jsonl"))) == 2


def test_with_either_server(tmp_path: Path) -> None:
    """Another server is another way; ways in real time run at the same time, and each has a run folder."""
    servers = ("--server", "scripted", "--server", "kamailio", "--in", "real")
    done = run("fidelity", SHORT, "--only", "strategy=none", *servers, "--out", tmp_path, home=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "real, scripted" in done.stdout
    assert "real, kamailio" in done.stdout
    cells = [json.loads(path.read_text()) for path in tmp_path.glob("2*/cells/none/cell.json")]
    assert sorted(cell["server"]["software"] for cell in cells) == ["kamailio", "scripted"]


def test_a_cell_that_cannot_run_agrees(tmp_path: Path) -> None:
    """A strategy that cannot exist leaves no record in either time."""
    only = ("--only", "strategy=idle-600s", "--only", "transport=udp")
    done = run("fidelity", ROOT / "scenarios/field/pjsip-android-186.yaml", *only, "--out", tmp_path, home=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "unsupported" in done.stdout


def diagonal() -> Scenario:
    """The n-th strategy of the table against its n-th failure."""
    table = load(TWELVE)
    strategies, failures = (list(dict.fromkeys(cell.axes[axis][1] for cell in table.cells)) for axis in (0, 1))
    wanted = set(zip(strategies, failures, strict=True))
    return replace(table, cells=tuple(cell for cell in table.cells if (cell.axes[0][1], cell.axes[1][1]) in wanted))


@pytest.mark.waits(90)
@pytest.mark.timeout(600)
def test_twelve_cells_agree(tmp_path: Path) -> None:
    """Verdicts and causes are the same, and each event lies within half a second of the other; 90 s of waiting."""
    scenario = diagonal()
    assert len(scenario.cells) == 12

    def ran(clock: Clock) -> Run:
        (done,) = execute([RunRequest(scenario=scenario, out=tmp_path / clock.value, clock=clock)])
        assert done.finished
        return done

    virtual, real = ran(Clock.VIRTUAL), ran(Clock.REAL)
    verdicts = {name: verdict for name, (verdict, _) in _seen(real).items()}
    assert set(verdicts.values()) == {Verdict.PASS, Verdict.FAIL}, verdicts  # both, and no doubt about any
    assert _seen(virtual) == _seen(real)
    apart: dict[str, list[Difference]] = {}
    for cell in scenario.cells:
        first, second = (moments(each[cell.name].evidence.entries) for each in (real, virtual))
        apart[cell.name] = differences(first, second, within=0.5)
    assert {name: found for name, found in apart.items() if found} == {}


def _seen(run: Run) -> dict[str, tuple[Verdict, str]]:
    return {each.name: (each.verdict, each.cause.kind.name if each.cause else each.outcome.doubt) for each in run}
