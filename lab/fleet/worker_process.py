"""Serves as a worker until a signal, or the end of its scheduler: the process of ``lab worker``.

A run with ``--engine dask`` and no scheduler starts such processes by itself (``lab.fleet.local_workers``). They read
from standard input what to do, and end when it ends, so they die with the run.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import dask
from distributed import Security, Worker
from distributed.comm.addressing import get_address_host
from distributed.utils import get_ip

from lab.errors import HostNotCapable
from lab.fleet.capabilities import Capabilities, of_this_machine
from lab.fleet.settings import SETTINGS, TROUBLES
from lab.fleet.worker import set_up
from lab.ledger import workplace


class QuietWorker(Worker):
    """A worker without Dask's web server."""

    def start_http_server(self, *_: object, **__: object) -> None:
        """Listen for nobody."""


def main() -> None:
    """Serve a run of this machine: standard input has one line of JSON, and its end ends the worker."""
    told = json.loads(sys.stdin.readline())
    security = Security(**told["security"])
    can = of_this_machine(told["guests"])
    asyncio.run(serve(told["scheduler"], can, security=security, name=told["name"], ends_with_input=True))


async def serve(
    scheduler: str,
    can: Capabilities,
    *,
    security: Security | None = None,
    name: str = "",
    ends_with_input: bool = False,
    on_ready: Callable[[str], None] = lambda _: None,
) -> bool:
    """Serve as a worker; return whether it was told to end, by a signal or by its input. Else its scheduler has ended.

    Args:
        scheduler: its address; the worker waits until there is one.
        can: what the worker can do.
        security: TLS; None: as Dask's configuration says.
        name: the worker's; empty: of the machine and this process.
        ends_with_input: whether the end of standard input ends it.
        on_ready: told the worker's name once it has registered.

    Raises:
        HostNotCapable: it cannot register with the scheduler.
    """
    told_to_end = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) is not signal.SIG_IGN:
            loop.add_signal_handler(number, told_to_end.set)
    if ends_with_input:
        loop.add_reader(sys.stdin.fileno(), _end_with_input, told_to_end)
    ending = asyncio.ensure_future(told_to_end.wait())
    with workplace("dask") as (_, place), dask.config.set(SETTINGS):
        with _registering():
            worker: Worker = QuietWorker(
                scheduler,
                name=name or f"{socket.gethostname()}-{os.getpid()}",
                host=get_ip(get_address_host(scheduler)),
                local_directory=str(place),
                memory_limit=0,  # guests have the memory, which Dask does not see
                dashboard=False,
                security=security,
            )
        set_up(worker, can)
        starting = asyncio.ensure_future(_start(worker))
        try:
            await asyncio.wait([starting, ending], return_when=asyncio.FIRST_COMPLETED)
            if starting.done():
                await starting
                on_ready(str(worker.name))
                finished = asyncio.ensure_future(worker.finished())
                await asyncio.wait([finished, ending], return_when=asyncio.FIRST_COMPLETED)
        finally:
            starting.cancel()
            ending.cancel()
            await worker.close(reason="told to end")
    return told_to_end.is_set()


async def _start(worker: Worker) -> None:
    with _registering():
        await worker


@contextmanager
def _registering() -> Iterator[None]:
    """Say in a sentence why a worker cannot register.

    Raises:
        HostNotCapable: it cannot.
    """
    try:
        yield
    except TROUBLES as problem:
        raise HostNotCapable(
            f"this worker cannot register with its scheduler ({problem})",
            fix="try another address; for TLS see docs/scale.md",
        ) from problem


def _end_with_input(told_to_end: asyncio.Event) -> None:
    if not os.read(sys.stdin.fileno(), 4096):
        told_to_end.set()


if __name__ == "__main__":
    main()
