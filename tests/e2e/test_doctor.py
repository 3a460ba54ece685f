"""``lab doctor`` finds what is there, and what a test takes away."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from lab.cli.doctor import Finding, _works
from tests.e2e.lab_command import ROOT, run

pytestmark = pytest.mark.e2e


def _examined(home: Path, **environment: str) -> tuple[int, dict[tuple[str, str], str]]:
    """Exit status, and what is missing by what it is needed for and what was tried."""
    done = subprocess.run(
        [sys.executable, "-m", "lab", "doctor", "--json"],
        capture_output=True,
        text=True,
        cwd=ROOT,
        env={**os.environ, "XDG_STATE_HOME": str(home), **environment},
        check=False,
    )
    findings = [Finding(**each) for each in json.loads(done.stdout)]
    assert all(bool(each.missing) == bool(each.fix) for each in findings)
    return done.returncode, {(each.needed_for, each.what): each.missing for each in findings}


def test_where_cells_run(tmp_path: Path) -> None:
    """On a machine that runs the other tests, everything but netem and containers is found, and nothing is left."""
    status, missing = _examined(tmp_path)
    assert status == 0
    for option in ("--clock virtual", "--clock real"):
        for what in ("NAT by nftables", "conntrack's timeouts"):
            assert missing[option, what] == ""
    assert missing["impairments, --clock virtual", "delay, loss and rate (netem)"] == ""
    assert missing["client: pjsip", "pjsip"] == ""


def test_what_is_missing(tmp_path: Path) -> None:
    """Without bubblewrap there is no virtual time, without a daemon there are no containers; real time is enough."""
    status, missing = _examined(tmp_path, PATH="/nowhere", DOCKER_HOST=f"unix://{tmp_path}/nothing")
    assert status == 0
    assert "bubblewrap" in missing["--clock virtual", "a guest's kernel"]
    lacking = "daemon" if os.geteuid() == 0 else "root"
    assert lacking in missing["--backend docker", "root, Docker, and images of these sources"]


def test_for_people(tmp_path: Path) -> None:
    """Without --json it prints lines."""
    done = run("doctor", home=tmp_path)
    assert done.returncode == 0
    assert "yes  --clock virtual" in done.stdout


@pytest.mark.parametrize(
    ("missing", "works"),
    [
        ((), True),
        (("--clock virtual",), True),
        (("--clock real", "--backend docker"), True),
        (("--clock virtual", "--clock real"), False),
        (("client: pjsip",), True),
        (("client: pjsip", "--backend docker"), False),
        (("client: pjsip", "--clock real"), False),
        (("every cell",), False),
    ],
)
def test_what_is_enough(missing: tuple[str, ...], works: bool) -> None:
    """There must be one of the two kinds of time, and a client: on this machine, or, in real time, in a container."""
    parts = ("every cell", "client: pjsip", "--clock virtual", "--clock real", "--backend docker")
    assert _works([Finding(part, "", "gone" if part in missing else "") for part in parts]) is works
