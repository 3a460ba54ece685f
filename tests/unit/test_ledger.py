"""The ledger of a run: processes by name, and what is said of those that stay."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest

from lab import ledger
from lab.errors import HostNotCapable, TeardownIncomplete


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


def test_a_workplace_ends_with_work_that_fails(state: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Likewise."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "temporary"))
    (tmp_path / "temporary").mkdir()
    with pytest.raises(KeyboardInterrupt), ledger.workplace("a-try"):
        raise KeyboardInterrupt
    assert list((tmp_path / "temporary").iterdir()) == list(state.iterdir()) == []


def test_the_ledger_stays_with_what_does(state: Path) -> None:
    """What could not be ended is for `lab clean`."""
    with pytest.raises(TeardownIncomplete), ledger.workplace("a-try"):
        raise TeardownIncomplete(("something",))
    assert len(list(state.iterdir())) == 1


def test_a_ledger_that_cannot_be_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The machine's fault, with what would mend it, and not a defect of the lab."""
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "file"))
    with pytest.raises(HostNotCapable, match="XDG_STATE_HOME"):
        ledger.Ledger("a-run")
