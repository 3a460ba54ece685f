"""Sends netlink requests and receives the answers; the message classes are pyroute2's.

pyroute2's own sockets come with an event loop each and most of the library (see ``lab.network.lean_pyroute2``).
"""

from __future__ import annotations

import os
import socket
import sys
from collections.abc import Iterator
from typing import Any

from lab.network.lean_pyroute2 import (
    NETLINK_EXT_ACK,
    NLM_F_ACK,
    NLM_F_DUMP,
    NLM_F_REQUEST,
    NLMSG_DONE,
    NLMSG_ERROR,
    SOL_NETLINK,
    nlmsg,
    nlmsgerr,
)

RECEIVE = 1 << 17  # larger than any datagram the kernel makes (32 KiB for dumps)

_HEADER = 16  # struct nlmsghdr

Message = Any
"""A message of pyroute2: a mapping of its fields, ``header`` and ``attrs`` among them; pyroute2 ships no types."""


class Netlink:
    """A netlink socket of the namespace the caller was in when it was made.

    Args:
        family: ``NETLINK_ROUTE`` or ``NETLINK_NETFILTER``.
        groups: multicast groups to join, as a bit mask (group n is bit n-1).
    """

    def __init__(self, family: int, *, groups: int = 0) -> None:
        self.sock = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, family)
        self.sock.setsockopt(SOL_NETLINK, NETLINK_EXT_ACK, 1)
        self.sock.bind((0, groups))
        self._sequence = 0

    def close(self) -> None:
        """Close the socket."""
        self.sock.close()

    def request(self, kind: int, message: Message, *, flags: int = 0) -> list[Message]:
        """Send one request and return its answers, of the same class, once the kernel has said it is done.

        Raises:
            OSError: the kernel refused; its own words, where it gave any, follow the error's text.
        """
        self._sequence += 1
        if flags & NLM_F_DUMP != NLM_F_DUMP:
            flags |= NLM_F_ACK
        message["header"] |= {"type": kind, "flags": NLM_F_REQUEST | flags, "sequence_number": self._sequence}
        message.encode()
        self.sock.send(message.data)
        answers: list[Message] = []
        while True:
            for answer in messages(self.sock.recv(RECEIVE), type(message)):
                if answer["header"]["sequence_number"] != self._sequence:
                    continue
                if answer["header"]["type"] == NLMSG_DONE:
                    return answers
                if answer["header"]["type"] == NLMSG_ERROR:
                    _raise_for(answer)
                    return answers
                answers.append(answer)


def messages(data: bytes, kind: type[Message]) -> Iterator[Message]:
    """Return the messages in a datagram: of the class ``kind``, or netlink's own ``nlmsg`` and ``nlmsgerr``."""
    netlinks_own = {NLMSG_DONE: nlmsg, NLMSG_ERROR: nlmsgerr}
    at = 0
    while at + _HEADER <= len(data):
        of = netlinks_own.get(int.from_bytes(data[at + 4 : at + 6], sys.byteorder), kind)
        message = of(data, offset=at)
        message.decode()
        yield message
        at += (message["header"]["length"] + 3) & ~3


def _raise_for(answer: Message) -> None:
    if answer["error"]:
        text, said = os.strerror(-answer["error"]), answer.get_attr("NLMSGERR_ATTR_MSG")
        raise OSError(-answer["error"], f"{text} ({said})" if said else text)
