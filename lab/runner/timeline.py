"""Runs a cell in order: set-up until the client falls silent; probes, faults, the challenge; the end.

All waiting is for an event with a deadline, or until a moment of the scenario; nothing polls.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from functools import partial
from typing import Any

from lab.errors import LabFault
from lab.faults.base import faults_of
from lab.model.scenario import Cell, Probe
from lab.model.sentinel_time import followed_s
from lab.record.entry import TimedEvent
from lab.record.events import Aborted, Event, LimitPassed, RunEnded
from lab.record.writer import RUNNER, RecordWriter
from lab.runner.agenda import Agenda, Turn
from lab.runner.faults import Faults
from lab.runner.probing import SentProbe, send_probe
from lab.runner.set_up import set_up
from lab.runner.testbed import CellTestbed
from lab.sip.status import is_success

TIME_SIGNALS = 20
"""How often a cell says how far it is: enough to watch, too few to matter; each is one wake-up of the runner."""

CHALLENGE_AFTER_S = 2.0
"""The sentinel is challenged this long after its flows should be forgotten; conntrack counts in ticks, far finer."""

CHALLENGE_ROOM_S = 1.0
"""From the end of a challenge to the end of the run."""


def challenge_at(cell: Cell) -> float:
    """Return when to challenge the sentinel, in seconds after the client fell silent.

    After the middlebox should have forgotten its flows, if the run lasts that long; else as late as the run allows.
    """
    timeouts = [float(box.established_idle_timeout) for _, box in cell.middleboxes if box.established_idle_timeout]
    latest = float(cell.ends) - followed_s(cell.impairments) - CHALLENGE_ROOM_S
    after = min(timeouts, default=float("inf")) + CHALLENGE_AFTER_S
    return after if after <= latest else max(0.0, latest)


class Timeline:
    """Drives one testbed through its scenario.

    Args:
        testbed: built, not yet attached.
        say: takes progress (``phase``, ``probe``), see ``lab.runner.cell``.
    """

    def __init__(self, testbed: CellTestbed, record: RecordWriter, say: Callable[..., None]) -> None:
        self._testbed = testbed
        self._cell = testbed.cell
        self._record = record
        self._say = say
        self._silence = 0.0

    async def run(self) -> None:
        """Set up, fall silent, do what the scenario says until it ends.

        Raises:
            LabFault: an actor did not get ready or stopped answering.
        """
        await supervised(self._testbed, self._record, self._play())

    async def _play(self) -> None:
        if not await self._set_up():
            return
        agenda, ends = Agenda(self._silence), float(self._cell.ends)
        faults = Faults(self._testbed, agenda, silence=self._silence)
        for number, fault in enumerate(faults_of(self._cell)):
            faults.schedule(number, fault)
        for name, probe in self._numbered_probes():
            agenda.add(float(probe.at), Turn.PROBE, partial(self._probe, agenda, name, probe))
        agenda.add(challenge_at(self._cell), Turn.OTHER, partial(self._challenge, agenda))
        for step in range(1, TIME_SIGNALS + 1):
            t = ends * step / TIME_SIGNALS
            agenda.add(t, Turn.OTHER, partial(self._tell_time, t))
        await agenda.run(ends)
        self._testbed.observe_now()
        self._record.take(RUNNER, RunEnded(), at=self._silence + float(self._cell.ends))
        await self._testbed.server_statistics()

    async def _set_up(self) -> bool:
        """Run the set-up until the client falls silent; return False if it fails."""
        silence = await set_up(self._testbed, self._say, sentinel=True)
        if silence is None:
            return False
        self._silence = silence
        self._record.begin_silence(self._silence)
        self._say("phase", phase="silent")
        return True

    async def _tell_time(self, t: float) -> None:
        """Report the cell's progress."""
        self._testbed.client.check_output()
        self._say("time", t=t)

    async def _challenge(self, agenda: Agenda) -> None:
        agenda.begin(self._testbed.challenge_sentinel())

    def _numbered_probes(self) -> list[tuple[str, Probe]]:
        return [(f"p{number}", probe) for number, probe in enumerate(self._cell.probes, start=1)]

    async def _probe(self, agenda: Agenda, name: str, probe: Probe) -> None:
        """Make the server send a probe, and wait for its result in the background."""
        agenda.begin(self._fate(send_probe(self._testbed, name, probe), probe))

    async def _fate(self, sent: SentProbe, probe: Probe) -> None:
        """Wait until the server has said what became of a probe; one that is frozen says so when it goes on."""
        fate = await sent.fate()
        delivered = fate.event.state == "answered" and is_success(fate.event.code)
        self._say("probe", probe=sent.name, delivered=delivered, t=float(probe.at))


async def supervised(testbed: CellTestbed, record: RecordWriter, play: Coroutine[Any, Any, None]) -> None:
    """Listen to everything on a stage while something is played on it; an actor that passes a bound ends it.

    Raises:
        LabFault: the server has died, or an observer failed.
    """
    failed: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    asyncio.get_running_loop().set_exception_handler(lambda _, context: _settle(failed, context))
    passed: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    record.watch(lambda happening: _server_died(failed, happening, testbed))
    record.watch(lambda happening: _limit_passed(passed, happening))
    testbed.attach()
    playing = asyncio.ensure_future(play)
    try:
        await asyncio.wait({playing, failed, passed}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        playing.cancel()
    if failed.done():
        await failed
    if not passed.done():
        await playing


def _settle(failed: asyncio.Future[None], context: dict[str, Any]) -> None:
    """End the cell after an error in a callback of the loop (an observer that lost events)."""
    if not failed.done():
        failed.set_exception(context.get("exception") or LabFault("the event loop", detail=context["message"]))


def _server_died(failed: asyncio.Future[None], happening: TimedEvent[Event], testbed: CellTestbed) -> None:
    """End the cell after the death of a server or proxy, which is a lab fault; a client's is an observation."""
    event = happening.event
    if isinstance(event, Aborted) and happening.who in (testbed.server_node, testbed.front_node) and not failed.done():
        which = "SIP server"
        if testbed.name_server is not None and testbed.name_server.over:
            which = "name server"
        elif testbed.proxy is not None and testbed.proxy.over:
            which = "proxy"
        failed.set_exception(LabFault(f"the {which} ended by {event.how}", detail=event.last))


def _limit_passed(passed: asyncio.Future[None], happening: TimedEvent[Event]) -> None:
    """Note that an actor has passed a bound: nothing that follows would show anything."""
    if isinstance(happening.event, LimitPassed) and not passed.done():
        passed.set_result(None)
