"""Cells on Dask's workers: processes of this machine, in folders of their own."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import lab
from lab.engine.run_request import JudgeCell, RunRequest
from lab.engine.search import search
from lab.fleet.choose import EngineChoice, EngineKind
from lab.model.scenario import Scenario
from lab.worlds.clock import Clock
from tests.e2e.lab_command import guests, run, wait_until

pytestmark = [pytest.mark.e2e, pytest.mark.virtual]

TWELVE = Path(__file__).with_name("twelve.yaml")
ONLY = {"strategy": ["none", "crlf-30s-hold", "reconnect"], "failure": ["idle", "rst"]}
PLAIN: dict[str, Any] = {"moments": 0, "costs": False, "causes": False}
DASK = (sys.executable, "-m", "distributed.cli.dask_scheduler", "--host", "127.0.0.1", "--port", "0")


class Worker:
    """A ``lab worker`` with folders of its own."""

    def __init__(self, scheduler: str, home: Path) -> None:
        self.home = home
        self.temporary = home / "tmp"
        self.temporary.mkdir(parents=True)
        self._log = (home / "log").open("w")
        places = {"TMPDIR": str(self.temporary), "XDG_STATE_HOME": str(home / "state")}
        self.process = subprocess.Popen(
            [sys.executable, "-m", "lab", "worker", scheduler, "--jobs", "1"],
            env={**os.environ, **places},
            stdin=subprocess.DEVNULL,
            stderr=self._log,
        )

    def is_ready(self) -> bool:
        return "ready as " in self.said

    @property
    def said(self) -> str:
        return (self.home / "log").read_text()

    @property
    def left(self) -> list[Path]:
        return [*self.temporary.glob("lab-*"), *(self.home / "state").rglob("*.jsonl")]

    def end(self) -> int:
        self.process.terminate()
        self._log.close()
        return self.process.wait(timeout=30)


@pytest.fixture
def scheduler(tmp_path: Path) -> Iterator[str]:
    file = tmp_path / "scheduler.json"
    process = subprocess.Popen(
        [*DASK, "--dashboard-address", "127.0.0.1:0", "--scheduler-file", str(file)], stderr=subprocess.DEVNULL
    )
    try:
        wait_until("the scheduler", lambda: file.exists() and file.read_text().endswith("}"))
        yield json.loads(file.read_text())["address"]
    finally:
        process.terminate()
        process.wait(timeout=30)


@pytest.fixture
def workers(scheduler: str, tmp_path: Path) -> Iterator[dict[str, Worker]]:
    """Two workers, by their names."""
    started = [Worker(scheduler, tmp_path / f"worker-{number}") for number in (1, 2)]
    try:
        for each in started:
            wait_until("a worker", each.is_ready)
        yield {each.said.partition("ready as ")[2].partition(";")[0]: each for each in started}
    finally:
        for each in started:
            each.end()


def test_a_worker_is_killed(
    scheduler: str, workers: dict[str, Worker], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """All cells are done, with the verdicts that they have here; nothing is left but what `lab clean` removes."""
    begun: list[tuple[str, str]] = []
    killed: list[str] = []

    def see(message: dict[str, Any]) -> None:
        if message["ev"] != "phase" or message["phase"] != "starting":
            return
        begun.append((message["cell"], message["worker"]))
        if not killed:
            killed.append(message["worker"])
            workers[message["worker"]].process.kill()

    ran = lab.run(TWELVE, only=ONLY, engine="dask", scheduler=scheduler, out=tmp_path, on_progress=see, **PLAIN)
    here = lab.run(TWELVE, only=ONLY, out=tmp_path, **PLAIN)
    assert ran.finished
    assert _told(ran) == _told(here)
    (dead,) = killed
    again = {cell for cell, worker in begun if worker == dead} & {cell for cell, worker in begun if worker != dead}
    assert again, "no cell was begun on both"
    assert not list(ran.folder.rglob("*.pcapng"))
    assert workers[dead].left
    home = workers[dead].home
    cleaned = run("clean", home=home)
    assert cleaned.returncode == 0, cleaned.stderr
    assert not workers[dead].left
    (other,) = (each for name, each in workers.items() if name != dead)
    assert other.end() == 0
    assert not other.left
    for each in workers.values():
        assert not guests(each.process.pid)


def test_workers_of_this_machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A search, too, runs on Dask; captures come back if asked for; nothing is left when it is over."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    scenario = lab.load(TWELVE)

    async def look(scenario: Scenario, judge: JudgeCell) -> list[str]:
        runs = await asyncio.gather(judge(scenario.cells[0]), judge(scenario.cells[-1]))
        return [each.verdict.value for each in runs]

    engine = EngineChoice(EngineKind.DASK, captures=True).engine()
    order = RunRequest(scenario=scenario, out=tmp_path / "runs", clock=Clock.VIRTUAL, engine=engine)
    ran, verdicts = search(order, look)
    assert verdicts == [each.verdict.value for each in ran]
    assert all((each.folder / "cell.pcapng").exists() for each in ran)
    assert not list(tmp_path.glob("lab-*"))
    assert not list((tmp_path / "state").rglob("*.jsonl"))


def test_interrupted(tmp_path: Path) -> None:
    """A signal ends it in order: no process and no folder is left."""
    order = ("run", TWELVE, "--engine", "dask", "--out", tmp_path / "runs", "--moments", "0", "--no-costs")
    process = subprocess.Popen(
        [sys.executable, "-m", "lab", *map(str, order)],
        env={**os.environ, "XDG_STATE_HOME": str(tmp_path / "state"), "TMPDIR": str(tmp_path)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    wait_until("a record", lambda: list((tmp_path / "runs").rglob("record.jsonl")))
    workers = _children(process.pid)
    assert workers
    process.send_signal(signal.SIGTERM)
    try:
        said, _ = process.communicate(timeout=60)
    finally:
        process.kill()
    assert process.returncode == 130, said
    assert "interrupted" in said
    assert not [pid for pid in workers if Path(f"/proc/{pid}").exists()]
    assert not list(tmp_path.glob("lab-*"))
    assert not list((tmp_path / "state").rglob("*.jsonl"))


def _told(ran: lab.Run) -> list[tuple[str, str, str]]:
    return [(each.name, each.verdict.value, each.cause.kind.name if each.cause else "") for each in ran]


def _children(pid: int) -> list[int]:
    found = subprocess.run(["pgrep", "-P", str(pid)], capture_output=True, text=True, check=False).stdout
    return [int(each) for each in found.split()]
