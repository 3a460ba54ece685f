"""The article's whole table: every strategy against every failure, 350 cells in virtual time."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.e2e.lab_command import ROOT, run

pytestmark = [pytest.mark.bench, pytest.mark.timeout(1800)]


def test_every_claim_holds(tmp_path: Path) -> None:
    """What the table claims is what the lab sees, as a user runs it."""
    table = ROOT / "scenarios" / "article" / "all.yaml"
    done = run("run", table, "--clock", "virtual", "--json", "--out", tmp_path / "runs", home=tmp_path)
    assert done.returncode == 0, done.stderr
    cells = json.loads(done.stdout)["cells"]
    assert len(cells) == 350
    assert [cell["name"] for cell in cells if not (cell["claim"] or {}).get("holds")] == []
