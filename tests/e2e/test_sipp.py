"""SIPp plays a script: a message that no phone sends, in real time."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from tests.e2e.lab_command import ROOT, run

pytestmark = [pytest.mark.e2e, pytest.mark.waits(50), pytest.mark.timeout(200)]


@pytest.mark.skipif(shutil.which("sipp") is None, reason="needs `apt-get install sip-tester`")
def test_a_keepalive_that_is_refused(tmp_path: Path) -> None:
    """Its claims hold: the server refuses the NOTIFY, and the NAT keeps the mapping."""
    file = ROOT / "scenarios" / "clients" / "notify-keepalive.yaml"
    done = run("run", file, "--clock", "real", "--out", tmp_path / "runs", home=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    record = (tmp_path / "runs" / "latest" / "cells" / "sipp-notify-keepalive" / "record.jsonl").read_text("utf-8")
    sent = [line for line in map(json.loads, record.splitlines()) if line.get("ev") == "request-sent"]
    times = [round(line["t"]) for line in sent if line["method"] == "NOTIFY"]
    assert times == [5, 10, 15, 20, 25, 30, 35, 40][: len(times)]
    assert len(times) >= 7
