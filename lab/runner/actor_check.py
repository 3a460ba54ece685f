"""Tests all functions of a client, without a middlebox and without silence, for ``lab actor check``.

Leaves a record, as a cell does; time zero is the client's start. ``lab.judge.client_check`` says what it shows.
"""

from __future__ import annotations

import asyncio
import time
from pathlib import Path
from typing import Any

from lab.backends.base import OpenBackend
from lab.backends.netns import bare
from lab.errors import LabFault
from lab.model.client_check import HANGS_UP
from lab.record.events import Aborted, ClientReady, Probe, ProbeKindName, RunEnded, ServerReady, Step
from lab.record.writer import FILE_NAME, RUNNER, RecordWriter
from lab.runner import account_setup, cell_file
from lab.runner.cell import guarded, open_stage
from lab.runner.probing import PROBE_FATE_WITHIN_S
from lab.runner.set_up import READY_WITHIN_S
from lab.runner.testbed import CellTestbed
from lab.runner.timeline import supervised

PROBES: tuple[ProbeKindName, ...] = ("notify", "options", "message", "invite")
"""The first of them needs an account that subscribes."""
PROBE_WITHIN_S = 5.0
HOLD_S = 1.0
SETTLES_WITHIN_S = 1.0
"""What a client says of a probe, it says this soon after it has answered."""
ENDS_WITHIN_S = 5.0
"""A client that has been told to end, or has lost its runner, is gone by then."""


def run_job(folder: Path, open_backend: OpenBackend = bare) -> int:
    """Do what the cell's name says, in its folder; return the exit status."""
    return guarded(lambda folder: run(folder, open_backend), folder)


def run(folder: Path, open_backend: OpenBackend = bare) -> None:
    """Do what the cell's name says, in its folder."""
    subject = cell_file.read(folder)
    record = RecordWriter(folder / FILE_NAME)
    try:
        testbed = open_stage(subject, folder, record, open_backend)
        if testbed is not None:
            asyncio.run(_play(testbed, record))
    finally:
        record.close()


async def _play(testbed: CellTestbed, record: RecordWriter) -> None:
    try:
        await supervised(testbed, record, _check(testbed, record))
    finally:
        testbed.close()


async def _check(testbed: CellTestbed, record: RecordWriter) -> None:
    expected_events = testbed.expected_events
    gone = expected_events.next(Aborted, who=testbed.client_node)  # it may be before it is told to start
    client_ready = expected_events.next(ClientReady)
    ready = expected_events.next(ServerReady)
    testbed.start_server()
    await expected_events.within(READY_WITHIN_S, ready, "the server to be ready")
    done = account_setup.expected(testbed.cell, expected_events)
    record.begin_silence(time.monotonic())
    testbed.start_client()
    said: set[asyncio.Future[Any]] = {client_ready, done, gone}
    await asyncio.wait(said, timeout=READY_WITHIN_S, return_when=asyncio.FIRST_COMPLETED)
    if testbed.cell.name == HANGS_UP:
        record.take(RUNNER, Step(step="hang-up"))
        testbed.client.hang_up()
    else:
        said = {done, gone}
        await asyncio.wait(said, timeout=account_setup.WITHIN_S, return_when=asyncio.FIRST_COMPLETED)
        if done.done():
            for probe in PROBES if testbed.cell.subscribes else PROBES[1:]:
                await _probe(testbed, probe)
        await asyncio.wait({gone}, timeout=SETTLES_WITHIN_S)
        record.take(RUNNER, Step(step="stop"))
        testbed.client.tell("stop")
    await asyncio.wait({gone}, timeout=ENDS_WITHIN_S)
    testbed.observe_now()
    record.take(RUNNER, RunEnded())


async def _probe(testbed: CellTestbed, kind: ProbeKindName) -> None:
    fates = [testbed.expected_events.next(Probe, probe=kind, state=state) for state in ("answered", "failed")]
    held = {"hold": HOLD_S} if kind == "invite" else {}
    testbed.server.tell(kind, probe=kind, within=PROBE_WITHIN_S, **held)
    patience = 2 * PROBE_WITHIN_S + HOLD_S + PROBE_FATE_WITHIN_S
    done, _ = await asyncio.wait(fates, timeout=patience, return_when=asyncio.FIRST_COMPLETED)
    if not done:
        raise LabFault("probing the client", detail=f"the server did not say what became of {kind} in {patience:g} s")
