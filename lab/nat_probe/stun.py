"""Asks a STUN server (RFC 8489) with two addresses (RFC 5780), for example coturn, about mapping and filtering."""

from __future__ import annotations

import asyncio
import ipaddress
import secrets
import socket
import struct
from dataclasses import dataclass

from lab.nat_probe.responder import Address
from lab.nat_probe.session import Inbox, ResponderError
from lab.visible_text import visible

PORT = 3478  # RFC 8489 §18.6
_COOKIE = 0x2112A442
_REQUEST, _RESPONSE = 0x0001, 0x0101
_MAPPED, _CHANGE_REQUEST, _XOR_MAPPED, _OTHER = 0x0001, 0x0003, 0x0020, 0x802C
_CHANGE_ADDRESS, _CHANGE_PORT = 4, 2  # RFC 5780 §7.2
_WITHIN_S = (0.5, 1.0, 2.0)  # RFC 8489 §6.2.1: RTO 500 ms, doubled


@dataclass(frozen=True)
class Binding:
    """A server's answer.

    Attributes:
        mapped: from where the request came.
        other: its other address and port; None: it has none.
    """

    mapped: Address
    other: Address | None


async def resolve(host: str, port: int) -> Address:
    """Return a server's address.

    Raises:
        ResponderError: it has none.
    """
    try:
        found = await asyncio.get_running_loop().getaddrinfo(host, port, family=socket.AF_INET, type=socket.SOCK_DGRAM)
    except OSError as problem:
        raise ResponderError(f"{visible(host)} has no IPv4 address: {visible(problem.strerror or '')}") from None
    address = found[0][4]
    return str(address[0]), int(address[1])


async def bind(box: Inbox, to: Address, *, change: int = 0) -> Binding | None:
    """Send a binding request, and again if it is lost; return the answer, None if there is none.

    Args:
        box: sends it.
        to: the server.
        change: whether its other address (4), its other port (2), or both (6) are to answer.
    """
    name = secrets.token_bytes(12)
    attribute = struct.pack("!HHI", _CHANGE_REQUEST, 4, change) if change else b""
    request = struct.pack("!HHI", _REQUEST, len(attribute), _COOKIE) + name + attribute
    loop = asyncio.get_running_loop()
    for within in _WITHIN_S:
        try:
            box.sock.sendto(request, to)
        except OSError:  # an earlier ICMP error
            continue
        until = loop.time() + within
        while (left := until - loop.time()) > 0 and (came := await box.next(left)) is not None:
            if (answer := parsed(came[0], name)) is not None:
                return answer
    return None


def parsed(data: bytes, name: bytes) -> Binding | None:
    """Return what a success response to this transaction says; None if it is none."""
    if len(data) < 20 or struct.unpack_from("!H", data)[0] != _RESPONSE or data[8:20] != name:
        return None
    found: dict[int, Address] = {}
    at = 20
    while at + 4 <= len(data):
        kind, length = struct.unpack_from("!HH", data, at)
        value = data[at + 4 : at + 4 + length]
        if len(value) >= 8 and value[1] == 1 and kind in (_MAPPED, _XOR_MAPPED, _OTHER):
            mask = _COOKIE if kind == _XOR_MAPPED else 0
            port, host = struct.unpack_from("!HI", value, 2)
            found[kind] = str(ipaddress.IPv4Address(host ^ mask)), port ^ (mask >> 16)
        at += 4 + length + -length % 4
    mapped = found.get(_XOR_MAPPED, found.get(_MAPPED))
    return Binding(mapped, found.get(_OTHER)) if mapped else None
