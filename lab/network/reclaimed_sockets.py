"""Takes the sockets of a node from the programs that have them, as a phone's system does (SOCK_DESTROY).

A program's next call on such a socket fails with ECONNABORTED; one that waits for it hears of that at once. The kernel
tells the other end of a TCP connection with RST. A UDP socket that the kernel gave its port loses it, and gets another
when the program sends again.
"""

from __future__ import annotations

import errno
import socket
import struct
import sys
from collections.abc import Iterator
from contextlib import closing
from ipaddress import IPv4Address
from typing import NamedTuple

from lab.errors import HostNotCapable
from lab.network import netns

_NETLINK_SOCK_DIAG = 4  # linux/netlink.h
_BY_FAMILY, _DESTROY = 20, 21  # linux/sock_diag.h
_REQUEST, _ACK, _DUMP = 0x1, 0x4, 0x300  # linux/netlink.h
_DONE, _ERROR = 3, 2  # linux/netlink.h
_HEADER = struct.Struct("=IHHII")  # struct nlmsghdr
_ASK = struct.Struct("=BBBxI")  # struct inet_diag_req_v2 without its id
_ID = 48  # bytes of struct inet_diag_sockid
_SAID = 4  # bytes of struct inet_diag_msg before its id
_PORTS = struct.Struct(">HH")  # the id's beginning: the own port, the other end's
_ALL_BUT_TIME_WAIT = 0xFFF & ~(1 << 6)  # states of include/net/tcp_states.h; nobody has a socket in TIME-WAIT any more
_SOURCE = slice(4, 8)
"""The bytes of the id that are the own address, of IPv4."""
_RECEIVE = 1 << 17
_PROTOCOLS = {"tcp": socket.IPPROTO_TCP, "udp": socket.IPPROTO_UDP}


class Reclaimed(NamedTuple):
    """The sockets of a node that were taken.

    Attributes:
        tcp, udp: how many.
        left: how many are there as before.
    """

    tcp: int
    udp: int
    left: int


def reclaim(namespace: int, *, spared: int, source: IPv4Address | None = None) -> Reclaimed:
    """Take all TCP and UDP sockets of a node, but for those with this port at one end.

    Args:
        namespace: descriptor of the node's namespace.
        spared: the port.
        source: take only those that have this address of the node.

    Raises:
        HostNotCapable: the kernel was built without that.
    """
    with netns.entered(namespace):
        sock = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, _NETLINK_SOCK_DIAG)
    taken: dict[str, int] = {}
    left = 0
    with closing(sock):
        for name, protocol in _PROTOCOLS.items():
            found = [one for one in _sockets(sock, protocol) if spared not in _PORTS.unpack_from(one)]
            if source is not None:
                found = [one for one in found if one[_SOURCE] == source.packed]
            try:
                taken[name] = sum(_destroy(sock, protocol, one) for one in found)
            except OSError as problem:
                if problem.errno != errno.EOPNOTSUPP:
                    raise
                what = "this kernel cannot take sockets from programs (CONFIG_INET_DIAG_DESTROY)"
                raise HostNotCapable(what, fix="use --clock virtual, whose kernel can") from problem
            left += len({*found} & {*_sockets(sock, protocol)})
    return Reclaimed(taken["tcp"], taken["udp"], left)


def _sockets(sock: socket.socket, protocol: int) -> list[bytes]:
    """Return the ids (``struct inet_diag_sockid``) of the node's sockets of IPv4."""
    _send(sock, _BY_FAMILY, _DUMP, protocol, bytes(_ID))
    found: list[bytes] = []
    while True:
        for kind, body in _messages(sock.recv(_RECEIVE)):
            if kind == _DONE:
                return found
            if kind == _ERROR:
                _raise_for(body)
            found.append(body[_SAID : _SAID + _ID])


def _destroy(sock: socket.socket, protocol: int, one: bytes) -> int:
    """Take one; returns 1 if it was there, 0 if it had gone meanwhile."""
    _send(sock, _DESTROY, _ACK, protocol, one)
    try:
        for _, body in _messages(sock.recv(_RECEIVE)):
            _raise_for(body)
    except OSError as error:
        if error.errno == errno.ENOENT:
            return 0
        raise
    return 1


def _send(sock: socket.socket, kind: int, flags: int, protocol: int, one: bytes) -> None:
    body = _ASK.pack(socket.AF_INET, protocol, 0, _ALL_BUT_TIME_WAIT) + one
    sock.send(_HEADER.pack(_HEADER.size + len(body), kind, _REQUEST | flags, 1, 0) + body)


def _messages(data: bytes) -> Iterator[tuple[int, bytes]]:
    at = 0
    while at + _HEADER.size <= len(data):
        length, kind, *_ = _HEADER.unpack_from(data, at)
        yield kind, data[at + _HEADER.size : at + length]
        at += (length + 3) & ~3


def _raise_for(body: bytes) -> None:
    """Raise the error that an answer tells; none if it tells of success."""
    number = -int.from_bytes(body[:4], sys.byteorder, signed=True)
    if number:
        raise OSError(number, "the kernel did not take a socket")
