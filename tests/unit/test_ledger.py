"""The ledger of a run: processes by name, and what is said of those that stay."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest

from lab import ledger
from lab.errors import TeardownIncomplete


@pytest.fixture
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of ledgers, a test's own."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    return tmp_path / "lab"


def test_entries_are_on_disk_at_once(state: Path) -> None:
    """Owner and processes can be read while the run is alive; closing removes the ledger."""
    book = ledger.Ledger("a-run")
    book.enter_process(os.getpid())
    (path,) = state.iterdir()
    entries = [json.loads(line) for line in path.read_text().splitlines()]
    assert [(entry["what"], entry["pid"]) for entry in entries] == [("owner", os.getpid()), ("process", os.getpid())]
    assert all(entry["started"] > 0 for entry in entries)
    book.close()
    assert list(state.iterdir()) == []


def test_a_process_that_stays_is_left_behind(state: Path) -> None:
    """A process that outlives its run ends with status 5 and the command that removes it."""
    book = ledger.Ledger("a-run")
    with subprocess.Popen(["sleep", "60"]) as process:
        book.enter_process(process.pid)
        with pytest.raises(TeardownIncomplete) as caught:
            book.leave_process(process.pid)
        process.kill()
    assert caught.value.exit_code == 5
    assert f"kill -9 {process.pid}" in str(caught.value)
    book.leave_process(process.pid)  # now it is gone
    book.close()


def test_clean_leaves_live_runs_alone(state: Path) -> None:
    """A ledger whose owner is alive is not touched."""
    book = ledger.Ledger("a-run")
    assert ledger.clean() == ()
    assert len(list(state.iterdir())) == 1
    book.close()


def test_clean_removes_a_ledger_without_a_first_line(state: Path) -> None:
    """A run killed while it made its ledger left an empty file; its process id stands in the name."""
    state.mkdir()
    (state / "a-run-4194303.jsonl").write_text("")
    assert ledger.clean() == ("closed the ledger of the killed run a-run-4194303",)
    assert list(state.iterdir()) == []
