"""Controls a world, the kernel in which cells run: a process that takes cell folders and reports events."""

from __future__ import annotations

import asyncio
import json
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lab.errors import HostNotCapable, LabError, LabFault
from lab.ledger import Ledger
from lab.machine_limits import end_fault
from lab.worlds import suspension
from lab.worlds.guest_processes import Watch

Message = dict[str, Any]
CONSOLE_LINES = 40
LOOK_EVERY_S = 5.0
"""How often to see why a world that runs a cell says nothing."""
STOP_WITHIN_S = 5.0


@dataclass(frozen=True)
class Overrun:
    """The reason why a world was ended: the client of its cell used too much. Not the lab's fault.

    Attributes:
        what: it did, a clause that follows its name.
    """

    what: str


End = LabError | Overrun | None
"""How a world ended: None if it was told to."""


class World:
    """One process that runs cells; lines of JSON in and out.

    Args:
        argv: the program; its last descendant must die with it (PDEATHSIG, PID namespaces).
        environment: its whole environment.
        ledger: where the process is entered before anyone relies on it.
        on_message: called for each line of progress.
        on_end: called once with what went wrong when the process ends.
        patience_s: a world that runs a cell and says nothing for so long is frozen; None: it cannot freeze. Such a
            world is a guest, whose client is watched (``lab.worlds.guest_processes``).
        job: what is done in each folder: ``module:function``, see ``lab.runner.cell_worker``.
        modules: what it imports once, before it forks.
        hears_end: whether the end of its input ends it. A guest's console does not pass that on.
    """

    def __init__(
        self,
        argv: list[str],
        *,
        environment: dict[str, str],
        ledger: Ledger,
        on_message: Callable[[Message], None],
        on_end: Callable[[End], None],
        patience_s: float | None,
        hears_end: bool,
        job: str,
        modules: tuple[str, ...] = (),
    ) -> None:
        self._argv = argv
        self._environment = environment
        self._ledger = ledger
        self._on_message = on_message
        self._on_end = on_end
        self._patience_s = patience_s
        self._job = job
        self._modules = modules
        self._cells: set[str] = set()
        self._stop_within = STOP_WITHIN_S if hears_end else 0.0
        self._process: asyncio.subprocess.Process | None = None
        self._stopping = False
        self._frozen = False
        self._overrun = ""
        self.console: deque[str] = deque(maxlen=CONSOLE_LINES)

    async def start(self) -> None:
        """Start the process; it says ``up`` when it can take cells."""
        self._process = await asyncio.create_subprocess_exec(
            *self._argv,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            env=self._environment,
            start_new_session=True,  # the terminal's Ctrl-C is ours to handle
            limit=1 << 20,
        )
        self._ledger.enter_process(self._process.pid)
        self._reader = asyncio.create_task(self._read())

    def run(self, folder: Path) -> None:
        """Tell the world to run the cell in ``folder``."""
        assert self._process is not None
        assert self._process.stdin is not None
        self._cells.add(str(folder))
        self._process.stdin.write(
            json.dumps({"job": self._job, "folder": str(folder), "modules": self._modules}).encode() + b"\n"
        )

    async def stop(self) -> None:
        """End the world and all cells in it, and wait until it is gone.

        The end of its input tells the worker to kill its cells and end; a world that does not hear that, or does not
        obey within ``STOP_WITHIN_S``, is killed, and everything in its namespaces with it.
        """
        if self._process is None or self._process.stdin is None:
            return
        self._stopping = True
        self._process.stdin.close()
        try:
            await asyncio.wait_for(asyncio.shield(self._reader), self._stop_within)
        except asyncio.TimeoutError:
            self._process.kill()
            await self._reader
        self._ledger.leave_process(self._process.pid)

    def suspend(self) -> None:
        """Stop a guest where it stands; one that has ended is left alone."""
        if self._process is not None and self._process.returncode is None:
            suspension.suspend(self._process.pid)

    def resume(self) -> None:
        """Let it go on."""
        if self._process is not None and self._process.returncode is None:
            suspension.resume(self._process.pid)

    async def _read(self) -> None:
        assert self._process is not None
        assert self._process.stdout is not None
        refused: HostNotCapable | None = None
        while raw := await self._line(self._process.stdout):
            line = raw.decode("utf-8", "replace").strip()
            message = _message(line)
            if message is None:
                self.console.append(line)
            elif message["ev"] == "refused":
                refused = HostNotCapable(message["missing"], fix=message["fix"])
            else:
                if message["ev"] == "ended":
                    self._cells.discard(message["cell"])
                self._on_message(message)
        status = await self._process.wait()
        if self._stopping:
            self._on_end(None)
        elif self._overrun:
            self._on_end(Overrun(self._overrun))
        elif self._frozen:
            self._on_end(LabFault(f"the world froze: nothing for {self._patience_s:g} s", detail=self._last_words()))
        else:
            fault = refused or end_fault(status, self._last_words())
            self._on_end(fault or LabFault(f"the world ended by itself, status {status}", detail=self._last_words()))

    async def _line(self, stdout: asyncio.StreamReader) -> bytes:
        """Return the next line; empty at the end, which is at once if the world is frozen or blocked by its client."""
        if self._patience_s is None:
            return await stdout.readline()
        assert self._process is not None
        watch = Watch(self._process.pid)
        silent_s = 0.0
        while True:
            every_s = min(LOOK_EVERY_S, self._patience_s)
            try:
                return await asyncio.wait_for(stdout.readline(), every_s)
            except asyncio.TimeoutError:
                if not self._cells:
                    silent_s = 0.0  # it has nothing to do
                    continue
            silent_s += every_s
            self._overrun = await asyncio.to_thread(watch.overrun)
            self._frozen = silent_s >= self._patience_s
            if self._overrun or self._frozen:
                self._process.kill()
                return b""

    def _last_words(self) -> str:
        return "\n".join(self.console)


def _message(line: str) -> Message | None:
    """Return the message in a line; None for anything else (kernel messages, tracebacks)."""
    if not line.startswith("{"):
        return None
    try:
        message = json.loads(line)
    except ValueError:
        return None
    return message if isinstance(message, dict) and "ev" in message else None
