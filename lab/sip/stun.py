"""Answers STUN binding requests, the keep-alives of SIP outbound over UDP (RFC 5626 §8, RFC 8489 §5 and §14.2)."""

from __future__ import annotations

import struct
from ipaddress import IPv4Address

_COOKIE = 0x2112A442
_BINDING, _SUCCESS, _XOR_MAPPED_ADDRESS, _IPV4 = 0x0001, 0x0101, 0x0020, 0x01
_HEADER = struct.Struct("!HHI12s")


def binding_response(datagram: bytes, peer: tuple[str, int]) -> bytes | None:
    """Return the answer to a binding request, which tells the sender its address; None: it is none.

    Args:
        datagram: as received.
        peer: the IPv4 address and port that it came from.
    """
    if len(datagram) < _HEADER.size:
        return None
    kind, length, cookie, transaction = _HEADER.unpack_from(datagram)
    if (kind, cookie, length) != (_BINDING, _COOKIE, len(datagram) - _HEADER.size):
        return None
    host, port = int(IPv4Address(peer[0])) ^ _COOKIE, peer[1] ^ _COOKIE >> 16
    attribute = struct.pack("!HHBBHI", _XOR_MAPPED_ADDRESS, 8, 0, _IPV4, port, host)
    return _HEADER.pack(_SUCCESS, len(attribute), _COOKIE, transaction) + attribute
