"""Certificates that stop being good, before a real pjsip, in virtual time: the scenarios' claims, what shows them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from lab.worlds import kernel
from tests.e2e.lab_command import ROOT, run

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]

FIELD = ROOT / "scenarios" / "field"


def cells_of(scenario: str, tmp_path: Path) -> dict[str, Any]:
    """Run it; its cells by name, with ``record``: the record's lines. All claims hold."""
    if kernel.find() is None:
        kernel.build()
    done = run("run", FIELD / scenario, "--clock", "virtual", "--out", tmp_path / "runs", "--json", home=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    cells = {cell["name"]: cell for cell in json.loads(done.stdout)["cells"]}
    assert all(cell["claim"]["holds"] for cell in cells.values())
    for cell in cells.values():
        record = (tmp_path / "runs" / "latest" / cell["folder"] / "record.jsonl").read_text().splitlines()
        cell["record"] = [json.loads(line) for line in record]
    return cells


def test_expired_certificate(tmp_path: Path) -> None:
    """All claims hold; the cause stands on the refusal, which is pjsip's own, and new connections end as they begin."""
    struck = cells_of("expired-certificate.yaml", tmp_path)["reconnect,expired-closed"]
    lines = struck["record"]
    fault, refusal = (lines[number - 1] for number in struck["cause"]["evidence"])
    assert (fault["fault"], fault["proof"]["met"]) == ("ExpiredCertificate", "expired")
    assert "PJSIP_TLS_ECERTVERIF" in refusal["reason"]
    subscribed = [
        line for line in lines if (line["who"], line["ev"]) == ("server", "server-subscription") and line["t"] > 20
    ]
    assert subscribed == []


def test_revoked_client_certificate(tmp_path: Path) -> None:
    """All claims hold; pjsip's certificate was verified, then refused on every attempt, until it is reinstated."""
    cells = cells_of("revoked-client-certificate.yaml", tmp_path)
    for cell in cells.values():
        secured = [line for line in cell["record"] if line["ev"] == "flow" and line["state"] == "secured"]
        assert {line["subject"] for line in secured} == {"alice"}
    struck = cells["reconnect,revoked-closed"]
    fault, refusal = (struck["record"][number - 1] for number in struck["cause"]["evidence"])
    assert (fault["fault"], fault["proof"]["met"]) == ("RevokedClientCertificate", "revoked")
    assert (refusal["who"], refusal["reason"]) == ("server", "CERTIFICATE_VERIFY_FAILED: certificate revoked")
    later = [line for line in struck["record"] if line["ev"] == "flow" and line["t"] > refusal["t"]]
    assert {line["state"] for line in later} == {"accepted", "failed"}
    ends = [line for line in struck["record"] if (line["ev"], line.get("state")) == ("transport", "disconnected")]
    assert all("PJ_EEOF" in line["reason"] for line in ends if line["t"] > refusal["t"])
    assert len(ends) > 2
    reinstated = cells["reconnect,reinstated-closed"]["record"]
    secured = [line["t"] for line in reinstated if line["ev"] == "flow" and line["state"] == "secured"]
    assert min(t for t in secured if t > 20) > 80
