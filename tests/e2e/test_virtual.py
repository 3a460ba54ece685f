"""Virtual time: the same verdicts as in real time, again and again, and nothing left behind."""

from __future__ import annotations

import json
import os
import signal
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from lab.engine.cell_run import CellRun
from lab.engine.execute import execute
from lab.engine.run_request import RunRequest
from lab.engine.select import load_all
from lab.fidelity.comparable_events import ComparableEvent, differences, moments
from lab.model.twin import TwinPlan
from lab.model.verdict import CauseKind
from lab.runner import cell_file
from lab.worlds.clock import Clock
from tests.e2e.lab_command import ROOT, SHORT, guests, run, start, wait_until
from tests.e2e.together import Cells, Virtually

pytestmark = pytest.mark.e2e

ARTICLE = ROOT / "scenarios" / "article"
COMPARED = ("idle-subscription", "idle-behind-nat")


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folders of runs of the article's two scenarios in virtual time, as root and as an ordinary user."""
    home = tmp_path_factory.mktemp("virtual")
    files = [ARTICLE / f"{name}.yaml" for name in COMPARED]
    user = start("run", *files, "--clock", "virtual", "--out", home / "user", home=home / "user", ordinary_user=True)
    virtual = run("run", *files, "--clock", "virtual", "--out", home / "virtual", home=home / "virtual")
    assert virtual.returncode == 0, virtual.stdout + virtual.stderr
    out, errors = user.communicate()
    assert user.returncode == 0, out + errors
    return home


@pytest.fixture
def real(article_in_real_time: Path) -> dict[str, dict[str, Any]]:
    """Every cell of the same two scenarios in real time, by scenario and cell name."""
    return {name: cell for each in COMPARED for name, cell in _reports(article_in_real_time / each).items()}


def _reports(folder: Path) -> dict[str, dict[str, Any]]:
    """Every cell of every run below a folder, by scenario and cell name."""
    found = {}
    for path in sorted(folder.rglob("report.json")):
        report = json.loads(path.read_text())
        for cell in report["cells"]:
            found[f"{report['scenario']['name']}/{cell['name']}"] = {**cell, "run": path.parent}
    return found


def _moments(cell: dict[str, Any]) -> list[ComparableEvent]:
    return moments(CellRun.open(cell["run"] / cell["folder"]).evidence.entries)


@pytest.mark.waits(110)
@pytest.mark.xdist_group("article")
@pytest.mark.timeout(300)
@pytest.mark.parametrize("other", ["virtual", "user"])
def test_same_as_in_real_time(runs: Path, real: dict[str, dict[str, Any]], other: str) -> None:
    """Verdicts and causes agree with real time, and every event lies within half a second of its counterpart."""
    virtual = _reports(runs / other)
    assert len(real) == 7
    assert set(real) == set(virtual)
    for name, cell in real.items():
        twin = virtual[name]
        assert (cell["verdict"], (cell["cause"] or {}).get("kind")) == (
            twin["verdict"],
            (twin["cause"] or {}).get("kind"),
        ), name
        assert differences(_moments(cell), _moments(twin), within=0.5) == [], name


@pytest.mark.waits(110)
@pytest.mark.xdist_group("article")
@pytest.mark.timeout(300)
def test_run_folder_is_the_same(runs: Path, real: dict[str, dict[str, Any]]) -> None:
    """A virtual run leaves what a real one does, and its captures are dated as if its cells had followed one another.

    So the guest's clock stands still between cells: while it waits for the host, hours would pass in no time.
    """
    from scapy.utils import PcapNgReader

    cells = _reports(runs / "virtual")
    cell = cells["idle-behind-nat/none"]
    twin = real["idle-behind-nat/none"]
    names = [{path.name for path in (each["run"] / each["folder"]).iterdir()} for each in (cell, twin)]
    assert names[0] == names[1]
    started = (cell["run"] / "scenario.yaml").stat().st_mtime
    for each in cells.values():
        with PcapNgReader(str(each["run"] / each["folder"] / "cell.pcapng")) as packets:
            first = next(iter(packets))
        assert -60 < float(first.time) - started < 60 + 4 * 110  # at most four cells in one guest, 110 s each


