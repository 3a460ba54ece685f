"""Probes that are due while the server is frozen, in virtual time."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from lab.worlds import kernel
from tests.e2e.lab_command import ROOT, run

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]

SCENARIO = """\
title: A call that a frozen server cannot make
topology: home-nat
middlebox: never-forgets
client: { account: register-and-subscribe }
faults: [server-freeze: { at: 5 s, lasts: 20 s }]
probes: [{ at: 10 s, kind: invite, hold: 2 s }]
ends: 40 s
claims: [{ verdict: fail, cause: server-froze, at: 5 s }]
"""


def test_a_probe_of_a_frozen_server_is_what_it_is(tmp_path: Path) -> None:
    """The lab speaks for a server that stands still: the call is reported as one, and why it was not made."""
    if kernel.find() is None:
        kernel.build()
    shutil.copytree(ROOT / "topologies", tmp_path / "topologies")
    (tmp_path / "frozen.yaml").write_text(SCENARIO)
    arguments = ("run", tmp_path / "frozen.yaml", "--clock", "virtual", "--out", tmp_path / "runs", "--json")
    done = run(*arguments, home=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    (cell,) = json.loads(done.stdout)["cells"]
    assert [(probe["kind"], probe["answered"]) for probe in cell["probes"]] == [("invite", False)]
    assert (
        cell["cause"]["chain"][-1]["text"]
        == "call p1 at 10.0 s was missed: INVITE was not sent: the server stood still"
    )
