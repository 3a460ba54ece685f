"""Delay and loss in a scenario: seen by the client in virtual time, refused honestly where the kernel cannot."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from tests.e2e.lab_command import ROOT, SHORT, run
from tests.e2e.together import Cells, Virtually

pytestmark = pytest.mark.e2e


SLOW = SHORT.read_text().replace(
    "probes:",
    "impairments:\n"
    "  - { from: client, to: home-nat, one-way-delay: 100 ms }\n"
    "  - { from: home-nat, to: client, one-way-delay: 50 ms }\n"
    "probes:",
)
"""The short scenario with 100 ms from client to NAT and 50 ms back."""
SLOWER = SLOW.replace(
    "from: client, to: home-nat, one-way-delay: 100 ms", "from: home-nat, to: internet, one-way-delay: 1500 ms"
)
DELAYED = Cells(SLOW, name="slow", only=("strategy=none",))
DELAYED_MORE = Cells(SLOWER, name="slower", only=("strategy=none",))


@pytest.mark.cells(DELAYED)
def test_delay_reaches_the_probe(virtually: Virtually) -> None:
    """A probe's answer takes there and back, 150 ms, and not less."""
    seen = virtually(DELAYED)
    assert seen.status == 0, seen.said
    sent, answered = (
        next(line["t"] for line in seen.record("none") if line["ev"] == "probe" and line["state"] == state)
        for state in ("sent", "answered")
    )
    assert answered - sent == pytest.approx(0.150, abs=0.005)


@pytest.mark.cells(DELAYED_MORE)
def test_captures_do_not_wait_for_a_slow_link(virtually: Virtually) -> None:
    """A capture is ready when it has seen a packet of its own, within a second; impairments begin after that."""
    assert SLOWER != SLOW
    seen = virtually(DELAYED_MORE)
    assert seen.status == 0, seen.said


def test_host_without_netem(tmp_path: Path) -> None:
    """A kernel without netem is the host's fault, and virtual time is named as the way out."""
    shutil.copytree(ROOT / "topologies", tmp_path / "topologies")
    slow = tmp_path / "slow.yaml"
    slow.write_text(SLOW)
    done = run("run", slow, "--clock", "real", "--out", tmp_path / "runs", "--json", home=tmp_path)
    if done.returncode == 0:
        pytest.skip("this host's kernel has netem; the refusal needs one without (modprobe -r sch_netem)")
    assert done.returncode == 3
    assert "--clock virtual" in done.stderr
    assert all(cell["verdict"] is None for cell in json.loads(done.stdout)["cells"])
