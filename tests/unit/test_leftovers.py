"""What killed runs have left is undone, and what cannot be is named and stops nothing else."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from lab import ledger, leftovers
from lab.engine.execute import clean_up
from lab.errors import HostNotCapable, LabFault
from lab.leftovers import Removed


@pytest.fixture
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of ledgers, a test's own."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    return tmp_path / "lab"


def _no_containers(run: str) -> Removed:
    raise AssertionError(f"{run} says nothing of containers")


def test_clean_leaves_live_runs_alone(state: Path) -> None:
    """A ledger whose owner is alive is not touched."""
    book = ledger.Ledger("a-run")
    assert leftovers.clean(_no_containers).undone == []
    assert len(list(state.iterdir())) == 1
    book.close()


def test_clean_removes_a_ledger_without_a_first_line(state: Path) -> None:
    """A run killed while it made its ledger left an empty file; its process id stands in the name."""
    state.mkdir()
    (state / "a-run-4194303.jsonl").write_text("")
    assert leftovers.clean(_no_containers).undone == ["closed the ledger of the killed run a-run-4194303"]
    assert list(state.iterdir()) == []


def _dead_run_with_containers(state: Path) -> None:
    state.mkdir()
    entries = [{"what": what, "pid": 4194303, "started": 1} for what in ("owner", "containers")]
    (state / "a-run-4194303.jsonl").write_text("".join(json.dumps(entry) + "\n" for entry in entries))


def test_clean_removes_containers_by_the_name_of_the_run(state: Path) -> None:
    """Of a dead run that had containers, those with its name are removed, and its ledger goes."""
    _dead_run_with_containers(state)
    asked = []

    def remove(run: str) -> Removed:
        asked.append(run)
        return Removed(("one",))

    undone = leftovers.clean(remove).undone
    assert asked == ["a-run-4194303"]
    assert undone[0] == "removed container one of the killed run a-run-4194303"
    assert list(state.iterdir()) == []


def test_a_ledger_stays_while_its_containers_may(state: Path) -> None:
    """Without a daemon to ask, the ledger is kept for the next time, and that is said."""
    _dead_run_with_containers(state)

    def remove(run: str) -> Removed:
        raise HostNotCapable("no daemon", fix="start it")

    (left,) = leftovers.clean(remove).left
    assert "lab.run=a-run-4194303" in left
    assert "start it" in left
    assert len(list(state.iterdir())) == 1


def test_containers_of_live_runs_are_left_alone(state: Path) -> None:
    """The owner lives: nobody asks for its containers."""
    book = ledger.Ledger("a-run")
    book.enter_containers()
    assert leftovers.clean(_no_containers).undone == []
    book.close()


def test_a_workplace_ends_with_its_work(state: Path) -> None:
    """Its folder and its ledger go together; while it lasts nobody cleans it."""
    with ledger.workplace("a-try") as (_, folder):
        (folder / "file").write_text("")
        assert leftovers.clean(_no_containers).undone == []
        assert folder.stat().st_mode & 0o777 == 0o700
    assert not folder.exists()
    assert list(state.iterdir()) == []


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
    said = leftovers.clean(_no_containers).undone
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
    assert leftovers.clean(_no_containers).undone == ["closed the ledger of the killed run a-run-4194303"]
    assert theirs.is_dir()


def _note(state: Path, run: str, *entries: dict[str, object], pid: int = 4194303) -> Path:
    """Write the ledger of a run whose owner has that id; returns its path."""
    state.mkdir(exist_ok=True)
    path = state / f"{run}-{pid}.jsonl"
    owner = {"what": "owner", "pid": pid, "started": 1}
    path.write_text("".join(json.dumps(entry) + "\n" for entry in (owner, *entries)))
    return path


BAD = {
    "not JSON": b"hello\n",
    "not JSON at all": b"hello",
    "null": b"null",
    "a list": b"[1, 2]\n",
    "a number": b"7\n",
    "no process id": b'{"what": "owner"}\n',
    "of another kind": b'{"what": "planet", "pid": 1, "started": 1}\n',
    "not UTF-8": b"\xff\xfe\n",
    "deep": b"[" * 100_000,
    "huge": b" " * (2 << 20),
    "infinite": b'{"what": "owner", "pid": Infinity, "started": 1}\n',
    "empty lines": b"\n\n",
}


@pytest.mark.parametrize("content", BAD.values(), ids=BAD)
def test_a_bad_ledger_is_named_and_the_rest_is_cleaned(state: Path, content: bytes) -> None:
    _note(state, "a-run")
    _note(state, "z-run")
    bad = state / "bad-run-4194303.jsonl"
    bad.write_bytes(content)
    cleaned = leftovers.clean(_no_containers)
    assert len(cleaned.undone) == 2
    (left,) = cleaned.left
    assert str(bad) in left
    assert list(state.iterdir()) == [bad]


@pytest.mark.parametrize("make", [lambda path: path.mkdir(), os.mkfifo, lambda path: path.symlink_to("/dev/zero")])
def test_what_is_no_file_is_named(state: Path, make: object) -> None:
    """A FIFO would keep the lab waiting, a device would fill its memory."""
    assert callable(make)
    _note(state, "a-run")
    make(state / "bad-run-4194303.jsonl")
    cleaned = leftovers.clean(_no_containers)
    assert [len(cleaned.undone), len(cleaned.left)] == [1, 1]


def test_a_ledger_of_another_name(state: Path) -> None:
    """Without a process id in its name nobody can say whose it is."""
    state.mkdir()
    (state / "odd.jsonl").write_text("")
    assert len(leftovers.clean(_no_containers).left) == 1


def test_an_unreadable_ledger(state: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As one of root's is for a user."""
    _note(state, "a-run")
    bad = _note(state, "bad-run")
    opened = os.open

    def refuse(path: object, flags: int) -> int:
        if path == bad:
            raise PermissionError(13, "Permission denied", str(path))
        return opened(str(path), flags)

    monkeypatch.setattr(os, "open", refuse)
    cleaned = leftovers.clean(_no_containers)
    assert len(cleaned.undone) == 1
    assert "Permission denied" in cleaned.left[0]


