"""What happens in a cell, in order: set-up until the client falls silent; probes, faults, the challenge; the end.

All waiting is for an event with a deadline, or until a moment of the scenario; nothing polls.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

from lab.errors import LabFault
from lab.faults.base import Fault, faults_of, standstill_s
from lab.mitigations.catalogue import not_offered
from lab.model.impairment import loses, round_trip_s
from lab.model.scenario import Cell, Probe, ProbeKind
from lab.model.sentinel_time import followed_s
from lab.record import events
from lab.record.entry import Happening
from lab.record.events import Aborted, ClientReady, Event, RunEnded, ServerReady, Subscribed
from lab.record.writer import RUNNER, RecordWriter
from lab.runner import faults
from lab.runner.moment import moment_of
from lab.runner.stage import Stage
from lab.sip.status import is_success

READY_WITHIN_S = 60.0
"""An actor not ready after this time is broken: starting takes a few seconds in the slowest world seen."""

SUBSCRIBED_WITHIN_S = 70.0
"""Time for the client's set-up: two SIP transactions (Timer F, 32 s each), so that one failure may be retried."""

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
    return SUBSCRIBED_WITHIN_S + SETS_UP_IN_ROUND_TRIPS * round_trip_s(cell.impairments) + more


def challenge_at(cell: Cell) -> float:
    """When to challenge the sentinel: seconds after the client fell silent.

    After the middlebox should have forgotten its flows, if the run lasts that long; else as late as the run allows.
    """
    timeouts = [float(box.established_idle_timeout) for _, box in cell.middleboxes if box.established_idle_timeout]
    latest = float(cell.ends) - followed_s(cell.impairments) - CHALLENGE_ROOM_S
    after = min(timeouts, default=float("inf")) + CHALLENGE_AFTER_S
    return after if after <= latest else max(0.0, latest)


