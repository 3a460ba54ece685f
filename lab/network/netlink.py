"""Netlink in a few lines: one request, its answers; enough to wire nodes and to watch conntrack.

pyroute2 knows all of netlink, but importing any part of it loads 337 modules: 0.2 s on a fast machine, more than a
second in a virtual-time guest, for about ten kinds of message. This is not a netlink library: no caches, no retries.
"""

from __future__ import annotations

import os
import socket
import struct
from collections.abc import Iterator

ROUTE = 0  # NETLINK_ROUTE
NETFILTER = 12  # NETLINK_NETFILTER

REQUEST, ACK, EXCLUSIVE, CREATE, DUMP = 0x1, 0x4, 0x200, 0x400, 0x300  # linux/netlink.h, NLM_F_*
_NOOP, _ERROR, _DONE = 1, 2, 3  # NLMSG_*
_SOL_NETLINK, _CAP_ACK, _EXT_ACK = 270, 10, 11
_NESTED = 0x8000  # NLA_F_NESTED
_CAPPED, _ACK_TLVS = 0x100, 0x200  # NLM_F_CAPPED, NLM_F_ACK_TLVS
_MESSAGE = struct.Struct("=IHHII")  # length, type, flags, sequence, port
_ATTRIBUTE = struct.Struct("=HH")  # length, type
_RECEIVE = 1 << 17  # larger than any datagram the kernel makes (32 KiB for dumps)


class Netlink:
    """A netlink socket of the namespace the caller was in when it was made.

    Args:
        family: ``ROUTE`` or ``NETFILTER``.
        groups: multicast groups to join, as a bit mask (group n is bit n-1).
    """

    def __init__(self, family: int, *, groups: int = 0) -> None:
        self.sock = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, family)
        self.sock.setsockopt(_SOL_NETLINK, _CAP_ACK, 1)
        self.sock.setsockopt(_SOL_NETLINK, _EXT_ACK, 1)
        self.sock.bind((0, groups))
        self._sequence = 0

    def close(self) -> None:
        """Close the socket."""
        self.sock.close()

    def request(self, kind: int, body: bytes, *, flags: int = 0) -> list[tuple[int, bytes]]:
        """Send one request and return the (type, body) of its answers once the kernel has said it is done.

        Raises:
            OSError: the kernel refused; its own words, where it gave any, follow the error's text.
        """
        self._sequence += 1
        if flags & DUMP != DUMP:
            flags |= ACK
        header = _MESSAGE.pack(_MESSAGE.size + len(body), kind, REQUEST | flags, self._sequence, 0)
        self.sock.send(header + body)
        answers: list[tuple[int, bytes]] = []
        while True:
            for answer, answer_flags, sequence, payload in messages(self.sock.recv(_RECEIVE)):
                if sequence != self._sequence:
                    continue
                if answer == _DONE:
                    return answers
                if answer == _ERROR:
                    _raise_for(payload, answer_flags)
                    return answers
                answers.append((answer, payload))


def messages(data: bytes) -> Iterator[tuple[int, int, int, bytes]]:
    """Cut a datagram into (type, flags, sequence, body)."""
    at = 0
    while at + _MESSAGE.size <= len(data):
        length, kind, flags, sequence, _port = _MESSAGE.unpack_from(data, at)
        if kind != _NOOP:
            yield kind, flags, sequence, data[at + _MESSAGE.size : at + length]
        at += (length + 3) & ~3


def attribute(kind: int, value: bytes) -> bytes:
    """One attribute, padded."""
    return _ATTRIBUTE.pack(_ATTRIBUTE.size + len(value), kind) + value + bytes(-len(value) % 4)


def nested(kind: int, *parts: bytes) -> bytes:
    """An attribute that holds attributes."""
    return attribute(kind | _NESTED, b"".join(parts))


def attributes(data: bytes) -> dict[int, bytes]:
    """The attributes in ``data`` by type, without the flag bits."""
    found: dict[int, bytes] = {}
    at = 0
    while at + _ATTRIBUTE.size <= len(data):
        length, kind = _ATTRIBUTE.unpack_from(data, at)
        if length < _ATTRIBUTE.size:
            break
        found[kind & 0x3FFF] = data[at + _ATTRIBUTE.size : at + length]
        at += (length + 3) & ~3
    return found


def _raise_for(payload: bytes, flags: int) -> None:
    (code,) = struct.unpack_from("=i", payload)
    if not code:
        return
    said = b""
    if flags & _ACK_TLVS:
        (length,) = struct.unpack_from("=I", payload, 4)
        echoed = _MESSAGE.size if flags & _CAPPED else length
        said = attributes(payload[4 + ((echoed + 3) & ~3) :]).get(1, b"")  # NLMSGERR_ATTR_MSG
    text = os.strerror(-code)
    raise OSError(-code, f"{text} ({said.rstrip(bytes(1)).decode()})" if said else text)
