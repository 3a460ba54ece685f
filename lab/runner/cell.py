"""Runs one cell in this process: network, actors, timeline; leaves a record and nothing else.

Progress it says (``lab.runner.progress``), each with ``cell``: ``phase`` (starting, subscribing, silent), ``probe``
(probe, delivered, t), ``time`` (t) and ``error`` (side, exit_code, text, and for the host's side missing and fix).
"""

from __future__ import annotations

import asyncio
import os
import traceback
from collections.abc import Callable
from functools import partial
from pathlib import Path

from lab.backends.base import EndedAtOnce, OpenBackend
from lab.backends.netns import bare
from lab.errors import HostNotCapable, LabError
from lab.machine_limits import machine_fault
from lab.model.scenario import Cell
from lab.model.topology import Role
from lab.record.writer import FILE_NAME, RecordWriter
from lab.runner import cell_file, progress
from lab.runner.actor_handle import aborted
from lab.runner.testbed import CellTestbed
from lab.runner.timeline import Timeline


def run(folder: Path, open_backend: OpenBackend = bare) -> int:
    """Run the cell in ``folder``; returns the exit status (0: it ran; otherwise an ``error`` was said)."""
    return guarded(lambda folder: _run(cell_file.read(folder), folder, open_backend), folder)


def guarded(job: Callable[[Path], None], folder: Path) -> int:
    """Do a job of which ``folder`` tells, in a session of its own; errors are said, and are the exit status."""
    os.setsid()
    say = partial(progress.say, cell=str(folder))
    try:
        job(folder)
    except HostNotCapable as lack:
        return _say_lack(say, lack)
    except Exception as error:  # noqa: BLE001  (a bug of ours: it must reach the user whole)
        if (fault := machine_fault(error)) is not None:
            return _say_lack(say, fault)
        if isinstance(error, LabError):
            say("error", side=error.side, exit_code=error.exit_code, text=str(error))
            return error.exit_code
        say("error", side="lab", exit_code=LabError.exit_code, text=traceback.format_exc())
        return LabError.exit_code
    return 0


def _say_lack(say: Callable[..., None], lack: HostNotCapable) -> int:
    say("error", side=lack.side, exit_code=lack.exit_code, text=str(lack), missing=lack.missing, fix=lack.fix)
    return lack.exit_code


def _run(cell: Cell, folder: Path, open_backend: OpenBackend) -> None:
    record = RecordWriter(folder / FILE_NAME)
    try:
        testbed = open_stage(cell, folder, record, open_backend)
        if testbed is not None:
            asyncio.run(_play(testbed, record, partial(progress.say, cell=str(folder))))
    finally:
        record.close()


def open_stage(cell: Cell, folder: Path, record: RecordWriter, open_backend: OpenBackend) -> CellTestbed | None:
    """Build a cell's stage. It forks, so call this before any event loop.

    Returns: the stage; None if the scenario's own client had ended before its network stood; the record says so then.
    """
    try:
        return CellTestbed(cell, folder, record, open_backend)
    except EndedAtOnce as end:
        if not cell.client.is_own or end.node != cell.topology.only(Role.CLIENT).name:
            raise
        record.take(end.node, aborted(end.status, [end.log]))
        return None


async def _play(testbed: CellTestbed, record: RecordWriter, say: Callable[..., None]) -> None:
    try:
        await Timeline(testbed, record, say).run()
    finally:
        testbed.close()
