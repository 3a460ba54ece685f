"""Certificates that stop being good, before a real pjsip, in virtual time: the scenarios' claims, what shows them."""

from __future__ import annotations

from typing import Any

import pytest

from tests.e2e.lab_command import ROOT
from tests.e2e.together import Cells, Virtually

FIELD = ROOT / "scenarios" / "field"
EXPIRED = Cells(FIELD / "expired-certificate.yaml")
REVOKED = Cells(FIELD / "revoked-client-certificate.yaml")

pytestmark = pytest.mark.e2e


def cells_of(which: Cells, virtually: Virtually) -> dict[str, Any]:
    """Its cells by name, with ``record``: the record's lines. All claims hold."""
    seen = virtually(which)
    assert seen.status == 0, seen.said
    assert all(cell["claim"]["holds"] for cell in seen.cells.values())
    return {name: {**cell, "record": seen.record(name)} for name, cell in seen.cells.items()}


@pytest.mark.cells(EXPIRED)
def test_expired_certificate(virtually: Virtually) -> None:
    """All claims hold; the cause stands on the refusal, which is pjsip's own, and new connections end as they begin."""
    struck = cells_of(EXPIRED, virtually)["reconnect,expired-closed"]
    lines = struck["record"]
    fault, refusal = (lines[number - 1] for number in struck["cause"]["evidence"])
    assert (fault["fault"], fault["proof"]["met"]) == ("ExpiredCertificate", "expired")
    assert "PJSIP_TLS_ECERTVERIF" in refusal["reason"]
    subscribed = [
        line for line in lines if (line["who"], line["ev"]) == ("server", "server-subscription") and line["t"] > 20
    ]
    assert subscribed == []


@pytest.mark.cells(REVOKED)
def test_revoked_client_certificate(virtually: Virtually) -> None:
    """All claims hold; pjsip's certificate was verified, then refused on every attempt, until it is reinstated."""
    cells = cells_of(REVOKED, virtually)
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
