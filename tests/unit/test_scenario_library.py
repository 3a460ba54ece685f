"""The scenario library: what each field report must have, and the list of all that is in it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from lab.loader.load import load
from lab.model.verdict import Verdict

LIBRARY = Path(__file__).parents[2] / "scenarios"
THREADS = sorted((LIBRARY / "field").glob("*-[0-9]*.yaml"))
"""Those named after a thread."""


@pytest.mark.parametrize("path", THREADS, ids=lambda path: path.stem)
def test_field_reports(path: Path) -> None:
    """A field report is drawn, names the thread whose number its file has, and claims a failure and a cure."""
    scenario = load(path)
    project, number = path.stem.rsplit("-", 1)
    drawing = [line for line in scenario.text.splitlines() if line.startswith("#")]
    assert re.match("# client ─.*─ home-nat ─.*─ server$", drawing[0])
    assert len(drawing) > 1
    thread = re.match(r"https://github\.com/[\w-]+/([\w-]+)/(?:issues|pull)/(\d+)", scenario.source)
    assert thread is not None
    repository = thread[1].lower()
    named = repository in (project, project.rpartition("-")[2]) or repository.startswith(f"{project}-")
    assert (named, thread[2]) == (True, number)
    claims = [cell.claim for cell in scenario.cells if cell.claim is not None]
    failures = [claim for claim in claims if claim.verdict is Verdict.FAIL]
    assert failures
    assert all(claim.cause is not None and claim.at is not None for claim in failures)
    assert any(claim.verdict is Verdict.PASS for claim in claims)


def test_field_reports_are_there() -> None:
    """None has been lost."""
    assert len(THREADS) >= 12


def test_index() -> None:
    """The list in scenarios/README.md has every file, and no other."""
    listed = re.findall(r"^\| \[[^\]]+\]\(([^)]+)\)", (LIBRARY / "README.md").read_text("utf-8"), re.MULTILINE)
    assert sorted(listed) == sorted(str(path.relative_to(LIBRARY)) for path in LIBRARY.rglob("*.yaml"))
