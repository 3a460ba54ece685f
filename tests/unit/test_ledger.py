"""The ledger of a run: processes by name, and what is said of those that stay."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from lab import ledger
from lab.errors import HostNotCapable, TeardownIncomplete


@pytest.fixture
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of ledgers, a test's own."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    return tmp_path / "lab"


def _no_containers(run: str) -> tuple[str, ...]:
    raise AssertionError(f"{run} says nothing of containers")


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
    assert ledger.clean(_no_containers) == ()
    assert len(list(state.iterdir())) == 1
    book.close()


def test_clean_removes_a_ledger_without_a_first_line(state: Path) -> None:
    """A run killed while it made its ledger left an empty file; its process id stands in the name."""
    state.mkdir()
    (state / "a-run-4194303.jsonl").write_text("")
    assert ledger.clean(_no_containers) == ("closed the ledger of the killed run a-run-4194303",)
    assert list(state.iterdir()) == []


def _dead_run_with_containers(state: Path) -> None:
    state.mkdir()
    entries = [{"what": what, "pid": 4194303, "started": 1} for what in ("owner", "containers")]
    (state / "a-run-4194303.jsonl").write_text("".join(json.dumps(entry) + "\n" for entry in entries))


def test_clean_removes_containers_by_the_name_of_the_run(state: Path) -> None:
    """Of a dead run that had containers, those with its name are removed, and its ledger goes."""
    _dead_run_with_containers(state)
    asked = []

    def remove(run: str) -> tuple[str, ...]:
        asked.append(run)
        return ("one",)

    undone = ledger.clean(remove)
    assert asked == ["a-run-4194303"]
    assert undone[0] == "removed container one of the killed run a-run-4194303"
    assert list(state.iterdir()) == []


def test_a_ledger_stays_while_its_containers_may(state: Path) -> None:
    """Without a daemon to ask, the ledger is kept for the next time, and status 5 says so."""
    _dead_run_with_containers(state)

    def remove(run: str) -> tuple[str, ...]:
        raise HostNotCapable("no daemon", fix="start it")

    with pytest.raises(TeardownIncomplete, match=r"lab\.run=a-run-4194303.*start it"):
        ledger.clean(remove)
    assert len(list(state.iterdir())) == 1


def test_a_run_goes_on_without_a_daemon(state: Path) -> None:
    """Who cannot ask just now leaves the ledger to another time, and nobody's status changes."""
    _dead_run_with_containers(state)
    assert ledger.clean(lambda run: None) == ()
    assert len(list(state.iterdir())) == 1


def test_containers_of_live_runs_are_left_alone(state: Path) -> None:
    """The owner lives: nobody asks for its containers."""
    book = ledger.Ledger("a-run")
    book.enter_containers()
    assert ledger.clean(_no_containers) == ()
    book.close()


def test_a_workplace_ends_with_its_work(state: Path) -> None:
    """Its folder and its ledger go together; while it lasts nobody cleans it."""
    with ledger.workplace("a-try") as (_, folder):
        (folder / "file").write_text("")
        assert ledger.clean(_no_containers) == ()
        assert folder.stat().st_mode & 0o777 == 0o700
    assert not folder.exists()
    assert list(state.iterdir()) == []


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


def test_clean_removes_the_folder_of_a_killed_workplace(state: Path) -> None:
    """With the processes that were at work in it, and after their end."""
    work = (
        "import subprocess, time; from lab import ledger\n"
        "with ledger.workplace('a-try') as (book, folder):\n"
        "    endless = 'n=0; while :; do n=$((n+1)); : > $n; done'\n"
        "    book.enter_process(subprocess.Popen(['sh', '-c', endless], cwd=folder).pid)\n"
        "    print(folder, flush=True)\n"
        "    time.sleep(60)\n"
    )
    with subprocess.Popen([sys.executable, "-c", work], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        folder = Path(process.stdout.readline().strip())
        assert folder.is_dir()
        process.kill()
    said = ledger.clean(_no_containers)
    assert [sentence.split(" ")[0] for sentence in said] == ["ended", "removed", "closed"]
    assert not folder.exists()
    assert list(state.iterdir()) == []


def test_clean_removes_no_folder_of_another_user(state: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A ledger proves nothing about what its writer could not have made."""
    state.mkdir()
    theirs = tmp_path / "theirs"
    theirs.mkdir()
    entries = [
        {"what": "owner", "pid": 4194303, "started": 1},
        {"what": "folder", "pid": 4194303, "started": 1, "path": str(theirs)},
    ]
    path = state / "a-run-4194303.jsonl"
    path.write_text("".join(json.dumps(entry) + "\n" for entry in entries))
    lstat = Path.lstat

    def of_another(path: Path) -> os.stat_result:
        found = lstat(path)
        return os.stat_result((*found[:4], found.st_uid + 1, *found[5:10])) if path == theirs else found

    monkeypatch.setattr(Path, "lstat", of_another)
    assert ledger.clean(_no_containers) == ("closed the ledger of the killed run a-run-4194303",)
    assert theirs.is_dir()


def test_a_ledger_that_cannot_be_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The machine's fault, with what would mend it, and not a defect of the lab."""
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "file"))
    with pytest.raises(HostNotCapable, match="XDG_STATE_HOME"):
        ledger.Ledger("a-run")
