"""What a run is about to do, on disk before it does it: append-only JSON lines, each forced to the disk.

A reader learns from it what a killed run may have left and how to undo it, and only that. Things that end with the
process that holds them (namespaces, links, routes, rule sets) are written down all the same: a ledger that says "ends
with process 4711" answers the question, one that is silent does not.
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, kw_only=True, slots=True)
class Entry:
    """One intention.

    Attributes:
        number: position in the ledger, from 1.
        what: what was about to be done, in words.
        undo: what undoes it, in words or as a command.
        done: whether it was undone, or ended by itself, as the ledger says.
    """

    number: int
    what: str
    undo: str
    done: bool


class Ledger:
    """The writing side; one process, one new file.

    Raises:
        FileExistsError: there is a ledger already; it may be the only trace of what a killed run left.
    """

    def __init__(self, path: Path) -> None:
        self._fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND | os.O_CLOEXEC, 0o644)
        self._next = 1

    def intend(self, what: str, undo: str) -> int:
        """Write an intention; it is on the disk when this returns. The number is for ``done``."""
        number, self._next = self._next, self._next + 1
        self._write({"number": number, "what": what, "undo": undo})
        return number

    def done(self, number: int) -> None:
        """Note that the thing is gone."""
        self._write({"done": number})

    def close(self) -> None:
        """Close the file."""
        os.close(self._fd)

    def _write(self, line: dict[str, object]) -> None:
        os.write(self._fd, json.dumps(line, ensure_ascii=False).encode() + b"\n")
        os.fsync(self._fd)


def read(path: Path) -> tuple[Entry, ...]:
    """The entries of a ledger in the order they were written; a half-written last line is left out.

    Raises:
        ValueError: a line other than the last is not what a ledger writes.
    """
    entries: dict[int, Entry] = {}
    *lines, _half = path.read_text(encoding="utf-8").split("\n")
    for line in lines:
        said = json.loads(line)
        if "done" in said:
            entry = entries[said["done"]]
            entries[entry.number] = Entry(number=entry.number, what=entry.what, undo=entry.undo, done=True)
        else:
            entries[said["number"]] = Entry(number=said["number"], what=said["what"], undo=said["undo"], done=False)
    return tuple(entries.values())
