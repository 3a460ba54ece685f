"""Recognises errors that are this machine's: no room, no memory, too many files or processes, no folder to work in."""

from __future__ import annotations

import errno
import linecache
import os
import re
import resource
import signal
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path

from lab.errors import HostNotCapable

_NO_TEMPORARY_FOLDER = "No usable temporary directory"  # of Python's tempfile
_NO_THREAD = "can't start new thread"  # of Python's threading, where the system's call fails with EAGAIN


def machine_fault(error: BaseException) -> HostNotCapable | None:
    """Return what this machine lacks, if that is behind an error; None if something else is."""
    for each in _with_causes(error):
        if (lack := _of_python(each) or _of_system(each)) is not None:
            return lack
    return None


def end_fault(status: int, last_words: str) -> HostNotCapable | None:
    """Return what this machine lacks, if a program's end tells so; None if not.

    Args:
        status: its exit status; negative: the signal that ended it.
        last_words: what it wrote last.
    """
    if status in (-signal.SIGXFSZ, 128 + signal.SIGXFSZ):  # a shell says signals so, and bubblewrap does
        return _FAULTS[errno.EFBIG]("")
    for number in (errno.ENOMEM, errno.EMFILE):
        by_kernel = re.search(rf"errno = -{number}\b", last_words)
        if by_kernel or os.strerror(number) in last_words:
            return _FAULTS[number]("")
    return None


def allow_open_files(needed: int) -> HostNotCapable | None:
    """Let this process and its children open so many files; return why they may not, None if they may."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY or soft >= needed:
        return None
    if hard == resource.RLIM_INFINITY or hard >= needed:
        resource.setrlimit(resource.RLIMIT_NOFILE, (needed, hard))
        return None
    return HostNotCapable(f"{needed} open files are needed, and {hard} are allowed", fix="allow more: `ulimit -n 1024`")


def _with_causes(error: BaseException) -> Iterator[BaseException]:
    seen: set[int] = set()
    each: BaseException | None = error
    while each is not None and id(each) not in seen:
        seen.add(id(each))
        yield each
        each = each.__cause__ or each.__context__


def _of_system(error: BaseException) -> HostNotCapable | None:
    if not isinstance(error, OSError) or error.errno not in _FAULTS:
        return None
    if error.errno == errno.EAGAIN and not _made_a_process(error):
        return None
    return _FAULTS[error.errno](f" at {error.filename}" if error.filename else "")


def _of_python(error: BaseException) -> HostNotCapable | None:
    if isinstance(error, MemoryError):
        return _FAULTS[errno.ENOMEM]("")
    if isinstance(error, RuntimeError) and _NO_THREAD in str(error):
        return _FAULTS[errno.EAGAIN]("")
    if isinstance(error, ImportError):  # the loader of shared libraries says what the system said
        found = (fault for number, fault in _FAULTS.items() if os.strerror(number) in str(error))
        return next((fault("") for fault in found), None)
    if isinstance(error, FileNotFoundError):
        if _NO_TEMPORARY_FOLDER in str(error):
            return HostNotCapable("no temporary folder can be written", fix="set TMPDIR to a folder of yours")
        if not _has_current_folder():
            return HostNotCapable("the current folder has been deleted", fix="`cd` to one that is there")
    return None


def _made_a_process(error: OSError) -> bool:
    """EAGAIN has many meanings; it is about processes where the line that met it forks."""
    frames = list(traceback.walk_tb(error.__traceback__))
    if not frames:
        return False
    frame, line = frames[-1]
    return "fork" in linecache.getline(frame.f_code.co_filename, line)


def _has_current_folder() -> bool:
    try:
        Path.cwd()
    except OSError:
        return False
    return True


def _limit(number: int, unit: str) -> str:
    soft, _ = resource.getrlimit(number)
    return f" (the limit is {soft} {unit})" if soft != resource.RLIM_INFINITY else ""


def _no_room(where: str) -> HostNotCapable:
    return HostNotCapable(f"no room left to write{where}", fix="free some, or choose another folder with --out DIR")


def _no_more_files(_: str) -> HostNotCapable:
    limit = _limit(resource.RLIMIT_NOFILE, "files")
    return HostNotCapable(f"too many open files{limit}", fix="allow more: `ulimit -n 1024`, or close other programs")


def _no_more_processes(_: str) -> HostNotCapable:
    limit = _limit(resource.RLIMIT_NPROC, "processes")
    return HostNotCapable(f"no further process can be started{limit}", fix="allow more, or end other programs")


def _no_memory(_: str) -> HostNotCapable:
    limit = _limit(resource.RLIMIT_AS, "bytes")
    fix = "free some, or run fewer cells side by side with --jobs; a guest gets more with --memory"
    return HostNotCapable(f"not enough memory{limit}", fix=fix)


def _too_large(where: str) -> HostNotCapable:
    limit = _limit(resource.RLIMIT_FSIZE, "bytes")
    return HostNotCapable(f"a file becomes larger than it may{where}{limit}", fix="allow more: `ulimit -f unlimited`")


_FAULTS: dict[int, Callable[[str], HostNotCapable]] = {
    errno.ENOSPC: _no_room,
    errno.EDQUOT: _no_room,
    errno.EMFILE: _no_more_files,
    errno.ENFILE: _no_more_files,
    errno.EAGAIN: _no_more_processes,
    errno.ENOMEM: _no_memory,
    errno.EFBIG: _too_large,
}
