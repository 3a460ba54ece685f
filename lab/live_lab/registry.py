"""Lists the labs that are up: a file for each, by its name.

The folder is the user's runtime folder, which the system empties when the user logs out or the machine restarts, or
else the cache folder. An entry names its keeper by process id, start time and boot, so one that a kill or a restart has
left is recognised, whatever process has the id by now.
"""

from __future__ import annotations

import fcntl
import json
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from lab.cache_folder import user_folder
from lab.errors import HostNotCapable, LabError, LabFault, Problem, ScenarioError
from lab.ledger import ProcessName, ProcessSpace
from lab.loader.conversion import choice
from lab.machine_limits import machine_fault

DEFAULT = "default"
"""The name of a lab that is not given one."""
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_NAMES = "letters, digits, `.`, `_` and `-`, at most 64, the first a letter or digit"


@dataclass(frozen=True, kw_only=True, slots=True)
class Entry:
    """A lab that is up.

    Attributes:
        name: the lab's.
        owner: its keeper.
        space: where the keeper's process id is valid.
        folder: the cell's, absolute.
        scenario: the scenario's file as it was given, or the topology.
        cell: the cell's name.
        nodes: the names of its nodes.
        links: the names of its links, each with the nodes at its ends.
        error: why it has ended by itself (side, exit_code, text); empty: it has not.
    """

    name: str
    owner: ProcessName
    space: ProcessSpace
    folder: Path
    scenario: str
    cell: str
    nodes: tuple[str, ...]
    links: dict[str, tuple[str, str]]
    error: dict[str, Any] = field(default_factory=dict)

    @property
    def is_here(self) -> bool:
        """Return whether its keeper is a process of this machine and container, since this boot."""
        return self.space == ProcessSpace.here()

    @property
    def is_alive(self) -> bool:
        """Return whether its keeper runs."""
        return self.is_here and self.owner.is_alive()

    @property
    def is_elsewhere(self) -> bool:
        """Return whether it may be up in another container, which shares the folder; that cannot be seen from here."""
        here = ProcessSpace.here()
        return self.space.boot == here.boot and self.space.namespace != here.namespace


def folder() -> Path:
    """Return the folder of entries, not necessarily there yet.

    Raises:
        HostNotCapable: the user has no home folder.
    """
    return user_folder("XDG_RUNTIME_DIR", ".cache") / "up"


@contextmanager
def locked() -> Iterator[None]:
    """Keep other commands from starting or removing a lab for the length of a ``with`` block.

    Raises:
        HostNotCapable: the folder cannot be made.
    """
    try:
        folder().mkdir(parents=True, exist_ok=True, mode=0o700)
        descriptor = os.open(folder(), os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError as problem:
        raise machine_fault(problem) or HostNotCapable(
            f"cannot list the labs that are up: {problem}", fix="set XDG_RUNTIME_DIR to a folder of yours"
        ) from problem
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def check_name(name: str, command: str) -> None:
    """Check that a lab can have a name.

    Raises:
        ScenarioError: it cannot.
    """
    if not _NAME.fullmatch(name):
        raise ScenarioError([Problem(command, 0, "--lab", "not a name for a lab", f"`{name}`", _NAMES)])


def write(entry: Entry) -> None:
    """Write an entry, whole or not at all."""
    path = _path(entry.name)
    new = path.with_name(f".{entry.name}-{os.getpid()}")
    new.write_text(json.dumps({**asdict(entry), "folder": str(entry.folder)}), encoding="utf-8")
    new.replace(path)


def note_error(entry: Entry, error: dict[str, Any]) -> None:
    """Note in an entry why the lab has ended by itself."""
    write(replace(entry, error=error))


def remove(name: str) -> None:
    """Remove an entry, if it is there."""
    _path(name).unlink(missing_ok=True)


def read(name: str) -> Entry | None:
    """Return an entry; None if there is none, or the file is not one."""
    try:
        told = json.loads(_path(name).read_text("utf-8"))
        told["owner"], told["space"] = ProcessName(**told["owner"]), ProcessSpace(**told["space"])
        told["folder"], told["nodes"] = Path(told["folder"]), tuple(told["nodes"])
        told["links"] = {link: (one, other) for link, (one, other) in told["links"].items()}
        return Entry(**told)
    except (OSError, ValueError, LookupError, TypeError, AttributeError):
        return None


def names() -> list[str]:
    """Return the names of all entries, of labs that are up and of those that are not any more."""
    try:
        return sorted(path.stem for path in folder().glob("*.json"))
    except (OSError, HostNotCapable):
        return []


def up() -> list[Entry]:
    """Return the labs that are up."""
    return [entry for name in names() if (entry := read(name)) is not None and entry.is_alive]


def prune() -> list[str]:
    """Remove the entries of labs that were killed or did not survive a restart; return their names.

    Raises:
        HostNotCapable: the folder cannot be used.
    """
    if not names():
        return []
    with locked():
        gone = [each for each in map(read, names()) if each is not None and not (each.is_alive or each.is_elsewhere)]
        for each in gone:
            remove(each.name)
    return [each.name for each in gone]


def find(name: str, command: str) -> Entry:
    """Return the lab of that name, which is up.

    Args:
        name: of the lab.
        command: that asks, for messages.

    Raises:
        ScenarioError: it is not up.
        LabError: it was, and has ended by itself.
    """
    check_name(name, command)
    entry = read(name)
    if entry is None or not entry.is_alive:
        raise ScenarioError([Problem(command, 0, "--lab", *_not_up(name, entry))])
    if entry.error:
        raise _ended(entry)
    return entry


def _not_up(name: str, entry: Entry | None) -> tuple[str, str, str]:
    others = [each.name for each in up()]
    what = "no lab of this name is up"
    if entry is not None and entry.is_elsewhere:
        what = "this lab was brought up in another container"
    elif entry is not None:
        what = "this lab is not up any more: its keeper was killed, or the machine restarted"
    return what, f"`{name}`", choice(name, others) if others else "run `lab up SCENARIO` first"


def _ended(entry: Entry) -> LabError:
    text = f"lab `{entry.name}` has ended by itself: {entry.error['text']}"
    if entry.error["side"] == HostNotCapable.side:
        return HostNotCapable(text, fix=f"`lab down --lab {entry.name}` removes it")
    return LabFault(text, detail=f"its logs are in {entry.folder}; `lab down --lab {entry.name}` removes it")


def _path(name: str) -> Path:
    return folder() / f"{name}.json"
