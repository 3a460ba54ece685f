"""Stops a guest where it stands, and lets it go on.

A guest is many processes of the host's. The first of them, the guest's kernel, traces the others: each stops at its
next system call until the kernel has seen to it. So the kernel is stopped, and whatever is not traced; a signal to a
traced process would be taken for one of the guest's own, and end it.
"""

from __future__ import annotations

import os
import signal
from collections import defaultdict
from contextlib import suppress
from pathlib import Path


def suspend(root: int) -> None:
    """Stop the guest whose processes all descend from ``root``."""
    _send(root, signal.SIGSTOP)


def resume(root: int) -> None:
    """Let it go on."""
    _send(root, signal.SIGCONT)


def _send(root: int, number: signal.Signals) -> None:
    for pid in (root, *_untraced(root)):
        with suppress(ProcessLookupError, PermissionError):  # it has just ended
            os.kill(pid, number)


def _untraced(root: int) -> list[int]:
    """Return the descendants of a process that no other traces."""
    children: dict[int, list[int]] = defaultdict(list)
    traced: set[int] = set()
    for entry in Path("/proc").iterdir():
        if entry.name.isdecimal():
            try:
                status = (entry / "status").read_text("utf-8", "replace")
            except OSError:  # it has ended
                continue
            fields = dict(line.split(":\t", 1) for line in status.splitlines() if ":\t" in line)
            children[int(fields["PPid"])].append(int(entry.name))
            if int(fields["TracerPid"]):
                traced.add(int(entry.name))
    found, waiting = [], [root]
    while waiting:
        new = children.pop(waiting.pop(), [])
        waiting += new
        found += [pid for pid in new if pid not in traced]
    return found
