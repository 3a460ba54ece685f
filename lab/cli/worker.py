"""``lab worker``: serves a Dask scheduler."""

from __future__ import annotations

import asyncio
import logging

from rich.text import Text

from lab.engine.execute import clean_up
from lab.errors import HostNotCapable
from lab.fleet.choose import check_installed
from lab.report import terminal
from lab.units import counted


def serve(scheduler: str, jobs: int | None) -> None:
    """Serve a scheduler until a signal.

    Args:
        scheduler: its address.
        jobs: cells side by side; None: one for each processor.

    Raises:
        HostNotCapable: dask.distributed is not installed, this machine cannot run cells, or the scheduler has ended.
    """
    check_installed()
    from distributed.utils import silence_logging_cmgr

    from lab.fleet import worker_process
    from lab.fleet.capabilities import of_this_machine

    console = terminal.console(stderr=True)
    for sentence in clean_up(lambda text: console.print(Text(f"note: {text}")), with_containers=False):
        console.print(Text(sentence), style="dim")
    can = of_this_machine(jobs)
    console.print(Text(f"{counted(can.guests, 'guest')}; {', '.join(can.programs)}"))
    console.print(Text(f"lab {can.lab} ({can.sources}), kernel {can.kernel}; waiting for the scheduler at {scheduler}"))

    def ready(name: str) -> None:
        console.print(Text(f"ready as {name}; Ctrl-C ends it"))

    with silence_logging_cmgr(logging.CRITICAL):  # what matters is said here
        told_to_end = asyncio.run(worker_process.serve(scheduler, can, on_ready=ready))
    if not told_to_end:
        raise HostNotCapable(f"the scheduler at {scheduler} has ended", fix="start it, and this worker, anew")
