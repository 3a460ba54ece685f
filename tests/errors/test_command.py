"""``lab run`` on wrong files: it prints the report, ends with status 2, and starts nothing.

``test_reports.py`` compares the report of every case in-process; here a few show that the command prints the same.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.errors.expected import CASES, report


def lab_run(*files: str | Path, out: Path) -> subprocess.CompletedProcess[str]:
    """Run ``lab run`` with these files, from the folder with the cases."""
    argv = [sys.executable, "-m", "lab", "run", f"--out={out}", *map(str, files)]
    return subprocess.run(argv, cwd=CASES, capture_output=True, text=True, timeout=60, check=False)


@pytest.mark.parametrize("name", ["many-at-once", "words", "network-loop"])
def test_run_refuses(name: str, tmp_path: Path) -> None:
    """The command prints the report and nothing else, ends with status 2, and makes no run folder."""
    out = tmp_path / "runs"
    ended = lab_run(f"{name}.yaml", out=out)
    assert (ended.returncode, ended.stdout) == (2, "")
    assert ended.stderr == report(name)
    assert not out.exists()


def test_one_wrong_file_stops_all(tmp_path: Path) -> None:
    """A good file beside a wrong one is not run."""
    good = CASES.parents[2] / "scenarios" / "article" / "idle-subscription.yaml"
    ended = lab_run(good, "words.yaml", "tab.yaml", out=tmp_path / "runs")
    expected = report("tab") + report("words")
    assert (ended.returncode, ended.stdout, ended.stderr) == (2, "", expected)
    assert not (tmp_path / "runs").exists()
