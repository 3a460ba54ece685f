"""Shares the processors between the guests of all runs of a user: one each, as long as there are enough.

A guest is many processes that take turns at every system call; woken on another processor each turn takes several
times as long (start to end of two idle hours on two half-busy processors: 13 to 19 s free, 2.4 to 2.9 s pinned). So
each stays on one processor; two guests on the same one take twice the time.
"""

from __future__ import annotations

import fcntl
import os
from contextlib import suppress
from pathlib import Path

from lab import ledger


class Processor:
    """A processor, taken until `release` or the end of this process.

    Attributes:
        number: the kernel's.
    """

    def __init__(self, number: int, lock: int | None) -> None:
        self.number = number
        self._lock = lock

    def release(self) -> None:
        """Let other guests have it; a second call does nothing."""
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None


def take(preferred: int) -> Processor:
    """Take a processor that no other guest has; where all are taken, share one.

    Args:
        preferred: the n-th (from 0) of those this process may use, and the one that is shared; larger numbers begin
            again from the first.
    """
    ours = sorted(os.sched_getaffinity(0))
    first = preferred % len(ours)
    for number in (*ours[first:], *ours[:first]):
        with suppress(OSError):  # taken, or the folder cannot be written: then nobody shares out
            return Processor(number, _lock(ledger.folder() / "processors", number))
    return Processor(ours[first], None)


def _lock(folder: Path, number: int) -> int:
    folder.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(folder / f"{number}.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(descriptor)
        raise
    return descriptor