def test_a_cut_off_entry_is_what_its_run_was_writing(state: Path) -> None:
    """A run that was killed while it wrote an entry had not yet made what the entry names."""
    path = _note(state, "a-run")
    with path.open("a") as file:
        file.write('{"what": "process", "pi')
    assert leftovers.clean(_no_containers).left == []
    assert list(state.iterdir()) == []


def test_what_cannot_be_removed_stops_nothing_else(state: Path) -> None:
    """A container that stays keeps its own ledger only; the runs after it are cleaned."""
    stays = _note(state, "a-run", {"what": "containers", "pid": 1, "started": 1})
    _note(state, "b-run", {"what": "containers", "pid": 1, "started": 1})
    _note(state, "c-run")

    def remove(run: str) -> Removed:
        if run.startswith("a-run"):
            raise LabFault("listing containers", detail="no such container")
        return Removed(("one",))

    cleaned = leftovers.clean(remove)
    assert list(state.iterdir()) == [stays]
    assert [sentence.split()[0] for sentence in cleaned.undone] == ["removed", "closed", "closed"]
    assert "no such container" in cleaned.left[0]


def test_a_run_in_another_container_is_left_alone(state: Path, tmp_path: Path) -> None:
    """Its process ids mean nothing here: it may well be alive."""
    folder = tmp_path / "theirs"
    folder.mkdir()
    here = ledger.ProcessSpace.here()
    path = _note(
        state,
        "a-run",
        {"what": "owner", "pid": 4194303, "started": 1, "boot": here.boot, "namespace": here.namespace + 1},
        {"what": "folder", "pid": 4194303, "started": 1, "path": str(folder)},
    )
    cleaned = leftovers.clean(_no_containers)
    assert (cleaned.undone, cleaned.left) == ([], [])
    assert "a-run" in cleaned.elsewhere[0]
    assert folder.is_dir()
    assert path.exists()


def test_after_a_reboot_process_ids_mean_nothing(state: Path, tmp_path: Path) -> None:
    """Whatever has them now is not touched; the folder of that run goes."""
    folder = tmp_path / "old"
    folder.mkdir()
    with subprocess.Popen(["sleep", "60"]) as bystander:
        name = {"pid": bystander.pid, "started": ledger.started(bystander.pid)}
        _note(
            state,
            "a-run",
            {"what": "owner", **name, "boot": "another", "namespace": ledger.ProcessSpace.here().namespace},
            {"what": "process", **name},
            {"what": "folder", **name, "path": str(folder)},
        )
        leftovers.clean(_no_containers)
        assert bystander.poll() is None
        bystander.kill()
    assert not folder.exists()
    assert list(state.iterdir()) == []


def test_a_ledger_says_where_its_process_ids_mean_something(state: Path) -> None:
    book = ledger.Ledger("a-run")
    first = json.loads(book.path.read_text().splitlines()[0])
    here = ledger.ProcessSpace.here()
    assert (first["boot"], first["namespace"]) == (here.boot, here.namespace)
    assert here.boot
    assert here.namespace
    book.close()


def test_a_folder_of_ledgers_that_cannot_be_read(state: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The machine's fault: `lab clean` says so; a run notes it and goes on."""
    state.mkdir()

    def refuse(path: Path) -> bool:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(Path, "is_dir", refuse)
    with pytest.raises(HostNotCapable, match=r"Permission denied: .*XDG_STATE_HOME"):
        leftovers.clean(_no_containers)
    notes: list[str] = []
    assert clean_up(notes.append, with_containers=False) == []
    assert "Permission denied" in notes[0]
