"""A run whose cells have run before takes their records from the cache; shards of it make the same whole."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.lab_command import ROOT, run

FILE = ROOT / "scenarios" / "article" / "idle-subscription.yaml"
ONLY = ("--only", "strategy=none", "--only", "strategy=hold-transport")

pytestmark = [pytest.mark.e2e, pytest.mark.virtual, pytest.mark.timeout(600)]


def report(out: str) -> dict[str, Any]:
    """What `--json` printed, without what says where the records are from."""
    told: dict[str, Any] = json.loads(out)
    told.pop("from_cache")
    for cell in told["cells"]:
        cell.pop("from_cache")
    return told


def test_a_second_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its report is that of the first; no guest starts; `--fresh` runs all; shards merge."""
    monkeypatch.setenv("LAB_CACHE", str(tmp_path / "cache"))

    def lab(*arguments: str | Path, name: str) -> tuple[dict[str, Any], dict[str, Any], str]:
        """Run the command; return its report, run.json and what it said."""
        done = run(*arguments, "--json", "--out", tmp_path / name, home=tmp_path, twins=True)
        assert done.returncode == 0, done.stdout + done.stderr
        about = json.loads((tmp_path / name / "latest" / "run.json").read_text())
        return report(done.stdout), about, done.stderr

    first, about, said = lab("run", FILE, *ONLY, name="first")
    twins = len(list((tmp_path / "first" / "latest" / "twins").iterdir()))
    assert about["from_cache"] == {"cells": 0, "twins": 0}
    assert "cache" not in said
    second, about, said = lab("run", FILE, *ONLY, name="second")
    assert about["from_cache"] == {"cells": 2, "twins": twins}
    assert "2 cells (2 from the cache): 1 pass, 1 fail" in said
    assert not (tmp_path / "second" / "latest" / "guests").exists()
    assert second == first

    halves = [lab("run", FILE, *ONLY, "--shard", f"{number}/2", name=f"half-{number}") for number in (1, 2)]
    assert [len(told["cells"]) for told, _, _ in halves] == [1, 1]
    whole, about, _ = lab("merge", *(tmp_path / f"half-{number}" / "latest" for number in (1, 2)), name="merged")
    assert about["from_cache"] == {"cells": 2, "twins": twins}
    assert whole == first

    _, about, _ = lab("run", FILE, *ONLY[:2], "--fresh", "--no-costs", name="fresh")
    assert about["from_cache"]["cells"] == 0

    shown = run("cache", "--json", home=tmp_path)
    groups = {each["kind"]: each for each in json.loads(shown.stdout)["groups"]}
    assert groups["records"]["entries"] == 2 + twins
    assert all(each["used"] for each in groups.values())
    assert "nothing to remove" in run("cache", "prune", home=tmp_path).stdout
    assert "removed" in run("cache", "prune", "--all", home=tmp_path).stdout
    assert json.loads(run("cache", "--json", home=tmp_path).stdout)["groups"] == []
