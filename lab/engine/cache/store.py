"""Keeps entries on the disk, below ``$XDG_CACHE_HOME/lab/cells`` or the folder that ``LAB_CACHE`` names.

::

    records/<digest of the lab's sources>/<key>       what a cell has left
    judgements/<digest of the lab's sources>/<key>    what its record shows

Several runs may use it at the same time, and may be killed: an entry is written beside its place and moved there. Its
first line is the digest of the rest, so one that is damaged is found out when it is read, and removed. The time of its
file is that of its last use.
"""

from __future__ import annotations

import hashlib
import os
import re
import time
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from lab.cache_folder import cache_folder
from lab.engine.cache.sources import DIGITS
from lab.errors import HostNotCapable

VARIABLE = "LAB_CACHE"
"""Environment variable: the absolute folder to keep entries in, or `OFF`."""
OFF = "off"
MOST_BYTES = 2_000_000_000
"""All entries together: those of some 16,000 cells, at 120 KB each (``article/all``)."""
KEPT_AFTER_TRIM = 0.9
"""The share of that to which they are reduced once they are too many, so that not each run has to."""
UNFINISHED = ".new"
STALE_AFTER_S = 3600.0
"""A file that is still unfinished after this time is of a run that was killed: writing one takes milliseconds."""

_KEY = re.compile(r"^[0-9a-f]{64}$")
_SOURCES = re.compile(rf"^[0-9a-f]{{{DIGITS}}}$")

RECORDS = "records"
JUDGEMENTS = "judgements"
KINDS = (RECORDS, JUDGEMENTS)


@dataclass(frozen=True)
class Entry:
    """An entry on the disk.

    Attributes:
        path: its file.
        size: in bytes.
        used: when it was last written or read, Unix time.
    """

    path: Path
    size: int
    used: float

    @property
    def sources(self) -> str:
        """The digest of the lab's sources that it depends on."""
        return self.path.parent.name

    @property
    def kind(self) -> str:
        """One of `KINDS`."""
        return self.path.parent.parent.name


def place() -> Path | None:
    """Return where entries are kept; None: nowhere, by ``LAB_CACHE=off``.

    Raises:
        HostNotCapable: ``LAB_CACHE`` is something else, or the user has no home folder.
    """
    named = os.environ.get(VARIABLE, "")
    if named == OFF:
        return None
    if not named:
        return cache_folder() / "cells"
    if not Path(named).is_absolute():
        raise HostNotCapable(
            f"{VARIABLE} is `{named}`", fix=f"name an absolute folder, say `{OFF}`, or leave the variable out"
        )
    return Path(named)


class Store:
    """The entries of one kind that depend on the same sources.

    Attributes:
        problem: why an entry could not be written, the first time; empty: nothing was in the way.

    Args:
        root: see `place`.
        kind: one of `KINDS`.
        sources: a digest.
    """

    def __init__(self, root: Path, kind: str, sources: str) -> None:
        self._folder = root / kind / sources
        self.problem = ""

    def read(self, key: str) -> bytes | None:
        """Return an entry, and note that it was used; None if there is none, or it is damaged."""
        path = self._folder / key
        try:
            digest, _, data = path.read_bytes().partition(b"\n")
        except OSError:
            return None
        if hashlib.sha256(data).hexdigest().encode() != digest:
            self.remove(key)
            return None
        with suppress(OSError):  # another user's, who may read it
            os.utime(path)
        return data

    def write(self, key: str, data: bytes) -> None:
        """Write an entry, whole or not at all; that it cannot be written stops nobody."""
        new = self._folder / f".{key}-{os.getpid()}{UNFINISHED}"
        try:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            new.write_bytes(hashlib.sha256(data).hexdigest().encode() + b"\n" + data)
            new.replace(self._folder / key)
        except OSError as problem:
            self.problem = self.problem or f"cannot write to {self._folder}: {problem.strerror}"
            with suppress(OSError):
                new.unlink(missing_ok=True)

    def remove(self, key: str) -> None:
        """Remove an entry, if it is there."""
        with suppress(OSError):
            (self._folder / key).unlink(missing_ok=True)


def entries(root: Path) -> list[Entry]:
    """Return all entries of all kinds, the least recently used first; other files that lie there are none."""
    return sorted((entry for entry in _files(root) if _KEY.match(entry.path.name)), key=lambda entry: entry.used)


def trim(root: Path, most: int = MOST_BYTES) -> list[Entry]:
    """Remove the least recently used entries if all together are larger than ``most`` bytes; return them."""
    _remove_unfinished(root)
    found = entries(root)
    total = sum(entry.size for entry in found)
    return remove(_oldest(found, total - int(most * KEPT_AFTER_TRIM))) if total > most else []


def remove(unwanted: Iterable[Entry]) -> list[Entry]:
    """Remove entries, and the folders that are empty then; return those that were there.

    Raises:
        HostNotCapable: one cannot be removed.
    """
    removed = []
    for entry in unwanted:
        try:
            entry.path.unlink()
        except FileNotFoundError:  # another run was quicker
            continue
        except OSError as problem:
            raise HostNotCapable(
                f"cannot remove {entry.path}: {problem.strerror}", fix="see to the rights of its folder"
            ) from problem
        removed.append(entry)
    for folder in {entry.path.parent for entry in removed}:
        with suppress(OSError):  # not empty
            folder.rmdir()
    return removed


def oldest_beyond(found: list[Entry], most: int) -> list[Entry]:
    """Return the least recently used entries without which the others are at most ``most`` bytes."""
    return _oldest(found, sum(entry.size for entry in found) - most)


def _oldest(found: list[Entry], excess: int) -> list[Entry]:
    chosen = []
    for entry in found:
        if excess <= 0:
            break
        chosen.append(entry)
        excess -= entry.size
    return chosen


def _files(root: Path) -> Iterator[Entry]:
    for kind in KINDS:
        for folder in _below(root / kind):
            if not _SOURCES.match(folder.name) or not folder.is_dir(follow_symlinks=False):
                continue
            for file in _below(Path(folder.path)):
                with suppress(OSError):  # removed meanwhile
                    status = file.stat(follow_symlinks=False)
                    yield Entry(Path(file.path), status.st_size, status.st_mtime)


def _below(folder: Path) -> Iterator[os.DirEntry[str]]:
    with suppress(OSError), os.scandir(folder) as found:
        yield from found


def _remove_unfinished(root: Path) -> None:
    now = time.time()
    for entry in _files(root):
        name = entry.path.name
        if name.startswith(".") and name.endswith(UNFINISHED) and now - entry.used > STALE_AFTER_S:
            with suppress(OSError):
                entry.path.unlink()
