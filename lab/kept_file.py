"""Reads and writes files of a run folder, which may have been damaged, or made by somebody else.

A file is read only if it is one: a FIFO would make the reader wait for ever, a device has no end, and a link may lead
to what is none of this run's. A file is written beside its place and then moved there, so that no link is followed.
"""

from __future__ import annotations

import errno
import json
import os
import stat
from pathlib import Path

from lab.errors import HostNotCapable, Problem, ScenarioError

LARGEST = 2 << 30
"""Bytes; a record of a week with a ping every five seconds has a tenth of it."""

DAMAGE = (ValueError, LookupError, TypeError, AttributeError, ArithmeticError, RecursionError)
"""What building values of damaged data raises."""


def read_kept(path: Path, *, within: Path) -> bytes:
    """Return the content of a file of a run folder.

    Args:
        path: the file.
        within: the run folder; a link must not lead out of it.

    Raises:
        FileNotFoundError: there is no such file.
        ScenarioError: it is no file, cannot be read, or is outside the folder.
    """
    try:
        _check_place(path, within)
        _check(path, path.stat())  # before it is opened, for that alone does something to a device
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
        with open(descriptor, "rb") as file:  # noqa: PTH123  (of a descriptor)
            _check(path, os.fstat(descriptor))
            return file.read()
    except FileNotFoundError:
        raise
    except (OSError, MemoryError) as problem:
        raise damaged(path, f"cannot be read: {_reason(problem)}") from problem


def read_note(path: Path, key: str, *, within: Path) -> str:
    """Return a text of a small JSON file; empty: there is no such file.

    Args:
        path: the file.
        key: of the text in the file.
        within: as of `read_kept`.

    Raises:
        ValueError: the file does not have it.
        ScenarioError: as of `read_kept`.
    """
    try:
        told = json.loads(read_kept(path, within=within))
    except FileNotFoundError:
        return ""
    text = told.get(key) if isinstance(told, dict) else None
    if not isinstance(text, str):
        raise ValueError(f"{path.name} does not have `{key}`")
    return text


def write_kept(path: Path, text: str) -> None:
    """Write a file of a run folder, whole or not at all.

    Raises:
        ScenarioError: there is a folder in its place.
        HostNotCapable: it cannot be written.
    """
    new = path.with_name(f".{path.name}.new")
    try:
        new.unlink(missing_ok=True)
        with new.open("x", encoding="utf-8") as file:
            file.write(text)
        new.replace(path)
    except OSError as problem:
        if problem.errno in (errno.EISDIR, errno.ENOTDIR, errno.ENOTEMPTY, errno.EEXIST):
            raise damaged(path, "cannot be written: a folder is in its place", "remove it") from problem
        what = f"cannot write {path}: {_reason(problem)}"
        raise HostNotCapable(what, fix="make room and see to the rights of the folder") from problem


def damaged(path: Path, what: str, allowed: str = "", *, line: int = 0, got: str = "") -> ScenarioError:
    """Return the error about a file of a run folder."""
    return ScenarioError([Problem(str(path), line, "", what, got=got, allowed=allowed)])


def _check_place(path: Path, within: Path) -> None:
    if _is_plainly_below(path, within):
        return
    real, folder = (Path(os.path.realpath(each)) for each in (path, within))
    if not real.is_relative_to(folder):
        raise damaged(path, "a link that leads out of the run folder", "put the file itself there")


def _is_plainly_below(path: Path, within: Path) -> bool:
    """Return whether no link leads from the folder to the file; quicker than to see where the links lead."""
    here, end = os.fspath(within), os.fspath(path)
    if not end.startswith(here + os.sep):
        return False
    for part in end[len(here) + 1 :].split(os.sep):  # noqa: PTH206
        here = os.path.join(here, part)  # noqa: PTH118  (half the time of a Path)
        if part in ("", os.curdir, os.pardir) or os.path.islink(here):  # noqa: PTH114
            return False
    return True


def _check(path: Path, status: os.stat_result) -> None:
    if not stat.S_ISREG(status.st_mode):
        raise damaged(path, "not a file", "expected the file that the run wrote")
    if status.st_size > LARGEST:
        raise damaged(path, "too large", f"at most {LARGEST >> 30} GiB", got=f"{status.st_size} bytes")


def _reason(problem: BaseException) -> str:
    return (problem.strerror or "").lower() if isinstance(problem, OSError) else "there is not enough memory for it"
