"""What a run has made on this machine, on disk before anyone relies on it; so a killed run can be undone by name.

One file per run in the user's state folder; one JSON line per entry. A process is named by its id and start time, so
that a reused id is never taken for it. All a run makes lives in its world processes (their PID and network namespaces
hold every node, link and actor), so the undo of everything is the end of those processes; the ledger goes last. Two
things are not theirs: containers, which carry the run's name as a label, and the folder of what keeps nothing.
"""

from __future__ import annotations

import json
import os
import secrets
import select
import shutil
import signal
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timezone
from pathlib import Path

from lab.errors import HostNotCapable, LabError, TeardownIncomplete

_DEATH_S = 5.0
"""A killed world ends with all that is in it; the kernel needs milliseconds, an overloaded machine longer."""


def folder() -> Path:
    """The folder of ledgers: ``$XDG_STATE_HOME/lab`` (default ``~/.local/state/lab``)."""
    base = os.environ.get("XDG_STATE_HOME") or str(Path.home() / ".local" / "state")
    return Path(base) / "lab"


@dataclass(frozen=True, slots=True)
class ProcessName:
    """A process that can be recognised: its id and its start in clock ticks since boot (proc(5), stat field 22)."""

    pid: int
    started: int

    def is_alive(self) -> bool:
        """Whether this very process is still running (a zombie is not)."""
        return _started(self.pid) == self.started


class Ledger:
    """The ledger of this process's run.

    Raises:
        HostNotCapable: it cannot be written.
    """

    def __init__(self, run: str) -> None:
        self.path = folder() / f"{run}-{os.getpid()}.jsonl"
        try:
            folder().mkdir(parents=True, exist_ok=True)
            self._file = self.path.open("x", encoding="utf-8")
        except OSError as error:
            raise HostNotCapable(
                f"cannot note what a run makes: {error}", fix="set XDG_STATE_HOME to a folder of yours"
            ) from error
        self._kept = False
        self._write("owner", os.getpid())

    @property
    def run(self) -> str:
        """The run's name: no other has it, on this machine and of this user."""
        return self.path.stem

    def enter_containers(self) -> None:
        """Note that containers labelled with the run's name belong to it."""
        self._write("containers", os.getpid())

    def enter_process(self, pid: int) -> None:
        """Note that this process belongs to the run."""
        self._write("process", pid)

    def enter_folder(self, path: Path) -> None:
        """Note that this folder, which need not exist yet, belongs to the run."""
        self._write("folder", os.getpid(), path=str(path))

    def leave_process(self, pid: int) -> None:
        """Check that a process of the run is gone.

        Raises:
            TeardownIncomplete: it is not.
        """
        if _started(pid) is not None:
            raise TeardownIncomplete((f"process {pid} (`kill -9 {pid}`)",))

    def keep(self) -> None:
        """What it names is not gone: closing leaves it for `clean`."""
        self._kept = True

    def close(self) -> None:
        """Remove the ledger: nothing is left."""
        self._file.close()
        if not self._kept:
            self.path.unlink(missing_ok=True)

    def _write(self, what: str, pid: int, **more: str) -> None:
        entry = {"what": what, "pid": pid, "started": _started(pid) or 0, **more}
        self._file.write(json.dumps(entry) + "\n")
        self._file.flush()
        os.fsync(self._file.fileno())


@contextmanager
def workplace(what: str) -> Iterator[tuple[Ledger, Path]]:
    """For work that keeps nothing: a ledger, and an empty folder that ends with it, also if this process is killed.

    Args:
        what: part of both names.

    Raises:
        HostNotCapable: the ledger cannot be written.
    """
    book = Ledger(f"{datetime.now(tz=timezone.utc):%Y%m%d-%H%M%S}-{what}-{secrets.token_hex(2)}")
    path = Path(tempfile.gettempdir()) / f"lab-{what}-{secrets.token_hex(4)}"
    book.enter_folder(path)
    try:
        path.mkdir(mode=0o700)
        yield book, path
    except TeardownIncomplete:
        book.keep()
        raise
    finally:
        if path.exists():
            shutil.rmtree(path)
        book.close()


