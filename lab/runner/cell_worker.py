"""Runs inside a world: imports everything once, then forks one process per job.

Standard input carries requests, one JSON object per line: ``{"job": "module:function", "folder": "<folder>", "modules":
[…]}``. The function gets the folder and how nodes are made, and returns the exit status; the modules are imported
before the fork, once for all jobs that need them. In a guest jobs run one at a time, in the order in which they were
requested. Standard output carries progress:
``{"ev": "up"}``, then what jobs say of themselves (``lab.runner.cell``), and for each
``{"ev": "ended", "cell": "<folder>", "status": <exit status, negative: signal>}``. End of input ends the world and
everything in it.
"""

from __future__ import annotations

import gc
import os
import selectors
import signal
import sys
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from functools import cache, partial
from importlib import import_module
from pathlib import Path
from typing import Any

from lab.actors.channel import Lines
from lab.backends.base import OpenBackend
from lab.backends.netns import bare
from lab.errors import HostNotCapable
from lab.mitigations import classes
from lab.network.apply import libnftables
from lab.runner import CELL, cell_file, progress
from lab.runner import cell as _cell  # noqa: F401  (imported once, for all cells)


def main(open_backend: OpenBackend = bare) -> None:
    """Serve requests until the input ends.

    Args:
        open_backend: how jobs make nodes.
    """
    _serve(open_backend, in_guest=False)


def main_in_guest() -> None:
    """Serve requests until the input ends, and keep the guest's clock still while waiting for one.

    In a guest that does nothing time flies: a wait of 50 ms for the host was seen to be two hours. A program that keeps
    asking does something (``lab.worlds.boot``).
    """
    _serve(bare, in_guest=True)


def _serve(open_backend: OpenBackend, *, in_guest: bool) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the terminal's Ctrl-C is for `lab`, which then closes our input
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    _warm_up()
    progress.say("up")
    waiting: deque[dict[str, Any]] = deque()
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
                    waiting.extend(lines.feed(data))
                else:
                    selector.unregister(key.fd)
                    pid, folder = running.pop(key.fd)
                    os.close(key.fd)
                    _, status = os.waitpid(pid, 0)
                    progress.say("ended", cell=folder, status=os.waitstatus_to_exitcode(status))
            while waiting and not (in_guest and running):
                request = waiting.popleft()
                job = partial(_job(request["job"], tuple(request["modules"])), open_backend=open_backend)
                pid, pidfd = _fork(job, Path(request["folder"]))
                running[pidfd] = (pid, request["folder"])
                selector.register(pidfd, selectors.EVENT_READ)


def _warm_up() -> None:
    """Load once what each cell would load again after its fork."""
    classes()
    with suppress(HostNotCapable):  # the cell says so
        libnftables()


@cache
def _job(name: str, modules: tuple[str, ...]) -> Callable[..., int]:
    """Return the function of a job; its module and those it will need are imported here once, not in each fork."""
    for each in modules:
        import_module(each)
    if name == CELL:
        cell_file.learn()
    module, _, function = name.partition(":")
    job: Callable[..., int] = getattr(import_module(module), function)
    gc.freeze()  # what is imported stays: do not let a collection touch (and copy) its pages in every fork
    return job


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
