"""Undoes what killed runs have left on this machine; touches only what their ledgers name.

One thing that cannot be undone, or one ledger that cannot be read, is named and stops nothing else.
"""

from __future__ import annotations

import json
import os
import select
import shutil
import signal
import stat
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lab.errors import HostNotCapable, LabError
from lab.ledger import ProcessName, ProcessSpace, folder, started
from lab.machine_limits import machine_fault

_DEATH_S = 5.0
"""A killed world ends with all that is in it; the kernel needs milliseconds, an overloaded machine longer."""
_MOST_BYTES = 1 << 20
"""Of a ledger; one has a line per process."""
_BEGINNING = '{"what": '
"""Of each entry."""
_UNREADABLE = (OSError, ValueError, LookupError, TypeError, ArithmeticError, RecursionError)
"""What reading a file that is none of ours may raise."""

RemoveContainers = Callable[[str], "Removed"]
"""Removes the containers of a run, of which it is given the name; raises LabError if it cannot even ask."""


@dataclass(frozen=True, slots=True)
class Removed:
    """Containers that were removed, by name, and those that could not be, each with the reason."""

    names: tuple[str, ...] = ()
    left: tuple[str, ...] = ()


@dataclass(slots=True)
class Cleaned:
    """The results of cleaning, one sentence or clause each.

    Attributes:
        undone: what was undone.
        left: what could not be undone, and how the user can.
        elsewhere: runs of other containers; whether they live cannot be seen from here.
    """

    undone: list[str] = field(default_factory=list)
    left: list[str] = field(default_factory=list)
    elsewhere: list[str] = field(default_factory=list)


def clean(remove: RemoveContainers) -> Cleaned:
    """Undo what runs whose owner is dead have left.

    Args:
        remove: removes containers.

    Raises:
        HostNotCapable: the folder of ledgers cannot be read.
    """
    cleaned = Cleaned()
    try:
        paths = sorted(folder().glob("*.jsonl")) if folder().is_dir() else []
    except OSError as problem:
        raise machine_fault(problem) or HostNotCapable(
            f"cannot read what killed runs have left: {problem}", fix="set XDG_STATE_HOME to a folder of yours"
        ) from problem
    for path in paths:
        try:
            made = _read(path)
        except FileNotFoundError:
            continue  # its run has just ended
        except _UNREADABLE as problem:
            reason = getattr(problem, "strerror", None) or problem
            cleaned.left.append(
                f"what `{path}` names: the lab cannot read it ({reason}); if it is not yours, remove it"
            )
            continue
        _undo(path, made, remove, cleaned)
    return cleaned


def _undo(path: Path, made: _Made, remove: RemoveContainers, cleaned: Cleaned) -> None:
    run, here, left = path.stem, ProcessSpace.here(), []
    rebooted = made.space is not None and made.space.boot != here.boot and "" not in (made.space.boot, here.boot)
    if made.space is not None and not rebooted and made.space.namespace != here.namespace:
        cleaned.elsewhere.append(f"left alone: the run {run} was started in another container")
        return
    if not rebooted:
        if made.owner.is_alive():
            return
        left += _end(made.processes, run, cleaned.undone)
    left += _remove(made.folders, path, cleaned.undone)
    if made.has_containers:
        left += _remove_containers(run, remove, cleaned.undone)
    cleaned.left += left
    if left:
        return  # the ledger stays, for the next time
    try:
        path.unlink(missing_ok=True)  # another run may be at it as well
    except OSError as problem:
        cleaned.left.append(f"`{path}`: {problem.strerror}")
    else:
        cleaned.undone.append(f"closed the ledger of the killed run {run}")


def _end(processes: list[ProcessName], run: str, undone: list[str]) -> list[str]:
    left = []
    for process in processes:
        if process.is_alive():
            try:
                _kill(process)
                undone.append(f"ended process {process.pid} of the killed run {run}")
            except PermissionError:
                left.append(f"process {process.pid} (`sudo kill -9 {process.pid}`)")
    return left


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


def _remove(folders: list[Path], ledger: Path, undone: list[str]) -> list[str]:
    left = []
    for path in folders:
        try:
            if path.lstat().st_uid != ledger.stat().st_uid:  # whoever wrote the ledger has not made this one
                continue
            shutil.rmtree(path)
            undone.append(f"removed {path} of the killed run {ledger.stem}")
        except FileNotFoundError:
            continue  # it was not made, or another run is at it as well
        except (OSError, ValueError) as problem:
            left.append(f"folder {path} (`rm -r {path}`): {problem}")
    return left


def _remove_containers(run: str, remove: RemoveContainers, undone: list[str]) -> list[str]:
    try:
        removed = remove(run)
    except LabError as problem:
        return [f"containers of the killed run {run} (label lab.run={run}), perhaps: {problem}"]
    undone += [f"removed container {name} of the killed run {run}" for name in removed.names]
    return list(removed.left)


@dataclass(slots=True)
class _Made:
    """The content of a ledger; ``space`` is None of an earlier release, or while the first line is incomplete."""

    owner: ProcessName
    space: ProcessSpace | None = None
    processes: list[ProcessName] = field(default_factory=list)
    folders: list[Path] = field(default_factory=list)
    has_containers: bool = False


def _read(path: Path) -> _Made:
    made = _Made(_named(path))
    *lines, rest = _text(path).split("\n")  # the rest is what its run was writing when it was killed
    for text in (*lines, *([] if _is_cut_off(rest) else [rest])):
        entry: dict[str, Any] = json.loads(text)
        name = ProcessName(int(entry["pid"]), int(entry["started"]))
        if entry["what"] == "owner":
            made.owner = name
            if "boot" in entry:
                made.space = ProcessSpace(str(entry["boot"]), int(entry["namespace"]))
        elif entry["what"] == "process":
            made.processes.append(name)
        elif entry["what"] == "folder":
            made.folders.append(Path(entry["path"]))
        elif entry["what"] == "containers":
            made.has_containers = True
        else:
            raise ValueError(f"an entry of an unknown kind, {entry['what']!r}")
    return made


def _named(path: Path) -> ProcessName:
    """Return the owner by the file's name: all there is where it was killed while it wrote its first line."""
    pid = int(path.stem.rpartition("-")[2])
    return ProcessName(pid, started(pid) or 0)


def _text(path: Path) -> str:
    """Read a regular file; anything else could keep us waiting."""
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    with os.fdopen(descriptor, "rb") as file:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise ValueError("not a regular file")
        data = file.read(_MOST_BYTES + 1)
    if len(data) > _MOST_BYTES:
        raise ValueError(f"longer than {_MOST_BYTES} bytes")
    return data.decode("utf-8")


def _is_cut_off(text: str) -> bool:
    """Return whether this is only the beginning of an entry."""
    begins = text.startswith(_BEGINNING) or _BEGINNING.startswith(text)
    try:
        json.loads(text)
    except ValueError:
        return begins
    return False
