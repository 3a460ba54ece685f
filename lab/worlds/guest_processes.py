"""Looks at the processes of a guest from the host: how long they have computed, and which are the scenario's client's.

In a guest, computing takes no time, so nothing inside can measure it or take the processor away from a process that
never stops. But each process of a guest is one of the host's as well, with its memory at the same addresses, and the
environment that a program was started with stands at the top of its stack.
"""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from lab.backends.base import CLIENT_MARK

SPINS_S = 15.0
"""Processor time of a guest that says nothing meanwhile. A cell speaks twenty times in its life, and few take so long
from one to the next: those in which a client pings every few seconds for days."""
SHARE = 0.8
"""Of the time that all programs of a guest compute. A client that pings takes less than half: server and observers work
for each ping as well."""
MOST_PROCESSES = 150
"""Processes of a guest; the lab's own are less than 30."""

_STACKS = range(0x7F_0000_0000, 0x7F_C000_0000)
"""Addresses at which a guest's processes have their stacks: below ``TASK_SIZE`` of User-Mode Linux on x86-64."""
_MARK = b"\0" + "=".join(CLIENT_MARK).encode() + b"\0"
_TICKS = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True)
class Process:
    """A process of the host's.

    Attributes:
        pid: its number.
        parent: its parent's.
        computed_s: its processor time.
    """

    pid: int
    parent: int
    computed_s: float


class Watch:
    """Watches one guest that says nothing, from the first look on.

    Args:
        root: the process on the host of which all of the guest's descend.
    """

    def __init__(self, root: int) -> None:
        self._root = root
        self._before: dict[int, float] | None = None

    def overrun(self) -> str:
        """Return by what the scenario's client keeps the guest from going on, as a clause; empty: by nothing seen."""
        found = descendants(self._root)
        if self._before is None:
            self._before = {each.pid: each.computed_s for each in found}
        since = {each.pid: each.computed_s - self._before.get(each.pid, 0.0) for each in found}
        if len(found) > MOST_PROCESSES and any(is_clients(each.pid) for each in found):
            return f"made so many processes that its cell had more than {MOST_PROCESSES}"
        if sum(since.values()) < SPINS_S:
            return ""
        kernels = {each.parent for each in found}  # the guest's kernel is the parent of all its processes
        programs = {pid: computed for pid, computed in since.items() if pid not in kernels and computed > 0}
        clients = sum(computed for pid, computed in programs.items() if is_clients(pid))
        if clients and clients >= SHARE * sum(programs.values()):
            return f"computed for {SPINS_S:g} s without a pause, and virtual time waits for whoever computes"
        return ""


def descendants(root: int) -> list[Process]:
    """Return a process's descendants that run now, in no order."""
    children: dict[int, list[Process]] = defaultdict(list)
    for each in _all():
        children[each.parent].append(each)
    found, waiting = [], [root]
    while waiting:
        new = children.pop(waiting.pop(), [])
        found += new
        waiting += [each.pid for each in new]
    return found


def is_clients(pid: int) -> bool:
    """Return whether a process's own memory says that it was started as a scenario's client, or by it.

    What cannot be looked at is nobody's: it may have ended, or this machine may forbid it.
    """
    try:
        maps = Path(f"/proc/{pid}/maps").read_text()
        with Path(f"/proc/{pid}/mem").open("rb", buffering=0) as memory:
            return any(_MARK in _read(memory.fileno(), start, end) for start, end in _writable(maps))
    except OSError:
        return False


def _all() -> Iterator[Process]:
    for entry in Path("/proc").iterdir():
        if not entry.name.isdecimal():
            continue
        try:
            stat = (entry / "stat").read_text("utf-8", "replace")
        except OSError:  # it has ended
            continue
        fields = stat.rpartition(")")[2].split()
        yield Process(int(entry.name), int(fields[1]), (int(fields[11]) + int(fields[12])) / _TICKS)


def _writable(maps: str) -> Iterator[tuple[int, int]]:
    """Return the pieces of memory where a guest's process has its stack, those that touch as one."""
    begun: tuple[int, int] | None = None
    for line in maps.splitlines():
        addresses, rights = line.split(maxsplit=2)[:2]
        start, end = (int(each, 16) for each in addresses.split("-"))
        if start not in _STACKS or "w" not in rights:
            continue
        if begun is not None and begun[1] == start:
            begun = begun[0], end
            continue
        if begun is not None:
            yield begun
        begun = start, end
    if begun is not None:
        yield begun


def _read(memory: int, start: int, end: int) -> bytes:
    try:
        return os.pread(memory, end - start, start)
    except OSError:  # a page that is none
        return b""
