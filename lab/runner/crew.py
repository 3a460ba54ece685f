"""The program inside a world: imports everything once, then forks one process per cell it is told to run.

Standard input carries requests, one JSON object per line: ``{"cell": "<cell folder>"}``, or another of ``JOBS`` in the
place of ``cell``. Standard output carries progress: ``{"ev": "up"}``, then what cells say of themselves
(``lab.runner.cell``), and for each ``{"ev": "ended", "cell": "<folder>", "status": <exit status, negative: signal>}``.
End of input ends the world and everything in it.
"""

from __future__ import annotations

import gc
import os
import selectors
import signal
import sys
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path

from lab.actors.channel import Lines
from lab.runner import actor_check, progress, survey
from lab.runner import cell as cell_runner

JOBS: dict[str, Callable[[Path], int]] = {
    "cell": cell_runner.run,
    "actor": partial(cell_runner.guarded, actor_check.run),
    "middlebox": partial(cell_runner.guarded, survey.run),
}
"""What a request can ask for: given a folder, does the job and returns the exit status."""


def main(jobs: Mapping[str, Callable[[Path], int]] = JOBS) -> None:
    """Serve requests until the input ends; ``jobs`` is what can be asked for."""
    _serve(jobs, in_guest=False)


def main_in_guest() -> None:
    """Serve requests until the input ends, and keep the guest's clock still while waiting for one.

    In a guest that does nothing time flies: a wait of 50 ms for the host was seen to be two hours. A program that keeps
    asking does something (``lab.worlds.boot``).
    """
    _serve(JOBS, in_guest=True)


def _serve(jobs: Mapping[str, Callable[[Path], int]], *, in_guest: bool) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the terminal's Ctrl-C is for `lab`, which then closes our input
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    gc.freeze()  # what is imported stays: do not let a collection touch (and copy) its pages in every fork
    progress.say("up")
    running: dict[int, tuple[int, str]] = {}  # pidfd -> (process id, cell folder)
    lines = Lines()
    with selectors.DefaultSelector() as selector:
        selector.register(0, selectors.EVENT_READ)
        while True:
            while not (ready := selector.select(0 if in_guest and not running else None)):
                os.sched_yield()
            for key, _ in ready:
                if key.fd == 0:
                    data = os.read(0, 65536)
                    if not data:
                        _kill_all([pid for pid, _ in running.values()])
                        return
                    for request in lines.feed(data):
                        ((job, folder),) = request.items()
                        pid, pidfd = _fork(jobs[job], Path(folder))
                        running[pidfd] = (pid, folder)
                        selector.register(pidfd, selectors.EVENT_READ)
                else:
                    selector.unregister(key.fd)
                    pid, folder = running.pop(key.fd)
                    os.close(key.fd)
                    _, status = os.waitpid(pid, 0)
                    progress.say("ended", cell=folder, status=os.waitstatus_to_exitcode(status))


def _fork(job: Callable[[Path], int], folder: Path) -> tuple[int, int]:
    sys.stdout.flush()
    pid = os.fork()
    if pid == 0:
        status = 1
        try:
            devnull = os.open(os.devnull, os.O_RDONLY)
            os.dup2(devnull, 0)
            status = job(folder)
        finally:
            os._exit(status)
    return pid, os.pidfd_open(pid)


def _kill_all(pids: list[int]) -> None:
    for pid in pids:
        os.kill(pid, signal.SIGKILL)
    for pid in pids:
        os.waitpid(pid, 0)
