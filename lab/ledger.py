"""What a run has made on this machine, on disk before anyone relies on it; so a killed run can be undone by name.

One file per run in the user's state folder; one JSON line per entry. A process is named by its id and start time, so
that a reused id is never taken for it. All a run makes lives in its world processes (their PID and network namespaces
hold every node, link and actor), so the undo of everything is the end of those processes; the ledger goes last. Only
containers are not theirs: they carry the run's name as a label.
"""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from lab.errors import LabError, TeardownIncomplete


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
    """The ledger of this process's run."""

    def __init__(self, run: str) -> None:
        folder().mkdir(parents=True, exist_ok=True)
        self.path = folder() / f"{run}-{os.getpid()}.jsonl"
        self._file = self.path.open("x", encoding="utf-8")
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

    def leave_process(self, pid: int) -> None:
        """Check that a process of the run is gone.

        Raises:
            TeardownIncomplete: it is not.
        """
        if _started(pid) is not None:
            raise TeardownIncomplete((f"process {pid} (`kill -9 {pid}`)",))

    def close(self) -> None:
        """Remove the ledger: nothing is left."""
        self._file.close()
        self.path.unlink(missing_ok=True)

    def _write(self, what: str, pid: int) -> None:
        entry = {"what": what, "pid": pid, "started": _started(pid) or 0}
        self._file.write(json.dumps(entry) + "\n")
        self._file.flush()
        os.fsync(self._file.fileno())


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
        owner, processes, has_containers = _read(path)
        if owner is None:  # killed while writing its first line, or just about to write it
            owner = ProcessName(int(path.stem.rpartition("-")[2]), _started(int(path.stem.rpartition("-")[2])) or 0)
        if owner.is_alive():
            continue
        _end(processes, path.stem, undone, left)
        if has_containers:
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
                os.kill(process.pid, signal.SIGKILL)
                undone.append(f"ended process {process.pid} of the killed run {run}")
            except PermissionError:
                left.append(f"process {process.pid} (`sudo kill -9 {process.pid}`)")


def _read(path: Path) -> tuple[ProcessName | None, list[ProcessName], bool]:
    """Owner, processes, whether there are containers; owner None while its first line is not yet whole."""
    owner: ProcessName | None = None
    processes: list[ProcessName] = []
    has_containers = False
    for text in path.read_text("utf-8").splitlines():
        try:
            entry = json.loads(text)
        except ValueError:
            break
        name = ProcessName(entry["pid"], entry["started"])
        if entry["what"] == "owner":
            owner = name
        elif entry["what"] == "process":
            processes.append(name)
        else:
            has_containers = True
    return owner, processes, has_containers


def _started(pid: int) -> int | None:
    """Start time of a process in ticks; None if there is none or it is a zombie."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text("ascii", "replace")
    except (FileNotFoundError, ProcessLookupError):
        return None
    fields = stat.rpartition(")")[2].split()
    return None if fields[0] in "ZX" else int(fields[19])