def clean(remove: Callable[[str], tuple[str, ...] | None]) -> tuple[str, ...]:
    """Undo what runs whose owner is dead have left; returns what was undone, one sentence each.

    Args:
        remove: removes the containers of a run, of which it is given the name; returns theirs, or None to leave that to
            another time.

    Raises:
        TeardownIncomplete: something could not be ended.
    """
    undone: list[str] = []
    left: list[str] = []
    for path in sorted(folder().glob("*.jsonl")) if folder().is_dir() else []:
        made = _read(path)
        owner = made.owner
        if owner is None:  # killed while writing its first line, or just about to write it
            owner = ProcessName(int(path.stem.rpartition("-")[2]), _started(int(path.stem.rpartition("-")[2])) or 0)
        if owner.is_alive():
            continue
        _end(made.processes, path.stem, undone, left)
        _remove(made.folders, path, undone, left)
        if made.has_containers:
            try:
                removed = remove(path.stem)
            except LabError as problem:
                removed = None
                left.append(f"containers with the label lab.run={path.stem}, perhaps ({problem})")
            if removed is None:
                continue
            undone += [f"removed container {name} of the killed run {path.stem}" for name in removed]
        if not left:
            path.unlink(missing_ok=True)  # another run may be at it as well
            undone.append(f"closed the ledger of the killed run {path.stem}")
    if left:
        raise TeardownIncomplete(tuple(left))
    return tuple(undone)


def _end(processes: list[ProcessName], run: str, undone: list[str], left: list[str]) -> None:
    for process in processes:
        if process.is_alive():
            try:
                _kill(process)
                undone.append(f"ended process {process.pid} of the killed run {run}")
            except PermissionError:
                left.append(f"process {process.pid} (`sudo kill -9 {process.pid}`)")


def _kill(process: ProcessName) -> None:
    """Kill it and wait for its end: what it holds is in use until then."""
    try:
        descriptor = os.pidfd_open(process.pid)
    except ProcessLookupError:
        return
    try:
        signal.pidfd_send_signal(descriptor, signal.SIGKILL)
        select.select([descriptor], [], [], _DEATH_S)
    except ProcessLookupError:
        return
    finally:
        os.close(descriptor)


def _remove(folders: list[Path], ledger: Path, undone: list[str], left: list[str]) -> None:
    for path in folders:
        try:
            if path.lstat().st_uid != ledger.stat().st_uid:  # whoever wrote the ledger has not made this one
                continue
            shutil.rmtree(path)
            undone.append(f"removed {path} of the killed run {ledger.stem}")
        except FileNotFoundError:
            continue  # it was not made, or another run is at it as well
        except OSError as problem:
            left.append(f"folder {path} (`rm -r {path}`): {problem}")


@dataclass(slots=True)
class _Made:
    """What a ledger says; owner None while its first line is not yet whole."""

    owner: ProcessName | None = None
    processes: list[ProcessName] = field(default_factory=list)
    folders: list[Path] = field(default_factory=list)
    has_containers: bool = False


def _read(path: Path) -> _Made:
    made = _Made()
    for text in path.read_text("utf-8").splitlines():
        try:
            entry = json.loads(text)
        except ValueError:
            break
        name = ProcessName(entry["pid"], entry["started"])
        if entry["what"] == "owner":
            made.owner = name
        elif entry["what"] == "process":
            made.processes.append(name)
        elif entry["what"] == "folder":
            made.folders.append(Path(entry["path"]))
        else:
            made.has_containers = True
    return made


def _started(pid: int) -> int | None:
    """Start time of a process in ticks; None if there is none or it is a zombie."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text("ascii", "replace")
    except (FileNotFoundError, ProcessLookupError):
        return None
    fields = stat.rpartition(")")[2].split()
    return None if fields[0] in "ZX" else int(fields[19])
