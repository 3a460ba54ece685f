"""Runs cells in guests in time-travel mode: virtual time, without root."""

from __future__ import annotations

import compileall
import os
import time
from pathlib import Path

import lab
from lab.errors import HostNotCapable
from lab.machine_limits import allow_open_files
from lab.worlds import boot, host, kernel
from lab.worlds.clock import Clock

CELL_WORKER = "lab.runner.cell_worker:main_in_guest"

OPEN_FILES = 256
"""That a guest may need: its kernel has the host's files open that its programs have. 64 are too few."""

PATIENCE_S = 120.0
"""Wall-clock time after which a silent guest that runs a cell is frozen. A cell speaks twenty times in its life
(``lab.runner.timeline``), and a ping and its answer cost about 6 ms: a day with one every five seconds needs 5 s."""


def decide(wish: str) -> Clock:
    """Turn ``auto``, ``real`` or ``virtual`` into a clock.

    Raises:
        HostNotCapable: virtual time is wished for and this machine lacks what it takes.
    """
    if wish == Clock.REAL.value:
        return Clock.REAL
    if (missing := lack()) is None:
        return Clock.VIRTUAL
    if wish == Clock.VIRTUAL.value:
        raise missing
    return Clock.REAL


def lack() -> HostNotCapable | None:
    """Return what this machine lacks for virtual time; None if nothing."""
    try:
        boot.check_host()
        found = kernel.find()
    except HostNotCapable as missing:
        return missing
    if (too_few := allow_open_files(OPEN_FILES)) is not None:
        return too_few
    return HostNotCapable("no kernel for virtual time", fix="`lab kernel build` makes one") if found is None else None


def command(
    run_folder: Path, *, number: int, memory_mb: int, processor: int, visible: tuple[str, ...] = ()
) -> list[str]:
    """Return the command line of guest ``number`` (from 1), which may write into ``run_folder`` only.

    Args:
        run_folder: absolute.
        number: from 1.
        memory_mb: of the guest, in MiB.
        processor: on which it stays, see ``lab.worlds.processors``.
        visible: folders of the host that cells need, besides the lab's own; absolute.

    Raises:
        HostNotCapable: a guest has a folder of its own in the place of one of those.

    Effect: writes ``guests/<number>/`` below the run folder: what the guest's init reads first.
    """
    for folder in visible:
        if folder in boot.HIDDEN:
            raise HostNotCapable(
                f"the scenario's client is in `{folder}`, and a guest has a {folder} of its own",
                fix="put scenario and client into a folder below it, or use --clock real",
            )
    compileall.compile_dir(Path(lab.__file__).parent, quiet=2)  # a guest compiles four times slower, and keeps nothing
    found = kernel.find()
    assert found is not None  # `decide` has looked
    control = run_folder / "guests" / str(number)
    control.mkdir(parents=True)
    boot.Request(entry=CELL_WORKER, writable=run_folder, environment=host.environment(), visible=visible).write(control)
    guest = boot.command(
        kernel=found,
        run_folder=run_folder,
        control=control,
        name=f"lab-{os.getpid()}-{number}",
        start_ns=time.time_ns(),
        memory_mb=memory_mb,
        as_root=os.geteuid() == 0,
        sandbox=boot.check_host(),
        parent=os.getpid(),
    )
    return ["taskset", "--cpu-list", str(processor), *guest]
