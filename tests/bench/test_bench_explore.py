"""Searches that begin with nothing: what they must find in ten minutes, each shrunk to at most two faults."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.lab_command import ROOT

pytestmark = [pytest.mark.bench, pytest.mark.timeout(1800)]

SCENARIO = "article/idle-subscription"
FORGETS = """            losses.append(handle)
            if len(losses) == 2:
                return
"""


def searched(out: Path, *options: str, package: Path = ROOT) -> dict[str, Any]:
    """What a search of ten minutes at most has come to; it ends sooner if that many timelines were tried."""
    done = subprocess.run(
        [sys.executable, "-m", "lab", "explore", SCENARIO, "--for", "10min", "--json", "--out", out, *options],
        cwd=out.parent,  # a program does not import from where it runs
        env={**os.environ, "PYTHONPATH": str(package)},
        check=False,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 1, done.stderr
    told: dict[str, Any] = json.loads(done.stdout)
    print(f"{told['timelines']} timelines, {told['cells']} cells: {[each['cause'] for each in told['findings']]}")
    return told


def test_reconnect_has_gaps_after_each_idle_end(tmp_path: Path) -> None:
    """No fault is needed."""
    found = searched(tmp_path, "--strategy", "reconnect", "--seed", "1", "--cells", "20")
    assert [each["faults"] for each in found["findings"] if each["cause"] == "client-idle-timer"] == [[]]


def test_options_with_a_way_back_can_be_beaten(tmp_path: Path) -> None:
    """One fault that nobody announces is enough."""
    found = searched(tmp_path, "--strategy", "options-25s-drop-reconnect", "--seed", "1", "--cells", "40")
    assert 1 in {len(each["faults"]) for each in found["findings"]}


def test_a_planted_defect_is_found(tmp_path: Path) -> None:
    """A watchdog that overlooks the second dead connection: two faults are needed, and two are left."""
    package = tmp_path / "copy"
    for name in ("lab", "topologies", "scenarios"):
        shutil.copytree(ROOT / name, package / name, ignore=shutil.ignore_patterns("__pycache__"))
    file = package / "lab" / "mitigations" / "pong_watchdog.py"
    text = file.read_text(encoding="utf-8")
    begins = "        def on_silent(handle: int) -> None:\n"
    assert begins in text
    file.write_text(text.replace(begins, f"        losses: list[int] = []\n\n{begins}{FORGETS}"), encoding="utf-8")
    options = ("--strategy", "pong-watchdog", "--recovers-within", "60s", "--seed", "1", "--cells", "60")
    kinds = "evict-flow,reboot,black-hole,link-down,impairment"
    found = searched(tmp_path / "runs", *options, "--faults", kinds, package=package)
    assert 2 in {len(each["faults"]) for each in found["findings"]}
