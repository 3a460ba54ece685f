"""Runs a cell in order: set-up until the client falls silent; probes, faults, the challenge; the end.

All waiting is for an event with a deadline, or until a moment of the scenario; nothing polls.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from functools import partial
from typing import Any

from lab.errors import LabFault
from lab.faults.base import faults_of, standstill_s
from lab.mitigations.catalog import not_offered
from lab.model.impairment import loses, round_trip_s
from lab.model.scenario import Cell, Probe, ProbeKind
from lab.model.sentinel_time import followed_s
from lab.record import events
from lab.record.entry import TimedEvent
from lab.record.events import Aborted, ClientReady, Event, LimitPassed, RunEnded, ServerReady
from lab.record.writer import RUNNER, RecordWriter
from lab.runner import account_setup
from lab.runner.agenda import Agenda, Turn
from lab.runner.faults import Faults
from lab.runner.testbed import CellTestbed
from lab.sip.status import is_success

_Said = asyncio.Future[TimedEvent[events.Probe]]

READY_WITHIN_S = 60.0
"""An actor not ready after this time is broken: starting takes a few seconds in the slowest world seen."""

SETS_UP_IN_ROUND_TRIPS = 10
"""TCP, TLS (RFC 8446 §2; two for 1.2), REGISTER and SUBSCRIBE are five; as many again where each is sent twice."""

RETRIES_S = 120.0
"""Beyond that, where packets are lost: TCP's back-off from 1 s to 64 s (RFC 6298 §5.5)."""

PROBE_FATE_WITHIN_S = 5.0
"""The server says what became of a probe once its time is over; this much later it is broken."""

TIME_SIGNALS = 20
"""How often a cell says how far it is: enough to watch, too few to matter; each is one wake-up of the runner."""

CHALLENGE_AFTER_S = 2.0
"""The sentinel is challenged this long after its flows should be forgotten; conntrack counts in ticks, far finer."""

CHALLENGE_ROOM_S = 1.0
"""From the end of a challenge to the end of the run."""


def set_up_within_s(cell: Cell) -> float:
    """Return how long the client's set-up may take, in seconds."""
    more = RETRIES_S if loses(cell.impairments) else 0.0
    return account_setup.WITHIN_S + SETS_UP_IN_ROUND_TRIPS * round_trip_s(cell.impairments) + more


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
        self._expected_events = testbed.expected_events
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
        self._say("phase", phase="starting")
        gone = self._expected_events.next(
            Aborted, who=self._testbed.client_node
        )  # it may be before it is told to start
        client_ready = self._expected_events.next(ClientReady)
        await self._testbed.start_name_server(READY_WITHIN_S)
        ready = self._expected_events.next(ServerReady)
        self._testbed.start_server()
        await self._expected_events.within(READY_WITHIN_S, ready, "the server to be ready")
        await self._testbed.start_proxy(READY_WITHIN_S)
        await self._testbed.open_sentinel()
        self._say("phase", phase="subscribing" if self._cell.subscribes else "registering")
        done = account_setup.expected(self._cell, self._expected_events)
        self._testbed.start_client()
        said: set[asyncio.Future[Any]]
        if self._testbed.client_program.offers is None:
            said = {client_ready, done, gone}
            await asyncio.wait(said, timeout=READY_WITHIN_S, return_when=asyncio.FIRST_COMPLETED)
            offered = client_ready.result().event.mitigations or () if client_ready.done() else ()
            if not_offered(self._cell.strategy.mitigations, offered):
                return False
        said = {done, gone}
        await asyncio.wait(said, timeout=set_up_within_s(self._cell), return_when=asyncio.FIRST_COMPLETED)
        if not done.done():
            return False
        self._silence = done.result()
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
        self._testbed.observe_now()
        if self._testbed.server.frozen:
            self._record.take(RUNNER, _while_frozen(name, probe))
            self._say("probe", probe=name, delivered=False, t=float(probe.at))
            return
        answered = self._expected_events.next(events.Probe, probe=name, state="answered")
        failed = self._expected_events.next(events.Probe, probe=name, state="failed")
        held = {"hold": float(probe.hold)} if probe.kind_ is ProbeKind.INVITE else {}
        if held and probe.ring:
            held["ring"] = float(probe.ring)
        due = asyncio.get_running_loop().time()
        self._testbed.server.tell(probe.kind_.value, probe=name, within=float(probe.within), due=due, **held)
        agenda.begin(self._fate(name, probe, answered, failed))

    async def _fate(self, name: str, probe: Probe, answered: _Said, failed: _Said) -> None:
        """Wait until the server has said what became of a probe; one that is frozen says so when it goes on."""
        patience = float(probe.known_at) - float(probe.at) + PROBE_FATE_WITHIN_S + standstill_s(self._cell)
        await asyncio.wait({answered, failed}, timeout=patience, return_when=asyncio.FIRST_COMPLETED)
        if not answered.done() and not failed.done():
            raise LabFault(
                "probing the client", detail=f"the server did not say what became of {name} in {patience:g} s"
            )
        delivered = answered.done() and is_success(answered.result().event.code)
        self._say("probe", probe=name, delivered=delivered, t=float(probe.at))


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


def _while_frozen(name: str, probe: Probe) -> events.Probe:
    """Return what becomes of a probe that was due while the server was frozen."""
    return events.Probe(
        probe=name, kind=probe.kind_.value, state="failed", code=None, flow=None, peer=None, reason="server-frozen"
    )
