"""Releases of pjsip side by side, and what happens where one cannot be had."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from lab.worlds import kernel
from tests.e2e.lab_command import ROOT, run

pytestmark = pytest.mark.e2e

SCENARIO = ROOT / "scenarios" / "article" / "client-versions.yaml"


@pytest.mark.timeout(300)
def test_two_releases(tmp_path: Path) -> None:
    """Each cell has its release, told by the library itself, and 33 s in both."""
    if kernel.find() is None:
        kernel.build()
    choice = ("--only", "transport=tcp", "--only", "strategy=none")
    done = run("run", SCENARIO, *choice, "--clock", "virtual", "--json", "--out", tmp_path, home=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    for cell in json.loads(done.stdout)["cells"]:
        record = (tmp_path / "latest" / cell["folder"] / "record.jsonl").read_text()
        lines = [json.loads(line) for line in record.splitlines()]
        (ready,) = (line for line in lines if line["who"] == "client" and line["ev"] == "ready")
        assert ready["version"] == cell["axes"]["pjsip"]
        assert (cell["cause"]["kind"], round(cell["cause"]["at_s"], 1)) == ("client-idle-timer", 33.0)


def test_release_that_cannot_be_fetched(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The host's fault, said before anything starts; cells that are unsupported anyway need nothing."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    choice = ("--only", "pjsip=2.10", "--clock", "real", "--out", tmp_path / "runs")
    done = run("run", SCENARIO, *choice, home=tmp_path)
    assert done.returncode == 3
    assert "cannot fetch pjsua2-python 2.10.post6" in done.stderr
    assert "make a package index reachable" in done.stderr
    assert not (tmp_path / "runs").exists()
    done = run("run", SCENARIO, *choice, "--only", "transport=tls", home=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "is built without TLS" in done.stdout


def test_no_other_release_in_a_container(tmp_path: Path) -> None:
    """Its image has the one that is installed with the lab: status 2, and what to do."""
    done = run("run", SCENARIO, "--backend", "docker", "--out", tmp_path / "runs", home=tmp_path)
    assert done.returncode == 2
    assert "pjsip: not in a container, got `2.10`" in done.stderr
