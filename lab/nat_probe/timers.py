"""Searches for the timers of a NAT with many flows at a time; each is left idle once."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from enum import Enum
from typing import Protocol

from lab.nat_probe.bracket import Bracket
from lab.nat_probe.findings import Findings
from lab.nat_probe.responder import ANSWERED
from lab.nat_probe.session import Inbox, ResponderError, ResponderSession, Unanswered, flow_name, is_poke

POKES = 3
"""Copies of what tests a mapping: one may be lost."""
PATIENCE_S = 3.0
"""For this long after a poke is due it is waited for: two round trips of a satellite, and the copies."""
SPACING_S, EXCHANGES = 0.7, 4
"""Exchanges that make a UDP flow an answered one: Linux asks for 2 s (nf_conntrack_proto_udp.c)."""
_TRIES = 5
_PAUSE_S = 30.0  # before another try, if the responder could not be asked
_SLEPT_S = 0.25
"""If the host was suspended for longer than this, what it did not hear proves nothing."""


class Fate(Enum):
    """The end of a flow that was left idle."""

    REACHED = "reached"
    LOST = "lost"
    UNKNOWN = "unknown"


class Tell(Protocol):
    """Takes news of a timer."""

    def __call__(self, question: str, bracket: Bracket) -> None:
        """Take them."""


class Awake:
    """Notices that the host was suspended: only CLOCK_BOOTTIME goes on then."""

    def __init__(self) -> None:
        self._apart = self._now()

    @staticmethod
    def _now() -> float:
        return time.clock_gettime(time.CLOCK_BOOTTIME) - time.monotonic()

    def slept(self) -> bool:
        """Return whether it was."""
        return self._now() - self._apart > _SLEPT_S


@dataclass(frozen=True)
class TimerQuestion:
    """A timer to be found.

    Attributes:
        name: as the findings have it.
        idle_flow: leaves a flow idle for some seconds.
    """

    name: str
    idle_flow: Callable[[ResponderSession, float], Awaitable[Fate]]


async def udp_one_way(session: ResponderSession, idle: float) -> Fate:
    """Leave a UDP mapping idle that nobody has answered."""
    return await _udp(session, idle, answered=False)


async def udp_answered(session: ResponderSession, idle: float) -> Fate:
    """Leave a UDP mapping idle that has been answered for some seconds."""
    return await _udp(session, idle, answered=True)


async def tcp_established(session: ResponderSession, idle: float) -> Fate:
    """Leave a TCP flow idle."""
    return await tcp(session, idle)


async def tcp_half_closed(session: ResponderSession, idle: float) -> Fate:
    """Leave a TCP flow idle that this side has closed."""
    return await tcp(session, idle, half=True)


OVER_UDP = (TimerQuestion("udp-one-way", udp_one_way), TimerQuestion("udp-answered", udp_answered))
OVER_TCP = (
    TimerQuestion("tcp-half-closed", tcp_half_closed),
    TimerQuestion("tcp-established", tcp_established),
)


async def search(
    session: ResponderSession, question: TimerQuestion, bracket: Bracket, kept: Findings, tell: Tell
) -> None:
    """Try idle times until the timer is known, or is longer than may be waited for."""
    while times := bracket.next():
        tell(question.name, bracket)
        await _round(session, question, bracket, kept, times)
    tell(question.name, bracket)


async def _round(
    session: ResponderSession, question: TimerQuestion, bracket: Bracket, kept: Findings, times: list[float]
) -> None:
    """Try some idle times at once; what is longer than one that lost its flow need not be waited for."""
    running = {asyncio.ensure_future(_tried(session, question, idle)): idle for idle in times}
    try:
        while running:
            done, _ = await asyncio.wait(running, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                idle = running.pop(task)
                fate = await task
                bracket.note(idle, reached=fate is Fate.REACHED)
                kept.save()
            for task, idle in list(running.items()):
                if bracket.dead is not None and idle > bracket.dead:
                    task.cancel()
                    del running[task]
    finally:
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)


async def _tried(session: ResponderSession, question: TimerQuestion, idle: float) -> Fate:
    """Return what came of a flow; if that is unknown, another is tried."""
    for attempt in range(_TRIES):
        try:
            fate = await question.idle_flow(session, idle)
            if fate is not Fate.UNKNOWN:
                return fate
        except ResponderError:
            if attempt == _TRIES - 1:
                raise
        await asyncio.sleep(_PAUSE_S)
    raise ResponderError(
        f"{question.name}: flows idle for {idle:g} s came to nothing {_TRIES} times; is the network down?"
    )


async def answered_flow(session: ResponderSession, box: Inbox) -> tuple[str, int]:
    """Exchange datagrams until a NAT takes the flow for an answered one; return from where it comes out."""
    for _ in range(EXCHANGES):
        host, port = (await session.where(box))["at"]
        await asyncio.sleep(SPACING_S)
    return host, port


async def _udp(session: ResponderSession, idle: float, *, answered: bool) -> Fate:
    flow, awake = flow_name(), Awake()
    await session.pace()
    with Inbox() as box:
        try:
            if answered:
                await answered_flow(session, box)
            await session.idle(box, flow, [(idle, 0, POKES)], answered=answered)
        except Unanswered:
            return Fate.UNKNOWN
        return await poked(session, box, flow, idle, awake, pokes=POKES)


async def poked(session: ResponderSession, box: Inbox, flow: str, idle: float, awake: Awake, *, pokes: int) -> Fate:
    """Wait for the last poke of a flow, due after ``idle`` seconds; if none comes, see whether that proves anything."""
    until = time.monotonic() + idle + PATIENCE_S
    due = time.monotonic() + idle - 1.0
    while (left := until - time.monotonic()) > 0 and (came := await box.next(left)) is not None:
        if is_poke(came[0], flow) and time.monotonic() >= due:
            return Fate.REACHED
    with Inbox() as witness:
        try:
            await session.where(witness)  # so the network was not down
        except Unanswered:
            return Fate.UNKNOWN
    notes = (await session.tell("drop", [flow]))[flow] or {}
    return Fate.LOST if notes.get("sent") == pokes and not awake.slept() else Fate.UNKNOWN


async def tcp(
    session: ResponderSession,
    idle: float,
    *,
    half: bool = False,
    prepare: Callable[[asyncio.StreamWriter], None] | None = None,
) -> Fate:
    """Leave a TCP flow idle.

    Args:
        session: with the responder.
        idle: seconds.
        half: whether this side closes it before.
        prepare: does something with it, or arranges for it to be done.
    """
    flow, awake = flow_name(), Awake()
    reader, writer = await session.flow(flow, after=idle, half=half)
    if prepare is not None:
        prepare(writer)
    ended = True
    try:
        byte = await asyncio.wait_for(reader.read(1), idle + PATIENCE_S)
    except OSError:
        byte = b""
    except asyncio.TimeoutError:
        byte, ended = b"", False
    finally:
        writer.transport.abort()
    if byte == ANSWERED:
        return Fate.REACHED
    notes = (await session.tell("seen", [flow]))[flow]
    if notes is None:
        return Fate.UNKNOWN
    known = ended or notes["sent"] == 1 or "reset" in notes.get("found", ())  # the responder ends none before its time
    return Fate.LOST if known and not awake.slept() else Fate.UNKNOWN
