"""Finds out what refreshes a mapping: packets of either direction, segments without data; and its longest life."""

from __future__ import annotations

import asyncio
import math
import socket
import time
from typing import Any

from lab.model.middlebox import RefreshDirection, RefreshingSegments
from lab.nat_probe.bracket import HALF, Bracket
from lab.nat_probe.session import Inbox, ResponderSession, Unanswered, flow_name
from lab.nat_probe.timers import POKES, Awake, Fate, answered_flow, poked, tcp

IN_USE_LONGEST_S = 3600.0
"""A mapping without a lifetime is kept in use for this long."""
_WITHIN = 0.6  # of the timer: so often a mapping is refreshed; twice that is longer than the timer
_OFTEN = 0.4  # of the timer: two such packets are within it
_KEEPALIVE = 0.7  # of the timer: when a TCP keep-alive goes; the second is later than the timer
_BEYOND, _MOST_BEYOND_S = 0.15, 5.0  # of the timer, and seconds: so much later a flow is tested
_MOST_KEEPALIVE = 32767  # linux/tcp.h: MAX_TCP_KEEPIDLE
_TRIES = 3
_ENDS_IN_USE = "flows ended even if they were in use: their lifetime is short, or the network was down"
_BEFORE_NEXT_S = 1.0  # a mapping in use is tested so long before it is used again
_SHORTEST_TIMER_S = 8.0  # below, a mapping in use cannot be left alone for long enough to see it end

Span = tuple[float, float]


async def direction(session: ResponderSession, timer: float) -> dict[str, Any]:
    """Refresh a UDP mapping from outside only, for longer than its timer, and see whether it lives.

    A mapping refreshed from inside must live: if it does not, something else ended both.
    """
    step = max(_WITHIN * timer, (timer + 1) / 2)
    if step >= timer:
        return {"unsure": f"the timer is too short to be refreshed ({timer:g} s)"}
    control, *fates = await asyncio.gather(
        _refreshed(session, step, inside=True), *(_refreshed(session, step, inside=False) for _ in range(_TRIES))
    )
    if Fate.REACHED in fates:
        return {"value": RefreshDirection.BOTH.value}
    if control is Fate.REACHED and Fate.LOST in fates:
        return {"value": RefreshDirection.OUTBOUND.value}
    return {"unsure": _ENDS_IN_USE}


async def _refreshed(session: ResponderSession, step: float, *, inside: bool) -> Fate:
    """Refresh a mapping once, from one side, and see whether it lives until twice the time."""
    flow, awake = flow_name(), Awake()
    pokes = [(2 * step, 0, POKES)] if inside else [(step, 0, 1), (2 * step, 0, POKES)]
    await session.pace()
    with Inbox() as box:
        try:
            await answered_flow(session, box)
            await session.idle(box, flow, pokes, answered=True)
        except Unanswered:
            return Fate.UNKNOWN
        if inside:
            await asyncio.sleep(step)
            session.send(box.sock, session.endpoints[0], {"op": "none"})
        left = step if inside else 2 * step
        return await poked(session, box, flow, left, awake, pokes=sum(copies for _, _, copies in pokes))


async def segments(session: ResponderSession, timer: float) -> dict[str, Any]:
    """Refresh a TCP flow with the kernel's keep-alives only, for longer than its timer, and see whether it lives.

    A flow refreshed with data must live: if it does not, something else ended both.
    """
    probing = max(1, min(round(_KEEPALIVE * timer), _MOST_KEEPALIVE))
    if probing >= timer:
        return {"unsure": f"the timer is too short to be refreshed ({timer:g} s)"}

    def keep_alive(writer: asyncio.StreamWriter) -> None:
        sock: socket.socket = writer.get_extra_info("socket")
        for option in (socket.TCP_KEEPIDLE, socket.TCP_KEEPINTVL):
            sock.setsockopt(socket.IPPROTO_TCP, option, probing)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)

    def send_data(writer: asyncio.StreamWriter) -> None:
        asyncio.get_running_loop().call_later(_WITHIN * timer, writer.write, b"x")

    idle = timer + HALF + min(_BEYOND * timer, _MOST_BEYOND_S)  # before the next one, which may make a new mapping
    control, *fates = await asyncio.gather(
        tcp(session, idle, prepare=send_data), *(tcp(session, idle, prepare=keep_alive) for _ in range(_TRIES))
    )
    if Fate.REACHED in fates:
        return {"value": RefreshingSegments.ANY.value}
    if control is Fate.REACHED and Fate.LOST in fates:
        return {"value": RefreshingSegments.DATA.value}
    return {"unsure": _ENDS_IN_USE}


