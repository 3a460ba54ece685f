"""Keeps a cell up for people to look around in: sets it up, and then does what it is asked until it is ended.

Progress it says, as ``lab.runner.cell``; besides ``phase`` ``up`` (account: whether the client's account is set up).
"""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from lab.backends.base import OpenBackend
from lab.backends.netns import bare
from lab.errors import LabFault
from lab.model.scenario import Probe, ProbeKind
from lab.record.entry import TimedEvent
from lab.record.events import ClientCall, Event, MessageReceived, NotifyReceived
from lab.record.evidence import accepted
from lab.record.writer import FILE_NAME, RecordWriter
from lab.runner import cell_file, progress
from lab.runner.cell import guarded, open_stage
from lab.runner.control_socket import Answer, ControlSocket
from lab.runner.live_faults import LiveFaults
from lab.runner.live_view import LiveView
from lab.runner.probing import send_probe
from lab.runner.set_up import set_up
from lab.runner.testbed import CellTestbed
from lab.runner.timeline import supervised
from lab.units import Seconds

_NAMESPACES = ("user", "mnt", "pid")
"""Those of the world, which a command in a node enters besides the node's network; the order in which it does."""


def run_job(folder: Path, open_backend: OpenBackend = bare) -> int:
    """Keep the cell in ``folder`` up; return the exit status (otherwise than 0: an ``error`` was said)."""
    return guarded(lambda folder: _run(folder, open_backend), folder)


def _run(folder: Path, open_backend: OpenBackend) -> None:
    record = RecordWriter(folder / FILE_NAME)
    say = partial(progress.say, cell=str(folder))
    try:
        testbed = open_stage(cell_file.read(folder), folder, record, open_backend)
        if testbed is None:
            raise LabFault("starting the client", detail="its container had ended before its network stood")
        asyncio.run(_play(testbed, record, say))
    finally:
        record.close()


async def _play(testbed: CellTestbed, record: RecordWriter, say: Callable[..., None]) -> None:
    try:
        await supervised(testbed, record, LiveCell(testbed, record, say).stay())
    finally:
        testbed.close()


class LiveCell:
    """A cell that stays up, and what it can be asked."""

    def __init__(self, testbed: CellTestbed, record: RecordWriter, say: Callable[..., None]) -> None:
        self._testbed = testbed
        self._record = record
        self._say = say
        self._view = LiveView(testbed)
        self._faults: LiveFaults | None = None
        self._silence: float | None = None
        self._probes = 0
        self._world = tuple(os.open(f"/proc/self/ns/{name}", os.O_RDONLY | os.O_CLOEXEC) for name in _NAMESPACES)

    async def stay(self) -> None:
        """Set the cell up, and answer until this is cancelled."""
        control = ControlSocket(self._testbed.folder, self._answer)
        try:
            self._silence = await set_up(self._testbed, self._say, sentinel=False)
            zero = time.monotonic() if self._silence is None else self._silence
            self._record.begin_silence(zero)
            self._faults = LiveFaults(self._testbed, silence=zero)
            self._say("phase", phase="up", account=self._silence is not None)
            await asyncio.get_running_loop().create_future()
        finally:
            control.close()

    async def _answer(self, asked: dict[str, Any]) -> Answer:
        do = asked["do"]
        if do == "status":
            faults = [] if self._faults is None else self._faults.shown()
            return Answer({**self._view.document(silence=self._silence), "faults": faults})
        if do == "enter":
            return Answer({}, (*self._world, self._testbed.network.namespaces[asked["node"]]))
        if self._faults is None:
            raise LabFault("the lab is not up yet", detail="wait for `lab up` to end")
        if do == "probe":
            return Answer(await self._probe(asked))
        if do == "inject":
            told = await self._faults.inject(asked["fault"])
        else:
            told = self._faults.end(asked["number"])
        self._record.flush()
        return Answer(told)

    async def _probe(self, asked: dict[str, Any]) -> dict[str, Any]:
        """Have the server probe the client; return what came of it."""
        self._probes += 1
        probe = Probe(
            at=Seconds(0),
            kind_=ProbeKind(asked["kind"]),
            within=Seconds(asked["within"]),
            hold=Seconds(asked["hold"]),
        )
        heard: list[float] = []

        def see(happening: TimedEvent[Event]) -> None:
            event = happening.event
            if isinstance(event, NotifyReceived | MessageReceived) or (
                isinstance(event, ClientCall) and event.state == "incoming"
            ):
                heard.append(happening.at)

        unwatch = self._record.watch(see)
        try:
            sent = send_probe(self._testbed, f"p{self._probes}", probe)
            fate = await sent.fate()
        finally:
            unwatch()
        return {
            "probe": sent.name,
            "kind": probe.kind_.value,
            "accepted": accepted(fate.event),
            "state": fate.event.state,
            "code": fate.event.code,
            "reason": fate.event.reason,
            "flow": fate.event.flow,
            "took_s": fate.at - sent.due,
            "received_after_s": heard[0] - sent.due if heard else None,
        }
