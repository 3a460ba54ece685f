"""Keeps a lab up: a process in the background that holds the lab's world, and removes everything when it is told to.

It tells the command that started it how far it is, one JSON object per line: ``registered``, ``phase`` (see
``lab.runner.live_cell``; the last is ``up``), or ``error`` (side, exit_code, text). It ends at SIGTERM. A lab that ends
by itself once it is up keeps its keeper and its folder, so that one can read why.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import traceback
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lab import ledger
from lab.backends.child import close_all_but
from lab.engine.prepare import modules_of
from lab.engine.run_folder import RunFolder, error_from_json, error_to_json
from lab.errors import LabError, LabFault
from lab.ledger import Ledger, ProcessName, ProcessSpace
from lab.live_lab import registry
from lab.live_lab.registry import Entry
from lab.model.scenario import Cell, Scenario
from lab.runner import LIVE_CELL
from lab.worlds import host
from lab.worlds.base import Message, World


@dataclass(slots=True)
class Keeper:
    """A keeper that was started.

    Attributes:
        pid: its process.
        messages: the pipe with what it tells.
    """

    pid: int
    messages: int

    def told(self) -> Iterator[Message]:
        """Yield what it tells, until it is up or has failed.

        Raises:
            LabFault: it ended without a word.
        """
        with open(self.messages, encoding="utf-8") as lines:  # noqa: PTH123  (of a descriptor)
            for line in lines:
                message = json.loads(line)
                yield message
                if message["ev"] == "error" or message.get("phase") == "up":
                    return
        raise LabFault("bringing the lab up", detail="its keeper ended without a word")


def start(name: str, scenario: Scenario, cell: Cell) -> Keeper:
    """Start a keeper in the background; the caller holds the lock of the registry until it is ``registered``.

    Args:
        name: of the lab.
        scenario: prepared.
        cell: the one of its cells that is brought up.
    """
    ours, theirs = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            _detach(theirs)
            _Keeping(name, scenario, cell, theirs).run()
        finally:
            os._exit(0)
    os.close(theirs)
    return Keeper(pid, ours)


def _detach(messages: int) -> None:
    """Leave the terminal and all descriptors but the pipe to the parent."""
    os.setsid()
    nothing = os.open(os.devnull, os.O_RDWR)
    for number in range(3):
        os.dup2(nothing, number)
    close_all_but(messages)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGHUP, signal.SIG_IGN)


class _Keeping:
    """The keeper of one lab, at work."""

    def __init__(self, name: str, scenario: Scenario, cell: Cell, messages: int) -> None:
        self._name = name
        self._scenario = scenario
        self._cell = cell
        self._messages: int | None = messages
        self._entry: Entry | None = None
        self._over: asyncio.Future[LabError | None]

    def run(self) -> None:
        """Bring the lab up, and keep it until told otherwise; then nothing of it is left."""
        try:
            with ledger.workplace("up") as (book, folder):
                try:
                    asyncio.run(self._keep(book, folder))
                finally:
                    if self._entry is not None:
                        with registry.locked():
                            registry.remove(self._name)
        except LabError as error:
            self._tell_error(error)
        except BaseException:  # noqa: BLE001  (the last frame: a bug of ours must reach the user whole)
            self._tell("error", side="lab", exit_code=LabError.exit_code, text=traceback.format_exc())

    async def _keep(self, book: Ledger, folder: Path) -> None:
        self._over = asyncio.get_running_loop().create_future()
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, self._end, None)
        if self._messages is not None:
            asyncio.get_running_loop().add_reader(self._messages, self._end, None)  # an error: nobody reads the pipe
        world = World(
            host.argv(),
            environment=host.environment(),
            ledger=book,
            on_message=self._hear,
            on_end=lambda reason: self._end(reason if isinstance(reason, LabError) else None),
            patience_s=None,
            hears_end=True,
            job=LIVE_CELL,
            modules=modules_of(self._scenario),
        )
        await world.start()  # it imports what it needs while the folder is made
        try:
            run = RunFolder.make(folder, self._scenario, {"clock": "real", "backend": "netns"}, cells=[self._cell])
            self._register(run.cell(self._cell))
            world.run(run.cell(self._cell))
            error = await self._over
        finally:
            await world.stop()
        if error is not None and self._messages is None:  # it was up: keep what it left until told otherwise
            await self._stand_for(error)
        elif error is not None:
            raise error

    def _hear(self, message: Message) -> None:
        if message["ev"] == "phase":
            self._tell(**{key: value for key, value in message.items() if key != "cell"})
            if message["phase"] == "up":
                self._let_go()
        elif message["ev"] == "error":
            self._end(error_from_json(message))
        elif message["ev"] == "ended":
            status = f"the cell's process ended, status {message['status']}"
            self._end(LabFault("keeping the lab up", detail=status))

    def _end(self, error: LabError | None) -> None:
        """End the lab: with the first error, or because it was told to."""
        if not self._over.done():
            self._over.set_result(error)

    async def _stand_for(self, error: LabError) -> None:
        assert self._entry is not None
        registry.note_error(self._entry, {**error_to_json(error), "exit_code": error.exit_code})
        told: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, told.cancel)
        with suppress(asyncio.CancelledError):
            await told

    def _register(self, folder: Path) -> None:
        topology = self._cell.topology
        self._entry = Entry(
            name=self._name,
            owner=ProcessName(os.getpid(), ledger.started(os.getpid()) or 0),
            space=ProcessSpace.here(),
            folder=folder,
            scenario=self._scenario.file,
            cell=self._cell.name,
            nodes=tuple(node.name for node in topology.nodes),
            links={link.name: (link.ends[0][0], link.ends[1][0]) for link in topology.links},
        )
        registry.write(self._entry)
        self._tell("registered")

    def _tell_error(self, error: LabError) -> None:
        self._tell("error", **error_to_json(error), exit_code=error.exit_code)

    def _tell(self, ev: str, **fields: Any) -> None:
        """Tell the command that started this, while it listens."""
        if self._messages is not None:
            with suppress(BrokenPipeError):  # it was killed
                os.write(self._messages, json.dumps({"ev": ev, **fields}).encode() + b"\n")

    def _let_go(self) -> None:
        """Tell the command nothing more: the lab is up."""
        if self._messages is not None:
            asyncio.get_running_loop().remove_reader(self._messages)
            os.close(self._messages)
            self._messages = None
