"""Virtual time: the same verdicts as in real time, again and again, and nothing left behind."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from lab.judge.moments import Moment, differences, moments
from lab.record import reader
from lab.record.writer import FILE_NAME
from lab.runner import cell_file
from lab.worlds import kernel
from tests.e2e.lab_command import ROOT, SHORT, guests, mounts, network, run, start, wait_until

pytestmark = pytest.mark.e2e

ARTICLE = ROOT / "scenarios" / "article"
COMPARED = ("idle-subscription", "idle-behind-nat")


@pytest.fixture(scope="module", autouse=True)
def _kernel() -> None:
    """There is a kernel for virtual time; it is built if it is not (two or three minutes)."""
    if kernel.find() is None:
        kernel.build()


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


def _moments(cell: dict[str, Any]) -> list[Moment]:
    folder = cell["run"] / cell["folder"]
    return moments(reader.read(folder / FILE_NAME, cell_file.read(folder)))


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
        with PcapNgReader(str(each["run"] / each["folder"] / "lan.pcapng")) as packets:
            first = next(iter(packets))
        assert -60 < float(first.time) - started < 60 + 4 * 110  # at most four cells in one guest, 110 s each


@pytest.mark.timeout(300)
def test_repeatable(tmp_path: Path) -> None:
    """Twenty runs with one seed: the same verdict and the same timeline, in the same order, within 10 ms."""
    seen: list[tuple[str, list[Moment]]] = []
    for number in range(10):
        outs = [tmp_path / f"{number}-{side}" for side in "ab"]
        choice = ("--only", "strategy=options-ping-40s", "--clock", "virtual", "--seed", "3")
        pair = [start("run", ARTICLE / "idle-subscription.yaml", *choice, "--out", out, home=out) for out in outs]
        for process, out in zip(pair, outs, strict=True):
            text, errors = process.communicate()
            assert process.returncode == 0, text + errors
            (cell,) = _reports(out).values()
            seen.append((cell["cause"]["kind"], _moments(cell)))
    cause, timeline = seen[0]
    assert len(timeline) >= 15
    for other_cause, other in seen[1:]:
        assert other_cause == cause
        assert [moment.name for moment in other] == [moment.name for moment in timeline]
        assert differences(timeline, other, within=0.01) == []


@pytest.mark.timeout(900)
def test_another_seed(tmp_path: Path) -> None:
    """Every strategy against a death announced, a silent one and none: with another seed all claims hold as well.

    The seed decides ports, tags and jitter, hence moments; the whole table with two seeds is a matter of minutes:
    ``lab run scenarios/article/all.yaml --seed N``.
    """
    some = [part for failure in ("idle", "reboot", "rst") for part in ("--only", f"failure={failure}")]
    choice = ("--clock", "virtual", "--seed", "20261123", "--json")
    done = run("run", ARTICLE / "all.yaml", *some, *choice, "--out", tmp_path / "runs", home=tmp_path)
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    assert report["seed"] == 20261123
    cells = report["cells"]
    assert len(cells) == 3 * len({cell["axes"]["strategy"] for cell in cells}) >= 75
    assert [cell["name"] for cell in cells if not (cell["claim"] or {}).get("holds")] == []


@pytest.fixture
def untouched() -> Iterator[None]:
    """The host's network and mounts are afterwards as they were."""
    before = (network(), mounts())
    yield
    assert (network(), mounts()) == before


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
