"""The article's scenarios, as a user runs them: real pjsip, real NAT, real time, all side by side."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

pytestmark = [pytest.mark.waits(220), pytest.mark.e2e, pytest.mark.xdist_group("article"), pytest.mark.timeout(300)]


@pytest.fixture
def reports(article_in_real_time: Path) -> dict[str, dict[str, Any]]:
    """The reports by scenario, and of one as an ordinary user by `user`."""
    return {path.parts[-3]: json.loads(path.read_text()) for path in article_in_real_time.glob("*/2*/report.json")}


def _cells(report: dict[str, Any]) -> dict[str, tuple[str, str | None]]:
    return {cell["name"]: (cell["verdict"], (cell["cause"] or {}).get("kind")) for cell in report["cells"]}


def _at(report: dict[str, Any], name: str) -> float:
    (cell,) = (cell for cell in report["cells"] if cell["name"] == name)
    return float(cell["cause"]["at_s"])


def test_idle_subscription(reports: dict[str, dict[str, Any]]) -> None:
    """pjsip itself closes the transport after 33 s; OPTIONS every 25 s or a reference keep it, every 40 s do not."""
    report = reports["idle-subscription"]
    assert _cells(report) == {
        "none": ("fail", "client-idle-timer"),
        "options-ping-25s": ("pass", None),
        "options-ping-40s": ("fail", "client-idle-timer"),
        "hold-transport": ("pass", None),
    }
    assert _at(report, "none") == pytest.approx(33.0, abs=0.5)


def test_idle_behind_nat(reports: dict[str, dict[str, Any]]) -> None:
    """Behind a NAT that forgets at 60 s a held transport is not enough: nothing refreshes the mapping."""
    report = reports["idle-behind-nat"]
    assert _cells(report) == {
        "none": ("fail", "client-idle-timer"),
        "options-ping-25s": ("pass", None),
        "hold-transport": ("fail", "middlebox-forgot-flow"),
    }
    assert _at(report, "hold-transport") == pytest.approx(60.0, abs=0.5)


def test_each_expiry_behavior_is_named(reports: dict[str, dict[str, Any]]) -> None:
    """The cause says what the middlebox did to the forgotten flow, as it was seen and not as it was configured."""
    causes = {
        cell["name"]: (cell["cause"] or {}).get("text", "") for cell in reports["idle-behind-nat-expiry"]["cells"]
    }
    assert "answers either side with RST" in causes["hold-transport,rst-to-sender-60s"]
    assert "answers the inside with RST, the outside with silence" in causes["hold-transport,rst-to-inside-60s"]
    assert "picks it up again only from inside" in causes["hold-transport,repickup-60s"]  # by pjsip's CRLF at 90 s


def test_ordinary_user_sees_the_same(reports: dict[str, dict[str, Any]]) -> None:
    """Without root the lab runs in user namespaces, and every verdict and cause is the same."""
    assert _cells(reports["user"]) == _cells(reports["idle-behind-nat"])
