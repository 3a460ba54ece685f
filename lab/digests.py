"""Digests files and folders, for what must be known to be the same as before."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Sequence
from pathlib import Path

_CHUNK = 1 << 20
_PYTHON_KEEPS = "__pycache__"
"""Compiled from the sources beside it, so it says nothing of its own."""


def files_below(folder: Path, *, without: Sequence[str] = ()) -> list[Path]:
    """Return the files below a folder in a fixed order, but for those that Python has compiled.

    Args:
        folder: where to look.
        without: names in the folder itself to leave out, with all that is below them.
    """
    found = []
    for here, folders, names in os.walk(folder):
        left_out = {_PYTHON_KEEPS, *(without if Path(here) == folder else ())}
        folders[:] = sorted(set(folders) - left_out)
        found += [Path(here) / name for name in sorted(set(names) - left_out)]
    return found


def of_files(files: Iterable[Path], *, below: Path) -> str:
    """Return a digest of the names and contents of files.

    Args:
        files: in a fixed order.
        below: the folder to which names are relative, so that its own place does not matter.

    Raises:
        OSError: one cannot be read.
    """
    digest = hashlib.sha256()
    for path in files:
        name = os.fsencode(path.relative_to(below))
        digest.update(b"%d %d " % (len(name), path.stat().st_size) + name)
        with path.open("rb") as file:
            while data := file.read(_CHUNK):
                digest.update(data)
    return digest.hexdigest()


def of_folder(folder: Path) -> str:
    """Return a digest of all that is below a folder; see `of_files`."""
    return of_files(files_below(folder), below=folder)


def of_file(file: Path) -> str:
    """Return a digest of a file's name and content; see `of_files`."""
    return of_files([file], below=file.parent)


def marks(files: Iterable[Path]) -> tuple[tuple[str, int, int], ...]:
    """Return names, sizes and times of those files that are there; cheaper than a digest.

    Who replaces a file changes its time: package managers do, and compilers.
    """
    found = []
    for path in files:
        try:
            status = path.stat()
        except OSError:
            continue
        found.append((str(path), status.st_size, status.st_mtime_ns))
    return tuple(found)
