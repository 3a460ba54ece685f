"""``lab report``: what a finished run's records say, judged again."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.e2e.lab_command import SHORT, run

pytestmark = [pytest.mark.e2e, pytest.mark.virtual]


def test_reports_again(tmp_path: Path) -> None:
    """Reports are made from the records alone: the same ones again, others if the records say something else."""
    done = run("run", SHORT, "--out", tmp_path / "runs", home=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    folder = (tmp_path / "runs" / "latest").resolve()
    files = [folder / name for name in ("report.json", "report.html", "junit.xml")]
    before = [file.read_text() for file in files]
    for file in files[1:]:
        file.unlink()
    again = run("report", "--run", folder, home=tmp_path)
    assert again.returncode == 0, again.stdout + again.stderr
    assert [file.read_text() for file in files] == before

    cells = json.loads(before[0])["cells"]
    passing = next(cell for cell in cells if cell["verdict"] == "pass")
    record = folder / passing["folder"] / "record.jsonl"
    lines = record.read_text().splitlines(keepends=True)
    record.write_text("".join(line for line in lines if '"end"' not in line))
    assert run("report", "--run", folder, home=tmp_path).returncode == 0
    changed = {cell["name"]: cell["verdict"] for cell in json.loads(files[0].read_text())["cells"]}
    assert changed[passing["name"]] == "inconclusive"
    assert "the run was cut short" in files[1].read_text()
    assert "claimed pass, seen inconclusive" in files[2].read_text()


def test_not_a_run(tmp_path: Path) -> None:
    """A folder that is no run's is the user's mistake."""
    done = run("report", "--run", tmp_path, home=tmp_path)
    assert done.returncode == 2
    assert "not a run's folder" in done.stderr
