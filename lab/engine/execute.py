"""Runs the cells of orders, all at the same time, and opens what they left."""

from __future__ import annotations

import dataclasses
import os
import platform
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from lab import __version__, ledger
from lab.backends import daemon
from lab.backends.base import BackendKind
from lab.engine import prepare
from lab.engine.jobs import Batch, do
from lab.engine.order import Order
from lab.engine.run import Run
from lab.engine.run_folder import RunFolder
from lab.engine.twins.family import Family
from lab.errors import HostNotCapable, LabError, TeardownIncomplete
from lab.record.events import VERSION
from lab.runner.crew import CELL
from lab.visible_text import visible
from lab.worlds import kernel
from lab.worlds.clock import Clock


def execute(orders: Sequence[Order], report: Callable[[str], None] | None = None) -> list[Run]:
    """Run all cells of some orders; return what came of each.

    Args:
        orders: what to run.
        report: takes sentences about what is fetched before; None: they go to standard error.

    Raises:
        HostNotCapable: a client cannot be had on this machine; nothing was started.
        TeardownIncomplete: containers are left; the ledger stays, and the runs' folders too.
    """
    say = report or _to_standard_error
    orders = [
        dataclasses.replace(order, scenario=prepare.fetched(order.scenario, order.backend, say)) for order in orders
    ]
    folders = [RunFolder.make(order.out, order.scenario, _about(order)) for order in orders]
    books = [ledger.Ledger(folder.path.name) for folder in folders]
    try:
        batches = [_batch(order, folder, book) for order, folder, book in zip(orders, folders, books, strict=True)]
        for folder, errors in zip(folders, do(batches), strict=True):
            folder.finish(errors or {}, finished=errors is not None)
    finally:
        for order, book in zip(orders, books, strict=True):
            if order.backend is BackendKind.DOCKER:
                remove_containers(book.run)
            book.close()
    return [Run.open(folder.path) for folder in folders]


def clean_up(note: Callable[[str], None]) -> tuple[str, ...]:
    """Undo what killed runs have left; return what was undone, one sentence each.

    Args:
        note: takes a sentence about what could not be looked at.

    Raises:
        TeardownIncomplete: something could not be ended.
    """

    def remove(run: str) -> tuple[str, ...] | None:
        try:
            return daemon.remove_containers(run)
        except HostNotCapable as lack:  # without a daemon nothing of it runs, and the next run goes on
            note(f"containers of the killed run {run} may be left: {lack}")
            return None

    return ledger.clean(remove)


def remove_containers(run: str) -> None:
    """Wait until the daemon has seen to the end of a run's containers, and see to it where it has not.

    Raises:
        TeardownIncomplete: it could not be done; the ledger stays.
    """
    try:
        daemon.remove_containers(run)
    except LabError as problem:
        left = f"containers (`docker rm -f $(docker ps -aq --filter label={daemon.RUN}={run})`): {problem}"
        raise TeardownIncomplete((left,)) from problem


def _batch(order: Order, folder: RunFolder, book: ledger.Ledger) -> Batch:
    say = order.watch(folder)
    family = Family(folder, order, say)
    return Batch(
        job=CELL,
        folders=[folder.cell(cell) for cell in order.scenario.cells if not cell.unsupported] + family.beforehand(),
        writable=folder.path,
        clock=order.clock,
        memory_mb=order.memory_mb,
        ledger=book,
        on_message=say,
        side_by_side=order.jobs,
        visible=prepare.visible_to(order.scenario),
        modules=prepare.modules_of(order.scenario),
        backend=order.backend,
        more=family.after,
    )


def _about(order: Order) -> dict[str, Any]:
    """Return how an order is run, for ``run.json``."""
    found = kernel.find() if order.clock is Clock.VIRTUAL else None
    return {
        "clock": order.clock.value,
        "backend": order.backend.value,
        "seeds": sorted({cell.seed for cell in order.scenario.cells}),
        "versions": {
            "lab": __version__,
            "record": VERSION,
            "python": platform.python_version(),
            "kernel": platform.release() if found is None else Path(found).parent.name,
            "clients": sorted({cell.client.label for cell in order.scenario.cells}),
            "pjsip": sorted({cell.pjsip for cell in order.scenario.cells}),
            "servers": sorted({cell.server.software for cell in order.scenario.cells}),
        },
        "processors": len(os.sched_getaffinity(0)),
    }


def _to_standard_error(sentence: str) -> None:
    print(visible(sentence), file=sys.stderr, flush=True)  # noqa: T201