@pytest.mark.virtual
@pytest.mark.timeout(300)
def test_repeatable(tmp_path: Path) -> None:
    """Twenty runs with one seed, each in a guest of its own: the same verdict and timeline, in order, within 10 ms."""
    (scenario,) = load_all([ARTICLE / "idle-subscription.yaml"], only=("strategy=options-ping-40s",), seed=3)
    copies = tuple(replace(scenario.cells[0], name=f"copy-{number}") for number in range(20))
    together = replace(scenario, cells=copies)
    (ran,) = execute([RunRequest(scenario=together, out=tmp_path, clock=Clock.VIRTUAL, jobs=len(copies), shares=False)])
    assert len(list((ran.folder / "guests").iterdir())) == len(copies)
    seen: list[tuple[CauseKind, list[ComparableEvent]]] = []
    for each in ran:
        assert each.cause is not None
        seen.append((each.cause.kind, moments(each.evidence.entries)))
    cause, timeline = seen[0]
    assert len(timeline) >= 15
    for other_cause, other in seen[1:]:
        assert other_cause == cause
        assert [moment.name for moment in other] == [moment.name for moment in timeline]
        assert differences(timeline, other, within=0.01) == []


ANOTHER_SEED = Cells(
    ARTICLE / "all.yaml",
    only=tuple(f"failure={failure}" for failure in ("idle", "reboot", "rst")),
    seed=20261123,
    twins=TwinPlan(moments=1),
)


@pytest.mark.cells(ANOTHER_SEED)
def test_another_seed(virtually: Virtually) -> None:
    """Every strategy against a death announced, a silent one and none: with another seed all claims hold as well.

    The seed decides ports, tags and jitter, hence moments; the whole table is a matter of minutes
    (``scripts/test --all``), and so it is with another seed: ``lab run scenarios/article/all.yaml --seed N``.
    """
    seen = virtually(ANOTHER_SEED)
    assert seen.status == 0, seen.said
    assert {cell_file.read(seen.folder(name)).seed for name in seen.cells} == {20261123}
    assert len(seen.cells) == 3 * len({cell["axes"]["strategy"] for cell in seen.cells.values()}) >= 75
    assert [name for name, cell in seen.cells.items() if not (cell["claim"] or {}).get("holds")] == []


@pytest.mark.virtual
@pytest.mark.parametrize("victim", ["lab", "guest", "both"])
@pytest.mark.usefixtures("untouched")
def test_kill_9(tmp_path: Path, victim: str) -> None:
    """Whoever is killed, no process of the run survives, and the next run works."""
    out = tmp_path / "runs"
    process = start("run", SHORT, "--clock", "virtual", "--memory", "300", "--out", out, home=tmp_path)
    wait_until("guest running", lambda: any(out.glob("*/cells/*/server.out")))
    inside = guests(process.pid)
    assert inside
    assert b"mem=300M" in Path(f"/proc/{inside[0]}/cmdline").read_bytes()
    if victim in ("guest", "both"):
        os.kill(inside[0], signal.SIGKILL)
    if victim in ("lab", "both"):
        process.kill()
    text, errors = process.communicate()
    wait_until("no guest left", lambda: not guests(process.pid))
    if victim == "guest":
        assert process.returncode == 4
        assert "world ended by itself" in text + errors
    after = run("run", SHORT, "--clock", "virtual", "--out", out, home=tmp_path)
    assert after.returncode == 0, after.stdout + after.stderr
    assert not list((tmp_path / "state").rglob("*.jsonl"))


def test_auto_is_virtual(tmp_path: Path) -> None:
    """Where there is a kernel, virtual time is the default; --clock real is obeyed."""
    auto = json.loads(run("run", SHORT, "--json", "--out", tmp_path, home=tmp_path).stdout)
    assert auto["clock"] == "virtual"
    real = json.loads(run("run", SHORT, "--json", "--clock", "real", "--out", tmp_path, home=tmp_path).stdout)
    assert real["clock"] == "real"


def test_without_a_kernel(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Virtual time that cannot be had is the host's fault, with the way out; auto then waits in real time."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "empty"))
    asked = run("run", SHORT, "--clock", "virtual", "--out", tmp_path / "runs", home=tmp_path)
    assert asked.returncode == 3
    assert "lab kernel build" in asked.stderr
    assert not (tmp_path / "runs").exists()
    auto = json.loads(run("run", SHORT, "--json", "--out", tmp_path / "runs", home=tmp_path).stdout)
    assert auto["clock"] == "real"
