"""Finds the hops that hold state, and so whether there are several NATs in a row.

A flow is left idle for longer than a timer, but for keep-alives that do not travel all the way: those from inside die
one hop before hop *n*, those from outside one hop behind it (their TTL says so). So every hop but *n* is refreshed. If
the flow then cannot be reached, hop *n* holds state with a shorter timer. This is done for each hop, and for several
idle times, because each NAT has a timer of its own. (The method is that of Netalyzr; Richter et al., A
Multi-perspective Analysis of Carrier-Grade NAT Deployment, IMC 2016.)

A NAT that refreshes its mappings only with packets that it also passes on looks like three hops in a row: the
keep-alives for its neighbours die in it. So it can hide a neighbour. Where only packets from inside refresh a mapping
nothing can be said. Therefore the addresses of the hops are looked at, too: behind a home's NAT, an address of RFC 6598
is its carrier's.
"""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import Iterable
from ipaddress import ip_address, ip_network
from itertools import groupby
from typing import Any

from lab.nat_probe.session import Inbox, ResponderSession, Unanswered, flow_name
from lab.nat_probe.timers import POKES, Awake, Fate, answered_flow, poked

MOST_HOPS = 24
_OFTEN = 0.4
_BEYOND_S = 1.5
_FACTORS = (1.0, 2.0, 4.0)
"""Of the timer: how long flows are idle, for NATs whose timers are longer."""
_MOST_TRIES = 3
_IP_RECVERR, _MSG_ERRQUEUE = 11, 0x2000  # linux/in.h, linux/socket.h
_OFFENDER = 16  # bytes of struct sock_extended_err (linux/errqueue.h); after it the sender's sockaddr_in
_ICMP_WITHIN_S = 1.0
_SHARED = ip_network("100.64.0.0/10")  # RFC 6598


async def stateful(session: ResponderSession, timer: float, longest: float) -> dict[str, Any]:
    """Return the hops that hold state, each with the idle time that showed it."""
    out = await _distance(session, back=False)
    back = await _distance(session, back=True)
    if out is None or back is None:
        return {"unsure": "the number of hops to the responder is not clear"}
    routers = out - 1
    idles = [idle for factor in _FACTORS if (idle := factor * timer + _BEYOND_S) <= max(longest, timer + _BEYOND_S)]
    dead: dict[int, float] = {}
    for idle in idles:  # the shorter first, so that each hop gets the shortest time that showed it
        hops = [hop for hop in range(routers + 2) if hop not in dead]
        control, *fates = await asyncio.gather(
            *(_tried(session, hop, idle, _OFTEN * timer, out, back) for hop in (None, *hops))
        )
        if Fate.UNKNOWN in (control, *fates):
            return {"unsure": "no answer over UDP"}
        if control is Fate.LOST:  # flows in use end: nothing is known of longer times
            break
        dead.update({hop: idle for hop, fate in zip(hops, fates, strict=True) if fate is Fate.LOST})
    boxes = [hop for hop in decoded(dead) if 0 < hop <= routers]
    return {"value": boxes, "hops": sorted(dead), "idle": {str(hop): dead[hop] for hop in boxes}, "routers": routers}


def decoded(dead: Iterable[int]) -> list[int]:
    """Return the hops that hold state, from those that looked so: three in a row are the one in their middle."""
    found: list[int] = []
    for _, run in groupby(enumerate(sorted(dead)), lambda pair: pair[1] - pair[0]):
        hops = [hop for _, hop in run]
        while hops:
            if len(hops) >= 3:
                found.append(hops[1])
                hops = hops[3:]
            else:
                found.append(hops.pop(0))
    return found


async def path(session: ResponderSession) -> list[str]:
    """Return the addresses of the hops to the responder, as their ICMP errors say; empty for one that says nothing."""
    hops: list[str] = []
    out = await _distance(session, back=False)
    for ttl in range(1, out or 1):
        address = ""
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            sock.settimeout(0)
            sock.setsockopt(socket.IPPROTO_IP, _IP_RECVERR, 1)
            for _ in range(_MOST_TRIES):
                session.send(sock, session.endpoints[0], {"op": "none"}, ttl=ttl)
                await asyncio.sleep(_ICMP_WITHIN_S)
                if address := _offender(sock):
                    break
        hops.append(address)
    return hops


def _offender(sock: socket.socket) -> str:
    """Return which host sent the ICMP error that waits on a socket (ip(7), IP_RECVERR)."""
    try:
        _, extra, _, _ = sock.recvmsg(512, 512, _MSG_ERRQUEUE)
    except OSError:
        return ""
    for level, kind, data in extra:
        if (level, kind) == (socket.IPPROTO_IP, _IP_RECVERR) and len(data) >= _OFFENDER + 8:
            return socket.inet_ntoa(data[_OFFENDER + 4 : _OFFENDER + 8])
    return ""


def in_a_row(local: str, hops: list[str], boxes: list[int]) -> str:
    """Return what speaks for several NATs in a row; empty: nothing."""
    if len(boxes) > 1:
        return f"hops {' and '.join(map(str, boxes))} hold state"
    if ip_address(local) in _SHARED:
        return ""  # this host is in the carrier's network itself
    for hop, address in enumerate(hops, start=1):
        if address and ip_address(address) in _SHARED:
            return f"hop {hop} has the address {address} of a carrier's NAT (RFC 6598)"
    return ""


async def _distance(session: ResponderSession, *, back: bool) -> int | None:
    """Return the least TTL with which a request arrives, or an answer."""
    with Inbox() as box:
        await session.where(box)
        for ttl in range(1, MOST_HOPS + 1):
            try:
                await session.where(box, ttl=0 if back else ttl, back=ttl if back else 0, tries=2)
            except Unanswered:
                continue
            return ttl
    return None


async def _tried(session: ResponderSession, hop: int | None, idle: float, step: float, out: int, back: int) -> Fate:
    """Return whether a flow can be reached at the end if all hops but one are refreshed; None: all are."""
    fate = Fate.UNKNOWN
    for _ in range(_MOST_TRIES):
        fate = await _idle_but_for(session, hop, idle, step, out, back)
        if fate is not Fate.UNKNOWN:
            break
    return fate


async def _idle_but_for(
    session: ResponderSession, hop: int | None, idle: float, step: float, out: int, back: int
) -> Fate:
    flow, awake = flow_name(), Awake()
    near, far = (out, 0) if hop is None else (min(hop - 1, out - 1), min(back - 1 - hop, back - 1))
    times = [step * number for number in range(1, int((idle - 0.2) / step) + 1)]
    await session.pace()
    with Inbox() as box:
        try:
            await answered_flow(session, box)
            refreshing = [(at, far, 1) for at in times] if far > 0 else []
            await session.idle(box, flow, [*refreshing, (idle, 0, POKES)], answered=True)
        except Unanswered:
            return Fate.UNKNOWN
        begun = time.monotonic()
        keeping = asyncio.ensure_future(_keep(session, box, begun, times, near)) if near > 0 else None
        try:
            return await poked(session, box, flow, idle, awake, pokes=len(refreshing) + POKES)
        finally:
            if keeping is not None:
                keeping.cancel()


async def _keep(session: ResponderSession, box: Inbox, begun: float, times: list[float], ttl: int) -> None:
    """Send datagrams that travel some hops only."""
    for at in times:
        await asyncio.sleep(max(0.0, begun + at - time.monotonic()))
        session.send(box.sock, session.endpoints[0], {"op": "none"}, ttl=ttl)
