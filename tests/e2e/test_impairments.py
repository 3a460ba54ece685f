"""Delay and loss in a scenario: seen by the client in virtual time, refused honestly where the kernel cannot."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from tests.e2e.lab_command import ROOT, SHORT, run

pytestmark = pytest.mark.e2e


@pytest.fixture
def slow(tmp_path: Path) -> Path:
    """The short scenario with 100 ms from client to NAT and 50 ms back."""
    scenario = tmp_path / "project" / "slow.yaml"
    scenario.parent.mkdir()
    shutil.copytree(ROOT / "topologies", scenario.parent / "topologies")
    impairments = (
        "impairments:\n"
        "  - { from: client, to: home-nat, one-way-delay: 100 ms }\n"
        "  - { from: home-nat, to: client, one-way-delay: 50 ms }\n"
    )
    scenario.write_text(SHORT.read_text().replace("probes:", f"{impairments}probes:"))
    return scenario


def test_delay_reaches_the_probe(tmp_path: Path, slow: Path) -> None:
    """A probe's answer takes there and back, 150 ms, and not less."""
    done = run("run", slow, "--clock", "virtual", "--only", "strategy=none", "--out", tmp_path / "runs", home=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    record = (tmp_path / "runs" / "latest" / "cells" / "none" / "record.jsonl").read_text()
    lines = [json.loads(line) for line in record.splitlines()]
    sent, answered = (
        next(line["t"] for line in lines if line["ev"] == "probe" and line["state"] == state)
        for state in ("sent", "answered")
    )
    assert answered - sent == pytest.approx(0.150, abs=0.005)


def test_captures_do_not_wait_for_a_slow_link(tmp_path: Path, slow: Path) -> None:
    """A capture is ready when it has seen a packet of its own, within a second; impairments begin after that."""
    slower = "from: home-nat, to: internet, one-way-delay: 1500 ms"
    slow.write_text(slow.read_text().replace("from: client, to: home-nat, one-way-delay: 100 ms", slower))
    done = run("run", slow, "--clock", "virtual", "--only", "strategy=none", "--out", tmp_path / "runs", home=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr


def test_host_without_netem(tmp_path: Path, slow: Path) -> None:
    """A kernel without netem is the host's fault, and virtual time is named as the way out."""
    done = run("run", slow, "--clock", "real", "--out", tmp_path / "runs", "--json", home=tmp_path)
    if done.returncode == 0:
        pytest.skip("this host's kernel has netem; the refusal needs one without (modprobe -r sch_netem)")
    assert done.returncode == 3
    assert "--clock virtual" in done.stderr
    assert all(cell["verdict"] is None for cell in json.loads(done.stdout)["cells"])
