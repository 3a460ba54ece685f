"""A guest kernel in time-travel mode as a world: virtual time, without root.

The guest's root is the host's file system, read-only; it may write into the run folder and nowhere else. It cannot be
trusted with that, since its root is the host's user to hostfs, so a fence outside it, bubblewrap, holds it: no
network, no writable path but the run folder, and death with its parent.
"""

from __future__ import annotations

import compileall
import json
import os
import shlex
import shutil
import sys
import time
from collections.abc import Iterable
from pathlib import Path

import lab
from lab.errors import HostNotCapable
from lab.worlds import guest as guest_program
from lab.worlds import host, kernel
from lab.worlds.clock import Clock

INIT_FOLDER = "/mnt"
"""Where the guest finds its own folder: an empty folder every Debian has, hence a path without spaces or surprises."""

CREW = host.CREW

PATIENCE_S = 120.0
"""Wall-clock time after which a silent guest that runs a cell is frozen. A cell speaks twenty times in its life
(``lab.runner.timeline``), and a ping and its answer cost about 6 ms: a day with one every five seconds needs 5 s."""


def lacking() -> HostNotCapable | None:
    """What this machine lacks for virtual time; None if nothing."""
    if shutil.which("bwrap") is None:
        return HostNotCapable("bubblewrap is missing", fix="apt-get install bubblewrap, or use --clock real")
    if kernel.find() is None:
        return HostNotCapable("no kernel for virtual time", fix="`lab kernel build` makes one; or use --clock real")
    return None


def decide(wish: str) -> Clock:
    """Turn ``auto``, ``real`` or ``virtual`` into a clock.

    Raises:
        HostNotCapable: virtual time is wished for and this machine lacks what it takes.
    """
    if wish == Clock.REAL.value:
        return Clock.REAL
    lack = lacking()
    if lack is not None and wish == Clock.VIRTUAL.value:
        raise lack
    return Clock.REAL if lack else Clock.VIRTUAL


def command(run_folder: Path, *, number: int, memory_mb: int) -> list[str]:
    """The command line of a guest that may write into ``run_folder`` and nowhere else.

    Effect: writes ``guests/<number>/`` below the run folder: what the guest runs and reads first.
    """
    compileall.compile_dir(Path(lab.__file__).parent, quiet=2)  # a guest compiles four times slower, and keeps nothing
    found = kernel.find()
    assert found is not None  # `decide` has looked
    folder = run_folder / "guests" / str(number)
    folder.mkdir(parents=True)
    (folder / "guest.json").write_text(
        json.dumps(
            {
                "path": [path for path in sys.path if path],
                "writable": str(run_folder),
                "environment": host.environment(),
                "entry": CREW,
            }
        ),
        encoding="utf-8",
    )
    init = folder / "init"
    program = [sys.executable, "-I", "-S", "-B", str(Path(guest_program.__file__)), INIT_FOLDER]
    init.write_text(f"#!/bin/sh\nexec {shlex.join(program)}\n", encoding="utf-8")
    init.chmod(0o755)
    return [
        *pinned(number, os.sched_getaffinity(0)),
        *fence(run_folder, folder),
        str(found),
        *arguments(number, memory_mb, time.time_ns()),
    ]


def pinned(number: int, processors: Iterable[int]) -> list[str]:
    """Keep guest ``number`` (from 1) on one processor.

    A guest is many processes that take turns at every system call; woken on another processor each turn takes several
    times as long (start to end of two idle hours on two half-busy processors: 13 to 19 s free, 2.4 to 2.9 s pinned).
    """
    ours = sorted(processors)
    return ["taskset", "--cpu-list", str(ours[(number - 1) % len(ours)])]


def fence(run_folder: Path, folder: Path) -> list[str]:
    """The bubblewrap part of the command line."""
    return [
        "bwrap", "--unshare-all", "--die-with-parent",
        "--ro-bind", "/", "/", "--dev", "/dev", "--proc", "/proc", "--tmpfs", "/dev/shm",  # noqa: S108
        "--bind", str(run_folder), str(run_folder), "--ro-bind", str(folder), INIT_FOLDER,
        "--setenv", "TMPDIR", "/dev/shm", "--setenv", "HOME", "/dev/shm",  # noqa: S108
    ]  # fmt: skip


def arguments(number: int, memory_mb: int, now_ns: int) -> list[str]:
    """The guest kernel's arguments. Time starts at the host's, so that certificates are valid."""
    return [
        f"mem={memory_mb}M", f"umid=lab{number}",
        "root=/dev/root", "rootfstype=hostfs", "rootflags=/", "ro", f"init={INIT_FOLDER}/init",
        "time-travel=inf-cpu", f"time-travel-start={now_ns}",
        "con=null", "con0=fd:0,fd:1", "quiet",
    ]  # fmt: skip
