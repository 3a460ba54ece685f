"""What scripts/test makes of tests that fail once, and of those that fail twice: with a tiny suite."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

SUITE = """\
from pathlib import Path

import pytest

BEGUN = Path(__file__).parent / "begun"


@pytest.mark.xdist_group("a-group")
@pytest.mark.parametrize("address", ["alice@example.org"])
def test_late(address):
    late = not BEGUN.exists()
    BEGUN.touch()
    assert not late, "the first failure"


def test_broken():
    raise AssertionError("always")


@pytest.fixture
def forgets():
    pytest.skip("which is not to pass")


def test_forgets(forgets):
    pass


def test_fine():
    pass
"""


LATE, BROKEN, FORGETS, FINE = (
    f"test_tiny.py::test_{name}" for name in ("late[alice@example.org]", "broken", "forgets", "fine")
)
TOLD = f"unstable: {LATE} (failed once, then passed)\n"


@pytest.fixture
def suite(tmp_path: Path) -> Path:
    """A folder with a suite."""
    (tmp_path / "conftest.py").write_text("from tests.results import pytest_terminal_summary\n")
    (tmp_path / "pytest.ini").write_text("[pytest]\nmarkers = xdist_group\n")
    (tmp_path / "test_tiny.py").write_text(SUITE)
    (tmp_path / "results").mkdir()
    return tmp_path


def failed(suite: Path, phase: str, *tests: str) -> None:
    """Leave behind what a phase does in which these failed."""
    (suite / "begun").touch()
    (suite / "results" / f"{phase}.failed").write_text("".join(f"{test}\n" for test in tests))


def run(folder: Path, module: str, *arguments: str, results: Path | None = None) -> subprocess.CompletedProcess[str]:
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("PYTEST", "LAB_TEST"))}
    environment |= {"PYTHONPATH": str(ROOT), "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    if results is not None:
        environment["LAB_TEST_RESULTS"] = str(results)
    command = [sys.executable, "-m", module, *arguments]
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)


def verdicts(folder: Path) -> str:
    file = folder / "results" / "verdicts"
    return file.read_text() if file.exists() else ""


def test_who_passes_then_is_unstable(suite: Path) -> None:
    """No failure, but it is named; only what failed runs again, whatever xdist calls it."""
    xdist = ("-p", "xdist.plugin", "-n1", "--dist=loadgroup")
    first = run(suite, "pytest", *xdist, "-k", "late or fine", results=suite / "results" / "phase")
    assert "the first failure" in first.stdout
    assert first.returncode == 1
    again = run(suite, "tests.second_run", "results", "-v")
    assert again.returncode == 0, again.stdout + again.stderr
    assert "1 passed" in again.stdout
    assert verdicts(suite) == TOLD
    assert "test_tiny.py" in (suite / "results" / "phase.times").read_text()


@pytest.mark.parametrize("other", [BROKEN, FORGETS, "test_tiny.py::test_gone"])
def test_who_does_not_pass_then_has_failed(suite: Path, other: str) -> None:
    """It fails again, or is skipped, or is not there."""
    failed(suite, "phase", LATE, other)
    again = run(suite, "tests.second_run", "results")
    assert again.returncode == 1
    assert f"failed twice: {other}\n" in verdicts(suite)


def test_one_that_passes_does_not_excuse_another(suite: Path) -> None:
    """Both are named."""
    failed(suite, "phase", LATE)
    failed(suite, "other", BROKEN)
    again = run(suite, "tests.second_run", "results")
    assert again.returncode == 1
    assert sorted(verdicts(suite).splitlines(keepends=True)) == [f"failed twice: {BROKEN}\n", TOLD]


def test_three_failures_are_too_many(suite: Path) -> None:
    """Nothing runs again, and nothing is excused; the failures of all phases count."""
    failed(suite, "phase", LATE)
    failed(suite, "other", FINE, BROKEN)
    again = run(suite, "tests.second_run", "results")
    assert again.returncode == 1
    assert again.stdout == ""
    told = verdicts(suite).splitlines()
    assert sorted(told) == [f"failed: {test} (one of 3; 2 get a second run)" for test in sorted([LATE, BROKEN, FINE])]


def test_nothing_failed(tmp_path: Path) -> None:
    """Nothing to do."""
    (tmp_path / "pure.failed").touch()
    again = run(ROOT, "tests.second_run", str(tmp_path))
    assert (again.returncode, again.stdout) == (0, "")
