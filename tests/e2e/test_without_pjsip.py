"""Where the pjsip library cannot be loaded: the host's fault, with the way out, in either kind of time."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from lab.clients.catalog import find
from lab.runner import CELL
from lab.worlds import host
from tests.e2e.lab_command import ROOT, SHORT, run

pytestmark = pytest.mark.e2e


@pytest.fixture
def shadow(tmp_path: Path) -> Path:
    """A folder with a pjsua2 that does not load, as where a shared library is missing."""
    package = tmp_path / "shadow" / "pjsua2"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text('raise ImportError("libnothing.so.1: cannot open shared object file")\n')
    return package.parent


def test_world_on_this_kernel(shadow: Path) -> None:
    """It refuses in one line that says what is missing, and starts nothing."""
    argv = [sys.executable, "-m", "lab.worlds.private_namespaces", str(os.getpid()), "lab.runner.cell_worker:main"]
    environment = {**host.environment(), "PYTHONPATH": str(shadow)}
    request = json.dumps({"job": CELL, "folder": "/", "modules": find("pjsip").modules}) + "\n"
    done = subprocess.run(argv, env=environment, cwd=ROOT, input=request.encode(), capture_output=True, check=False)
    up, refusal = map(json.loads, done.stdout.splitlines())
    assert done.returncode == 3
    assert up["ev"] == "up"
    assert refusal["ev"] == "refused"
    assert "libnothing.so.1" in refusal["missing"]
    assert "pip install" in refusal["fix"]


def test_guest(tmp_path: Path, shadow: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """So does a run in virtual time, with status 3 and no traceback."""
    monkeypatch.setenv("PYTHONPATH", str(shadow))
    done = run("run", SHORT, "--clock", "virtual", "--out", tmp_path / "runs", home=tmp_path)
    assert done.returncode == 3
    assert "libnothing.so.1" in done.stdout + done.stderr
    assert "Traceback" not in done.stdout + done.stderr
