"""``lab run`` on the wrong files: one report, status 2, and nothing started."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.errors.expected import CASES, report


@pytest.mark.e2e
@pytest.mark.parametrize("name", sorted(path.stem for path in CASES.glob("*.yaml")))
def test_run_refuses(name: str, tmp_path: Path) -> None:
    """The command prints the report and nothing else, ends with status 2, and makes no run folder."""
    out = tmp_path / "runs"
    argv = [sys.executable, "-m", "lab", "run", f"--out={out}", f"{name}.yaml"]
    ended = subprocess.run(argv, cwd=CASES, capture_output=True, text=True, timeout=60, check=False)
    assert (ended.returncode, ended.stdout) == (2, "")
    assert ended.stderr == report(name)
    assert not out.exists()


@pytest.mark.e2e
def test_one_wrong_file_stops_all(tmp_path: Path) -> None:
    """A good file beside a wrong one is not run."""
    good = CASES.parents[2] / "scenarios" / "article" / "idle-subscription.yaml"
    argv = [sys.executable, "-m", "lab", "run", f"--out={tmp_path / 'runs'}", str(good), "words.yaml", "tab.yaml"]
    ended = subprocess.run(argv, cwd=CASES, capture_output=True, text=True, timeout=60, check=False)
    expected = report("tab") + report("words")
    assert (ended.returncode, ended.stdout, ended.stderr) == (2, "", expected)
    assert not (tmp_path / "runs").exists()
