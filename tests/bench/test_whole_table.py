"""The large tables, as a user runs them: every cell of theirs, with its twins, in virtual time."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.e2e.lab_command import ROOT, run

pytestmark = [pytest.mark.bench, pytest.mark.timeout(1800)]


@pytest.mark.parametrize(
    ("name", "count"),
    [
        ("article/all", 350),
        ("field/registered-phone", 324),
        ("field/what-to-ship", 1875),
        ("clients/registered", 200),
        ("mobile/networks", 357),
        ("mobile/night", 52),
    ],
)
def test_every_claim_holds(tmp_path: Path, name: str, count: int) -> None:
    """What a table claims is what the lab sees."""
    table = ROOT / "scenarios" / f"{name}.yaml"
    done = run("run", table, "--clock", "virtual", "--json", "--out", tmp_path / "runs", home=tmp_path, twins=True)
    assert done.returncode == 0, done.stderr
    cells = json.loads(done.stdout)["cells"]
    assert len(cells) == count
    assert [cell["name"] for cell in cells if not (cell["claim"] or {}).get("holds")] == []


@pytest.mark.parametrize("folder", ["article", "field", "found"])
def test_the_library_with_its_twins(tmp_path: Path, folder: str) -> None:
    """What scenarios claim is what the lab sees when it looks as closely as it does by default."""
    large = ("all", "registered-phone", "what-to-ship")
    files = [path for path in sorted((ROOT / "scenarios" / folder).glob("*.yaml")) if path.stem not in large]
    done = run("run", *files, "--clock", "virtual", "--no-costs", "--out", tmp_path / "runs", home=tmp_path, twins=True)
    assert done.returncode == 0, done.stdout
