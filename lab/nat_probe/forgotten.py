"""Finds out what a TCP flow meets whose mapping has expired: silence, RST, FIN, ICMP, or a new mapping."""

from __future__ import annotations

import asyncio
import errno
import socket
import time
from dataclasses import dataclass
from typing import Any

from lab.model.middlebox import ForgottenFlow
from lab.nat_probe.session import ResponderSession, flow_name

BEYOND_S = 1.5
"""So much longer than its timer a flow is idle."""
_WITHIN_S = 3.0  # the answer of a middlebox comes at once; the responder watches for 5 s
_IP_RECVERR = 11  # linux/in.h


@dataclass(frozen=True, kw_only=True)
class Encounter:
    """The responses to two flows, one sent to from inside, the other from outside.

    Attributes:
        inside_found: what had come to the inside by itself: ``nothing``, ``reset``, ``closed``.
        outside_found: the same for the outside.
        inside: what came of sending from inside: ``nothing``, ``reset``, ``unreachable``, ``delivered``.
        outside: what came of sending from outside: ``nothing``, ``reset``.
        elsewhere: whether what the inside sent came out of another port; None: the responder could not see that.
    """

    inside_found: str
    outside_found: str
    inside: str
    outside: str
    elsewhere: bool | None


def behavior(met: Encounter) -> tuple[ForgottenFlow | None, str]:
    """Return the behavior with these observations, None if there is none; and what is unsure about it."""
    if met.inside_found != "nothing" or met.outside_found != "nothing":
        if (met.inside_found, met.outside_found) == ("reset", "reset"):
            return ForgottenFlow.RST_TO_BOTH, ""
        if (met.inside_found, met.outside_found) == ("closed", "nothing"):
            return ForgottenFlow.FIN_TO_INSIDE, ""
        return None, _words(met)
    if met.inside == "reset" and met.elsewhere:
        return ForgottenFlow.REPICKUP_NEW_PORT, ""
    if met.inside == "reset" and met.outside == "nothing" and met.elsewhere is None:
        return ForgottenFlow.RST_TO_INSIDE, f"may be {ForgottenFlow.REPICKUP_NEW_PORT.value}: run the responder as root"
    way = {
        ("nothing", "nothing"): ForgottenFlow.SILENT,
        ("delivered", "nothing"): ForgottenFlow.REPICKUP,
        ("reset", "reset"): ForgottenFlow.RST_TO_SENDER,
        ("reset", "nothing"): ForgottenFlow.RST_TO_INSIDE,
        ("unreachable", "nothing"): ForgottenFlow.UNREACHABLE_TO_INSIDE,
    }.get((met.inside, met.outside))
    return way, "" if way else _words(met)


def _words(met: Encounter) -> str:
    return (
        f"no profile can say it: the inside found {met.inside_found} and sending met {met.inside},"
        f" the outside found {met.outside_found} and sending met {met.outside}"
    )


async def forgotten(session: ResponderSession, timer: float) -> dict[str, Any]:
    """Leave flows idle for longer than the timer, and see what sending on them meets, from either side."""
    idle = timer + BEYOND_S
    (inside_found, inside, elsewhere), (outside_found, outside) = await asyncio.gather(
        _sent_from_inside(session, idle), _sent_from_outside(session, idle)
    )
    met = Encounter(
        inside_found=inside_found,
        outside_found=outside_found,
        inside=inside,
        outside=outside,
        elsewhere=elsewhere if session.has_raw else None,
    )
    way, unsure = behavior(met)
    return {**({"value": way.value} if way else {}), **({"unsure": unsure} if unsure else {}), "met": [inside, outside]}


async def _sent_from_inside(session: ResponderSession, idle: float) -> tuple[str, str, bool]:
    flow = flow_name()
    reader, writer = await session.flow(flow, after=idle + BEYOND_S, poke=False)
    sock: socket.socket = writer.get_extra_info("socket")
    sock.setsockopt(socket.IPPROTO_IP, _IP_RECVERR, 1)  # so that an ICMP error is one at once
    try:
        found = await _what_comes(reader, idle)
        inside = "nothing"
        if found == "nothing":
            writer.write(flow.encode())
            inside = await _what_comes(reader, _WITHIN_S)
    finally:
        writer.transport.abort()
    await asyncio.sleep(BEYOND_S)
    notes = (await session.tell("seen", [flow]))[flow] or {}
    if any(name == "data" for name, _ in notes.get("events", ())):
        inside = "delivered"
    return found, inside, "elsewhere" in notes


async def _sent_from_outside(session: ResponderSession, idle: float) -> tuple[str, str]:
    flow = flow_name()
    begun = time.monotonic()
    _, writer = await session.flow(flow, after=idle)
    try:
        await asyncio.sleep(begun + idle + _WITHIN_S - time.monotonic())
        notes = (await session.tell("seen", [flow]))[flow] or {}
    finally:
        writer.transport.abort()
    found = (*notes.get("found", ()), "nothing")[0]
    later = [name for name, _ in notes.get("events", ())][len(notes.get("found", ())) :]
    return found, (*later, "nothing")[0]


async def _what_comes(reader: asyncio.StreamReader, within: float) -> str:
    """Return what comes on a flow within some seconds."""
    try:
        data = await asyncio.wait_for(reader.read(1), within)
    except asyncio.TimeoutError:
        return "nothing"
    except ConnectionResetError:
        return "reset"
    except OSError as error:
        return "unreachable" if error.errno in (errno.EHOSTUNREACH, errno.ENETUNREACH, errno.EACCES) else "error"
    return "data" if data else "closed"