async def lifetime(session: ResponderSession, timer: float, longest: float) -> dict[str, Any]:
    """Keep UDP mappings in use until one ends all the same, then look closely when.

    Two flows take turns: a mapping that ends just before it is used again may come back with the same port, and then
    only the other flow shows it.
    """
    longest = min(longest, IN_USE_LONGEST_S)
    if timer < _SHORTEST_TIMER_S:
        return {"unsure": f"the UDP timers are not known, or too short to see a mapping in use end ({timer:g} s)"}
    step = min(_OFTEN * timer, 30.0)
    spans = await asyncio.gather(*(_until_it_ends(session, step, delay, longest) for delay in (0.0, step / 2)))
    known = [span for span in spans if span is not None]
    if not known:
        return {"value": None, "alive": longest, "dead": None}
    used, tested = min(known, key=lambda span: span[1])
    bracket = Bracket(longest=tested + step, reached={math.floor(used) - HALF}, lost={math.ceil(tested) + HALF: 1})
    while times := bracket.next():
        fates = await asyncio.gather(*(_at_age(session, step, math.floor(used) - 1.0, age) for age in times))
        if Fate.UNKNOWN in fates:
            return {"unsure": "no answer over UDP"}
        for age, fate in zip(times, fates, strict=True):
            bracket.note(age, reached=fate is Fate.REACHED)
    return {"value": bracket.timer, "alive": bracket.alive, "dead": bracket.dead}


async def _until_it_ends(session: ResponderSession, step: float, delay: float, longest: float) -> Span | None:
    """Use a mapping again and again; return its age when it was last used before it ended, and when it was missed."""
    await session.pace()
    with Inbox() as box:
        begun = time.monotonic()
        try:
            at = await answered_flow(session, box)
            await asyncio.sleep(delay)
            while (used := time.monotonic() - begun) < longest:
                flow, awake, wait = flow_name(), Awake(), step - _BEFORE_NEXT_S
                if await session.idle(box, flow, [(wait, 0, POKES)], answered=True) != at:
                    return max(0.0, used - step - _BEFORE_NEXT_S), used
                if await poked(session, box, flow, wait, awake, pokes=POKES) is Fate.LOST:
                    return used, used + wait
                await asyncio.sleep(max(0.0, begun + used + step - time.monotonic()))
        except Unanswered:
            return None
    return None


async def _at_age(session: ResponderSession, step: float, used_until: float, age: float) -> Fate:
    """Use a mapping until some age; return whether it can be reached at another, from outside."""
    await session.pace()
    with Inbox() as box:
        begun, awake, flow = time.monotonic(), Awake(), flow_name()
        try:
            at = await answered_flow(session, box)
            while (left := begun + used_until - time.monotonic()) > 0:
                await asyncio.sleep(min(step, left))
                if tuple((await session.where(box))["at"]) != at:
                    return Fate.LOST
            wait = max(0.0, begun + age - time.monotonic())
            await session.idle(box, flow, [(wait, 0, POKES)], answered=True)
        except Unanswered:
            return Fate.UNKNOWN
        return await poked(session, box, flow, wait, awake, pokes=POKES)
