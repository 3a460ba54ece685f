"""Finds out what happens to SIP (an application-level gateway) and to IPv4 fragments on the way."""

from __future__ import annotations

import asyncio
import base64
import socket
from contextlib import suppress
from typing import Any

from lab.model.middlebox import SipAlg
from lab.nat_probe.responder import SIP_PORT
from lab.nat_probe.session import Inbox, ResponderSession, Unanswered, flow_name

_ARRIVES_WITHIN_S = 1.5
_TRIES = 3
_FRAGMENTED = 2600
"""Bytes: two fragments on a link that takes 1500."""


async def sip_alg(session: ResponderSession) -> dict[str, Any]:
    """Return on which transports a REGISTER arrives changed, and which lines; ``unsure`` where none arrived."""
    if not session.has_sip:
        return {"unsure": f"the responder has no port {SIP_PORT}: another program there uses it, or --no-sip"}
    changed, lines, lost = [], {}, []
    for alg in SipAlg:
        for _ in range(_TRIES):
            flow = flow_name()
            sent = await (_over_udp if alg is SipAlg.UDP else _over_tcp)(session, flow)
            await asyncio.sleep(_ARRIVES_WITHIN_S)
            kept = ((await session.tell("drop", [flow]))[flow] or {}).get("sip")
            if kept is not None:
                break
        else:
            lost.append(alg.value)
            continue
        arrived = base64.b64decode(kept)
        if arrived != sent:
            changed.append(alg.value)
            lines[alg.value] = changes(sent, arrived)
    unsure = {"unsure": f"no REGISTER arrived over {' and '.join(lost)}"} if lost else {}
    return {"value": changed, "lines": lines, **unsure}


def changes(sent: bytes, arrived: bytes) -> list[str]:
    """Return the lines that arrived and were not sent."""
    before = set(sent.split(b"\r\n"))
    return [line.decode("utf-8", "replace") for line in arrived.split(b"\r\n") if line not in before] or ["(order)"]


def register(transport: str, local: tuple[str, int], host: str, branch: str) -> bytes:
    """Return a REGISTER as a phone behind a NAT sends it, with its inside address in Via and Contact."""
    address, port = local
    lines = (
        f"REGISTER sip:{host} SIP/2.0",
        f"Via: SIP/2.0/{transport} {address}:{port};rport;branch={branch}",
        "Max-Forwards: 70",
        f"From: <sip:lab-probe@{host}>;tag=1",
        f"To: <sip:lab-probe@{host}>",
        f"Call-ID: {branch[-16:]}",
        "CSeq: 1 REGISTER",
        f"Contact: <sip:lab-probe@{address}:{port};transport={transport.lower()}>",
        "Expires: 60",
        "Content-Length: 0",
    )
    return "\r\n".join((*lines, "", "")).encode()


async def _over_udp(session: ResponderSession, flow: str) -> bytes:
    with Inbox() as box:
        to = (session.endpoints[0][0], SIP_PORT)
        message = register("UDP", (session.local, box.sock.getsockname()[1]), to[0], session.token(flow))
        box.sock.sendto(message, to)
    return message


async def _over_tcp(session: ResponderSession, flow: str) -> bytes:
    host = session.endpoints[0][0]
    try:
        _, writer = await asyncio.wait_for(
            asyncio.open_connection(host, SIP_PORT, family=socket.AF_INET), _ARRIVES_WITHIN_S
        )
    except (OSError, asyncio.TimeoutError):
        return b""
    message = register("TCP", writer.get_extra_info("sockname")[:2], host, session.token(flow))
    writer.write(message)
    with suppress(OSError, asyncio.TimeoutError):
        await asyncio.wait_for(writer.drain(), _ARRIVES_WITHIN_S)
    writer.close()
    return message


async def fragments(session: ResponderSession) -> dict[str, Any]:
    """Return whether datagrams in two fragments get out, and in."""
    with Inbox() as box:
        try:
            await session.where(box, size=_FRAGMENTED)
        except Unanswered:
            return {"out": False, "in": None}
        try:
            await session.where(box, size=_FRAGMENTED, reply=_FRAGMENTED - 100)
        except Unanswered:
            return {"out": True, "in": False}
    return {"out": True, "in": True}
