"""Closes connections of a node from outside the programs that use them, as a phone's system does (SOCK_DESTROY).

Android closes the TCP connections of an address that has gone (``SockDiag::destroySockets``); the program's next call
on such a socket fails with ECONNABORTED, and it hears of it at once if it waits for the socket.
"""

from __future__ import annotations

import errno
import socket
import struct
import sys
from collections.abc import Iterator
from contextlib import closing
from ipaddress import IPv4Address

from lab.network import netns

_NETLINK_SOCK_DIAG = 4  # linux/netlink.h
_BY_FAMILY, _DESTROY = 20, 21  # linux/sock_diag.h
_REQUEST, _ACK, _DUMP = 0x1, 0x4, 0x300  # linux/netlink.h
_DONE, _ERROR = 3, 2  # linux/netlink.h
_HEADER = struct.Struct("=IHHII")  # struct nlmsghdr
_ASK = struct.Struct("=BBBxI")  # struct inet_diag_req_v2 without its id
_ID = 48  # bytes of struct inet_diag_sockid
_SAID = 4  # bytes of struct inet_diag_msg before its id
_CONNECTED = 0b1011_0011_1110  # states of include/net/tcp_states.h; not TCP_LISTEN, TCP_TIME_WAIT, TCP_CLOSE
_RECEIVE = 1 << 17


def close_from(address: IPv4Address, *, namespace: int, spared: int) -> int:
    """Close the TCP connections of a node that come from an address; returns how many there were.

    Args:
        address: of the node.
        namespace: descriptor of its namespace.
        spared: connections to this port stay.

    Raises:
        OSError: the kernel cannot do it (CONFIG_INET_DIAG_DESTROY), or refused.
    """
    with netns.entered(namespace):
        sock = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, _NETLINK_SOCK_DIAG)
    with closing(sock):
        found = [one for one in _connections(sock) if _is_of(one, address) and _port(one) != spared]
        return sum(_destroy(sock, one) for one in found)


def _is_of(connection: bytes, address: IPv4Address) -> bool:
    return connection[4:8] == address.packed


def _port(connection: bytes) -> int:
    """Return the port of the other end."""
    return int.from_bytes(connection[2:4], "big")


def _connections(sock: socket.socket) -> list[bytes]:
    """Return the ids (``struct inet_diag_sockid``) of the node's TCP connections over IPv4."""
    _send(sock, _BY_FAMILY, _DUMP, bytes(_ID))
    found: list[bytes] = []
    while True:
        for kind, body in _messages(sock.recv(_RECEIVE)):
            if kind == _DONE:
                return found
            if kind == _ERROR:
                _raise_for(body)
            found.append(body[_SAID : _SAID + _ID])


def _destroy(sock: socket.socket, connection: bytes) -> int:
    """Close one; returns 1 if it was there, 0 if it had gone meanwhile."""
    _send(sock, _DESTROY, _ACK, connection)
    try:
        for _, body in _messages(sock.recv(_RECEIVE)):
            _raise_for(body)
    except OSError as error:
        if error.errno == errno.ENOENT:
            return 0
        raise
    return 1


def _send(sock: socket.socket, kind: int, flags: int, connection: bytes) -> None:
    body = _ASK.pack(socket.AF_INET, socket.IPPROTO_TCP, 0, _CONNECTED) + connection
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
        raise OSError(number, "the kernel did not close a connection")
