"""Lists what a run has made on this machine, on disk before it is used, so that a killed run can be removed by name.

One file per run in the user's state folder; one JSON line per entry. A process is named by its id and start time, so
that a reused id is never taken for it; the first line, the owner's, adds the boot and the process-id namespace in which
these ids mean something, for a container may share the folder. All a run makes lives in its world processes (their PID
and network namespaces hold every node, link and actor), so the undo of everything is the end of those processes; the
ledger goes last. Two things are not theirs: containers, which carry the run's name as a label, and the folder of what
keeps nothing. ``lab.leftovers`` undoes what killed runs have left.
"""

from __future__ import annotations

import json
import os
import secrets
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path

from lab.cache_folder import user_folder
from lab.errors import HostNotCapable, TeardownIncomplete
from lab.machine_limits import machine_fault


def folder() -> Path:
    """Return the folder of ledgers: ``$XDG_STATE_HOME/lab`` (default ``~/.local/state/lab``).

    Raises:
        HostNotCapable: the user has no home folder.
    """
    return user_folder("XDG_STATE_HOME", ".local/state")


@dataclass(frozen=True, slots=True)
class ProcessName:
    """A process that can be recognised: its id and its start in clock ticks since boot (proc(5), stat field 22)."""

    pid: int
    started: int

    def is_alive(self) -> bool:
        """Return whether this very process is still running (a zombie is not)."""
        return started(self.pid) == self.started


@dataclass(frozen=True, slots=True)
class ProcessSpace:
    """The PID namespace in which process ids are valid.

    Attributes:
        boot: the kernel's random id of this boot; empty where it cannot be read.
        namespace: inode of the process-id namespace; 0 where it cannot be read.
    """

    boot: str
    namespace: int

    @classmethod
    def here(cls) -> ProcessSpace:
        """Return that of this process."""
        try:
            boot = Path("/proc/sys/kernel/random/boot_id").read_text("ascii").strip()
            return cls(boot, Path("/proc/self/ns/pid").stat().st_ino)
        except OSError:
            return cls("", 0)


class Ledger:
    """The ledger of this process's run.

    Raises:
        HostNotCapable: it cannot be written.
    """

    def __init__(self, run: str) -> None:
        self.path = folder() / f"{run}-{os.getpid()}.jsonl"
        try:
            folder().mkdir(parents=True, exist_ok=True)
            if self.path.exists():  # of a process of this id in another namespace
                self.path = folder() / f"{run}-{secrets.token_hex(4)}-{os.getpid()}.jsonl"
            self._file = self.path.open("x", encoding="utf-8")
        except OSError as error:
            raise machine_fault(error) or HostNotCapable(
                f"cannot note what a run makes: {error}", fix="set XDG_STATE_HOME to a folder of yours"
            ) from error
        self._kept = False
        here = ProcessSpace.here()
        self._write("owner", os.getpid(), boot=here.boot, namespace=here.namespace)

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
        if started(pid) is not None:
            raise TeardownIncomplete((f"process {pid} (`kill -9 {pid}`)",))

    def keep(self) -> None:
        """Keep the ledger when it is closed, because something is left; `clean` will find it."""
        self._kept = True

    def close(self) -> None:
        """Remove the ledger: nothing is left."""
        self._file.close()
        if not self._kept:
            self.path.unlink(missing_ok=True)

    def _write(self, what: str, pid: int, **more: object) -> None:
        entry = {"what": what, "pid": pid, "started": started(pid) or 0, **more}
        self._file.write(json.dumps(entry) + "\n")
        self._file.flush()
        os.fsync(self._file.fileno())


@contextmanager
def workplace(what: str, below: Path | None = None) -> Iterator[tuple[Ledger, Path]]:
    """Make a ledger and an empty folder for work that keeps nothing; both end with it, also if this process is killed.

    Args:
        what: part of both names.
        below: where the folder goes, absolute; None: the machine's temporary folder.

    Raises:
        HostNotCapable: the ledger or the folder cannot be written.
    """
    path = (below or Path(tempfile.gettempdir()).absolute()) / f"lab-{what}-{secrets.token_hex(4)}"
    book = Ledger(f"{datetime.now(tz=timezone.utc):%Y%m%d-%H%M%S}-{what}-{secrets.token_hex(2)}")
    book.enter_folder(path)
    try:
        try:
            path.mkdir(mode=0o700)
        except OSError as error:
            raise machine_fault(error) or HostNotCapable(
                f"cannot write to {path.parent} ({error.strerror})", fix="make it writable, or choose another folder"
            ) from error
        yield book, path
    except TeardownIncomplete:
        book.keep()
        raise
    finally:
        if path.exists():
            shutil.rmtree(path)
        book.close()


def started(pid: int) -> int | None:
    """Return the start time of a process in ticks since boot; None if there is none or it is a zombie."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text("ascii", "replace")
    except (FileNotFoundError, ProcessLookupError):
        return None
    fields = stat.rpartition(")")[2].split()
    return None if fields[0] in "ZX" else int(fields[19])