class Timeline:
    """Drives one stage through its scenario.

    Args:
        stage: built, not yet attached.
        say: takes progress (``phase``, ``probe``), see ``lab.runner.cell``.
    """

    def __init__(self, stage: Stage, record: RecordWriter, say: Callable[..., None]) -> None:
        self._stage = stage
        self._cell = stage.cell
        self._record = record
        self._say = say
        self._expectations = stage.expectations
        self._silence = 0.0

    async def run(self) -> None:
        """Set up, fall silent, do what the scenario says until it ends.

        Raises:
            LabFault: an actor did not get ready or stopped answering.
        """
        await supervised(self._stage, self._record, self._play())

    async def _play(self) -> None:
        if not await self._set_up():
            return
        tasks = [asyncio.create_task(self._at(probe.at, self._probe(n, probe))) for n, probe in self._numbered_probes()]
        tasks += [asyncio.create_task(self._fault(n, fault)) for n, fault in enumerate(faults_of(self._cell))]
        tasks.append(asyncio.create_task(self._at(challenge_at(self._cell), self._stage.challenge_sentinel())))
        tasks.append(asyncio.create_task(self._tell_time()))
        try:
            await asyncio.gather(*tasks)
        finally:
            for task in tasks:
                task.cancel()
        self._stage.observe_now()
        self._record.take(RUNNER, RunEnded(), at=self._silence + float(self._cell.ends))
        await self._stage.server_statistics()

    async def _set_up(self) -> bool:
        """Until the client falls silent; False if it never gets there."""
        self._say("phase", phase="starting")
        gone = self._expectations.next(Aborted, who=self._stage.client_node)  # it may be before it is told to start
        client_ready = self._expectations.next(ClientReady)
        ready = self._expectations.next(ServerReady)
        self._stage.start_server()
        await self._expectations.within(READY_WITHIN_S, ready, "the server to be ready")
        await self._stage.open_sentinel()
        self._say("phase", phase="subscribing")
        subscribed = self._expectations.next(Subscribed)
        self._stage.start_client()
        said: set[asyncio.Future[Any]]
        if self._stage.client_program.offers is None:
            said = {client_ready, subscribed, gone}
            await asyncio.wait(said, timeout=READY_WITHIN_S, return_when=asyncio.FIRST_COMPLETED)
            offered = client_ready.result().event.mitigations or () if client_ready.done() else ()
            if not_offered(self._cell.strategy.mitigations, offered):
                return False
        said = {subscribed, gone}
        await asyncio.wait(said, timeout=set_up_within_s(self._cell), return_when=asyncio.FIRST_COMPLETED)
        if not subscribed.done():
            return False
        self._silence = subscribed.result().at
        self._record.begin_silence(self._silence)
        self._say("phase", phase="silent")
        return True

    async def _tell_time(self) -> None:
        """Until the end, say how far the cell is."""
        for step in range(1, TIME_SIGNALS + 1):
            t = float(self._cell.ends) * step / TIME_SIGNALS
            await self._at(t, _nothing())
            self._say("time", t=t)

    def _numbered_probes(self) -> list[tuple[str, Probe]]:
        return [(f"p{number}", probe) for number, probe in enumerate(self._cell.probes, start=1)]

    async def _at(self, t: float, action: Coroutine[Any, Any, None]) -> None:
        """Do something at a moment of the scenario."""
        loop = asyncio.get_running_loop()
        try:
            await asyncio.sleep(self._silence + t - loop.time())
        except asyncio.CancelledError:
            action.close()
            raise
        await action

    async def _probe(self, name: str, probe: Probe) -> None:
        self._stage.observe_now()
        if self._stage.server.frozen:
            self._record.take(RUNNER, _while_frozen(name, probe))
            self._say("probe", probe=name, delivered=False, t=float(probe.at))
            return
        answered = self._expectations.next(events.Probe, probe=name, state="answered")
        failed = self._expectations.next(events.Probe, probe=name, state="failed")
        held = {"hold": float(probe.hold)} if probe.kind_ is ProbeKind.INVITE else {}
        if held and probe.ring:
            held["ring"] = float(probe.ring)
        self._stage.server.tell(probe.kind_.value, probe=name, within=float(probe.within), **held)
        patience = float(probe.known_at) - float(probe.at) + PROBE_FATE_WITHIN_S + standstill_s(self._cell)
        await asyncio.wait({answered, failed}, timeout=patience, return_when=asyncio.FIRST_COMPLETED)
        if not answered.done() and not failed.done():
            raise LabFault(
                "probing the client", detail=f"the server did not say what became of {name} in {patience:g} s"
            )
        delivered = answered.done() and is_success(answered.result().event.code)
        self._say("probe", probe=name, delivered=delivered, t=float(probe.at))

    async def _fault(self, number: int, fault: Fault) -> None:
        """Wait for a fault's moment, if it comes before the end, and do it."""
        until = self._silence + float(self._cell.ends)
        moment = await moment_of(fault.at, self._stage, silence=self._silence, until=until)
        if moment is not None and moment < until:
            await faults.inject(number, fault, self._stage, until=until)


async def supervised(stage: Stage, record: RecordWriter, play: Coroutine[Any, Any, None]) -> None:
    """Listen to everything on a stage while something is played on it.

    Raises:
        LabFault: the server has died, or an observer failed.
    """
    failed: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    asyncio.get_running_loop().set_exception_handler(lambda _, context: _settle(failed, context))
    record.watch(lambda happening: _server_died(failed, happening, server=stage.server_node))
    stage.attach()
    playing = asyncio.ensure_future(play)
    try:
        await asyncio.wait({playing, failed}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        playing.cancel()
    if failed.done():
        await failed
    await playing


def _settle(failed: asyncio.Future[None], context: dict[str, Any]) -> None:
    """What went wrong in a callback of the loop (an observer that lost events) ends the cell."""
    if not failed.done():
        failed.set_exception(context.get("exception") or LabFault("the event loop", detail=context["message"]))


def _server_died(failed: asyncio.Future[None], happening: Happening[Event], *, server: str) -> None:
    """The server is ours: its death is a lab fault, unlike the client's, which is an observation."""
    event = happening.event
    if isinstance(event, Aborted) and happening.who == server and not failed.done():
        failed.set_exception(LabFault(f"the SIP server ended by {event.how}", detail=event.last))


def _while_frozen(name: str, probe: Probe) -> events.Probe:
    """Return what becomes of a probe that was due while the server was frozen."""
    return events.Probe(
        probe=name, kind=probe.kind_.value, state="failed", code=None, flow=None, peer=None, reason="server-frozen"
    )


async def _nothing() -> None:
    """What happens at a moment of which only the passing matters."""
