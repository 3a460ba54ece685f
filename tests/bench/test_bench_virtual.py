"""Virtual time against the wall clock: printed, not asserted; docs/performance.md keeps a set of results.

Cold means from the start of ``lab run`` to its exit. Ratios are seconds of the scenario's clock per second of the
wall's.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import pytest

from lab.engine.execute import execute
from lab.engine.run_folder import RunFolder
from lab.engine.run_request import RunRequest
from lab.loader.load import load
from lab.worlds import kernel
from lab.worlds.base import Message
from lab.worlds.clock import Clock
from tests.e2e.lab_command import ROOT, run

pytestmark = [pytest.mark.bench, pytest.mark.timeout(600)]

BENCH = ROOT / "scenarios" / "bench"
Say = Callable[[str], None]


@pytest.fixture
def say(capsys: pytest.CaptureFixture[str]) -> Say:
    """Print a line for whoever watches, whatever pytest captures."""

    def line(text: str) -> None:
        with capsys.disabled():
            print(text)

    return line


@pytest.fixture(scope="module", autouse=True)
def _kernel() -> None:
    """There is a kernel for virtual time."""
    if kernel.find() is None:
        kernel.build()


def _cold(file: Path, home: Path) -> float:
    """Wall-clock seconds of ``lab run``, which must exit 0."""
    start = time.monotonic()
    done = run("run", file, "--clock", "virtual", "--out", home / "runs", home=home)
    took = time.monotonic() - start
    assert done.returncode == 0, done.stdout + done.stderr
    return took


def test_two_idle_hours(tmp_path: Path, say: Say) -> None:
    """One cell, two idle hours: cold, and the idle part alone."""
    file = BENCH / "two-idle-hours.yaml"
    took = min(_cold(file, tmp_path / str(number)) for number in range(3))
    moments: dict[str, float] = {}

    def watch(_: RunFolder) -> Callable[[Message], None]:
        def take(message: Message) -> None:
            if message["ev"] == "phase":
                moments[message["phase"]] = time.monotonic()
            if message["ev"] == "probe":
                moments["probe"] = time.monotonic()

        return take

    execute([RunRequest(scenario=load(file), out=tmp_path / "idle", clock=Clock.VIRTUAL, watch=watch)])
    idle = moments["probe"] - moments["silent"]
    say("\n| two-idle-hours.yaml | wall clock | × real time |\n|---|---|---|")
    say(f"| cold, `lab run` to exit | {took:.2f} s | {7446 / took:,.0f} |")
    say(f"| idle part, 7440 s | {idle:.2f} s | {7440 / idle:,.0f} |")


def test_sixty_cells(tmp_path: Path, say: Say) -> None:
    """Sixty such cells on all processors."""
    took = _cold(BENCH / "sixty-cells.yaml", tmp_path)
    say("\n| sixty-cells.yaml | wall clock | × real time |\n|---|---|---|")
    say(f"| cold | {took:.1f} s | {60 * 7446 / took:,.0f} |")


def test_growth(tmp_path: Path, say: Say) -> None:
    """Wall clock against the number of cells and against the scenario's length."""
    text = (BENCH / "sixty-cells.yaml").read_text()
    head, rest = text.split("  server:\n")
    tail = rest[rest.index("probes:") :]
    (tmp_path / "topologies").mkdir()
    (tmp_path / "topologies" / "home-nat.yaml").write_bytes((ROOT / "topologies" / "home-nat.yaml").read_bytes())
    say("\n| cells of 7446 s | wall clock | per cell |\n|---:|---:|---:|")
    for count in (1, 4, 16, 64):
        servers = "".join(f"    - {{ name: s{n}, subscription-expires: {86400 + n} s }}\n" for n in range(count))
        file = tmp_path / f"cells-{count}.yaml"
        file.write_text(f"{head}  server:\n{servers}{tail}")
        took = _cold(file, tmp_path / file.stem)
        say(f"| {count} | {took:.2f} s | {took / count:.2f} s |")
    say("\n| length of one cell | wall clock | × real time |\n|---:|---:|---:|")
    for name, seconds in (("1 min", 60), ("10 min", 600), ("1 h", 3600), ("6 h", 21600), ("24 h", 86400)):
        single = (BENCH / "two-idle-hours.yaml").read_text()
        single = single.replace("timeout: 7500 s", "timeout: 90000 s").replace("expires: 86400 s", "expires: 200000 s")
        single = single.replace("at: 7440 s", f"at: {seconds} s").replace("ends: 7446 s", f"ends: {seconds + 6} s")
        file = tmp_path / f"length-{seconds}.yaml"
        file.write_text(single)
        took = _cold(file, tmp_path / file.stem)
        say(f"| {name} | {took:.2f} s | {(seconds + 6) / took:,.0f} |")
