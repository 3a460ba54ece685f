"""Runs the cells of several orders at the same time, and opens their records."""

from __future__ import annotations

import dataclasses
import os
import platform
import sys
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from lab import __version__, ledger, leftovers
from lab.backends import daemon
from lab.backends.base import BackendKind
from lab.engine import prepare
from lab.engine.cache.cell_cache import open_cache
from lab.engine.cache.sources import Sources
from lab.engine.judging import Judging
from lab.engine.run import Run
from lab.engine.run_folder import RunFolder
from lab.engine.run_request import RunRequest
from lab.engine.twins.twin_runs import TwinRuns
from lab.engine.world_jobs import Batch, do
from lab.errors import HostNotCapable, LabError
from lab.model.scenario import Cell
from lab.record.events import VERSION
from lab.runner import CELL
from lab.visible_text import visible
from lab.worlds import kernel
from lab.worlds.clock import Clock


def execute(orders: Sequence[RunRequest], report: Callable[[str], None] | None = None) -> list[Run]:
    """Run all cells of some orders; return what came of each.

    Args:
        orders: what to run.
        report: takes sentences about what is fetched before; None: they go to standard error.

    What could not be removed at the end is in `Run.left`; its ledger stays.

    Raises:
        HostNotCapable: a client cannot be had on this machine; nothing was started.
    """
    say = report or _to_standard_error
    for order in orders:
        if order.engine is not None:
            order.engine.check([order.scenario])
    orders = [_fetched(order, say) for order in orders]
    folders = [
        RunFolder.make(order.out, order.scenario, _about(order), cells=() if order.asks else None) for order in orders
    ]
    for note in filter(None, (folder.latest_note for folder in folders)):
        say(f"note: {note}")
    books = [ledger.Ledger(folder.path.name) for folder in folders]
    try:
        parts = [_Part(order, folder, book, say) for order, folder, book in zip(orders, folders, books, strict=True)]
        for part, errors in zip(parts, do([part.batch() for part in parts]), strict=True):
            part.folder.finish(errors or {}, finished=errors is not None, cells=part.asked_for())
            if problem := part.close():
                say(f"note: {problem}")
    finally:
        for order, folder, book in zip(orders, folders, books, strict=True):
            if order.backend is BackendKind.DOCKER and (left := see_to_containers(book, say)):
                folder.note_left(left)
            book.close()
    return [Run.open(folder.path) for folder in folders]


def clean_up(note: Callable[[str], None], *, with_containers: bool) -> list[str]:
    """Undo what killed runs have left; return what was undone, one sentence each.

    Args:
        note: takes a sentence about each thing that could not be undone; that stops nobody.
        with_containers: whether the caller needs Docker. One that does not waits for it no longer than a moment, should
            a killed run have had containers.
    """
    patience = daemon.ANSWERS_WITHIN_S if with_containers else daemon.ANSWERS_AT_ONCE_S
    try:
        cleaned = leftovers.clean(partial(daemon.remove_containers, patience_s=patience))
    except HostNotCapable as lack:
        note(str(lack))
        return []
    for left in cleaned.left:
        note(f"left by a killed run: {left}")
    return cleaned.undone


def see_to_containers(book: ledger.Ledger, say: Callable[[str], None]) -> tuple[str, ...]:
    """Wait until the daemon has ended a run's containers, or remove them; return what is left, which the ledger keeps.

    Args:
        book: the run's ledger.
        say: takes a sentence where the daemon does not answer: it has most likely ended with its containers.
    """
    try:
        left = daemon.remove_containers(book.run).left
    except HostNotCapable:
        book.keep()
        say("note: Docker does not answer; `lab clean` removes what may be left of this run once it does")
        return ()
    except LabError as problem:
        left = (f"containers with the label {daemon.RUN}={book.run}, perhaps: {problem}",)
    if left:
        book.keep()
    return left


class _Part:
    """One of the runs that go on at the same time."""

    def __init__(self, order: RunRequest, folder: RunFolder, book: ledger.Ledger, say: Callable[[str], None]) -> None:
        self.folder = folder
        self._order = order
        self._book = book
        self._watch = order.watch(folder)
        self._cache = open_cache(order, folder.path)
        self._twins = TwinRuns(folder, order, self._watch, self._cache)
        self._judging = None if order.asks is None else Judging(folder, order, self._twins, self._watch, say)

    def batch(self) -> Batch:
        """Return what is to be done."""
        order = self._order
        return Batch(
            job=CELL,
            folders=self._twins.beforehand() if self._judging is None else (),
            writable=self.folder.path,
            clock=order.clock,
            memory_mb=order.memory_mb,
            ledger=self._book,
            on_message=self._watch,
            side_by_side=order.jobs,
            visible=prepare.visible_to(order.scenario),
            modules=prepare.modules_of(order.scenario),
            backend=order.backend,
            more=self._twins.ended if self._judging is None else self._judging.ended,
            asking=None if self._judging is None else self._judging.ask,
            engine=order.engine,
        )

    def close(self) -> str:
        """Close the cache; return what is to be said of it, or nothing."""
        return "" if self._cache is None else self._cache.close()

    def asked_for(self) -> list[Cell] | None:
        """Return the cells that were asked for; None: the scenario's were run."""
        return None if self._judging is None else self._judging.cells


def _fetched(order: RunRequest, say: Callable[[str], None]) -> RunRequest:
    """Return the order with what its clients need on this machine, if cells run here."""
    if not order.runs_here:
        return order
    return dataclasses.replace(order, scenario=prepare.fetched(order.scenario, order.backend, say, order.clock))


def _about(order: RunRequest) -> dict[str, Any]:
    """Return how an order is run, for ``run.json``."""
    found = kernel.find() if order.clock is Clock.VIRTUAL else None
    return {
        "clock": order.clock.value,
        "backend": order.backend.value,
        "engine": "local" if order.engine is None else order.engine.name,
        "seeds": sorted({cell.seed for cell in order.scenario.cells}),
        "versions": {
            "lab": __version__,
            "sources": Sources().digest,
            "record": VERSION,
            "python": platform.python_version(),
            "kernel": platform.release() if found is None else Path(found).parent.name,
            "clients": sorted({cell.client.label for cell in order.scenario.cells}),
            "pjsip": sorted({cell.pjsip for cell in order.scenario.cells}),
            "servers": sorted({cell.server.software for cell in order.scenario.cells}),
        },
        "search": order.asks is not None,
        "processors": len(os.sched_getaffinity(0)),
        "twins": dataclasses.asdict(order.twins),
        **({} if order.shard is None else {"shard": order.shard.to_json()}),
    }


def _to_standard_error(sentence: str) -> None:
    print(visible(sentence), file=sys.stderr, flush=True)  # noqa: T201
