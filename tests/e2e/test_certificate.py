"""A certificate that expires, before a real pjsip, in virtual time: the scenario's claims, and what shows them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from lab.worlds import kernel
from tests.e2e.lab_command import ROOT, run

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]

SCENARIO = ROOT / "scenarios" / "field" / "expired-certificate.yaml"


def test_expired_certificate(tmp_path: Path) -> None:
    """All claims hold; the cause stands on the refusal, which is pjsip's own, and new connections end as they begin."""
    if kernel.find() is None:
        kernel.build()
    done = run("run", SCENARIO, "--clock", "virtual", "--out", tmp_path / "runs", "--json", home=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    cells = {cell["name"]: cell for cell in json.loads(done.stdout)["cells"]}
    assert all(cell["claim"]["holds"] for cell in cells.values())
    struck = cells["reconnect,expired-closed"]
    record = (tmp_path / "runs" / "latest" / struck["folder"] / "record.jsonl").read_text().splitlines()
    lines = [json.loads(line) for line in record]
    fault, refusal = (json.loads(record[number - 1]) for number in struck["cause"]["evidence"])
    assert (fault["fault"], fault["met"]) == ("ExpiredCertificate", "expired")
    assert "PJSIP_TLS_ECERTVERIF" in refusal["reason"]
    subscribed = [line for line in lines if (line["who"], line["ev"]) == ("server", "subscription") and line["t"] > 20]
    assert subscribed == []
