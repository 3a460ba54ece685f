"""Orders the frames of several links: by time, and within one instant as they travelled. Pure.

In virtual time a packet passes all links at the same instant, and so does the answer. So a frame that a node in between
has passed on comes after the frame that it got.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import groupby
from operator import itemgetter
from typing import NamedTuple

from lab.pcapng import Frame, Interface

_IPV4 = 0x0800
_TCP, _UDP = 6, 17
_ETHERNET_HEADER = 14
_SEQUENCE, _FLAGS = slice(4, 8), 13

Content = tuple[object, ...]
"""What a packet keeps when a middlebox changes its addresses and ports."""


class Step(NamedTuple):
    """A frame on its way.

    Attributes:
        interface: its number.
        number: of the frame among those of its interface, from 0.
        frame: the frame.
        sender: the node that put it onto the link.
        passed_on: whether the sender got it on another link; True also for what is no IPv4 packet.
    """

    interface: int
    number: int
    frame: Frame
    sender: str
    passed_on: bool


class _Waiting(NamedTuple):
    number: int
    frame: Frame
    sender: str
    receiver: str
    content: Content | None


def in_order(interfaces: Sequence[Interface], seen: Sequence[Sequence[Frame]]) -> Iterator[Step]:
    """Yield all frames in the order in which they travelled.

    Args:
        interfaces: the ends where frames were seen, one for each link.
        seen: the frames of each, in the order of time.
    """
    ends = Counter(node for each in interfaces for node in (each.here, each.there))
    between = {node for node, count in ends.items() if count > 1}
    got: dict[str, Counter[Content]] = {node: Counter() for node in between}
    numbered = [
        (frame.at, interface, number) for interface, frames in enumerate(seen) for number, frame in enumerate(frames)
    ]
    for _, same in groupby(sorted(numbered), key=itemgetter(0)):
        waiting: list[list[_Waiting]] = [[] for _ in interfaces]
        for _, interface, number in same:
            frame = seen[interface][number]
            sender, receiver = _ends(interfaces[interface], frame)
            waiting[interface].append(_Waiting(number, frame, sender, receiver, _content(frame.data)))
        yield from _of_an_instant(waiting, got)


def _of_an_instant(waiting: list[list[_Waiting]], got: dict[str, Counter[Content]]) -> Iterator[Step]:
    while heads := [number for number, frames in enumerate(waiting) if frames]:
        ready = next((each for each in heads if _has_come(waiting[each][0], got)), None)
        interface = heads[0] if ready is None else ready
        number, frame, sender, receiver, content = waiting[interface].pop(0)
        passed_on = sender in got and content is not None and got[sender][content] > 0
        if passed_on and content is not None:
            got[sender][content] -= 1
        if receiver in got and content is not None:
            got[receiver][content] += 1
        yield Step(interface, number, frame, sender, passed_on or content is None)


def _has_come(frame: _Waiting, got: dict[str, Counter[Content]]) -> bool:
    """Return whether the sender of a frame can have sent it already."""
    return frame.sender not in got or frame.content is None or got[frame.sender][frame.content] > 0


def _ends(interface: Interface, frame: Frame) -> tuple[str, str]:
    """Return sender and receiver of a frame."""
    return (interface.here, interface.there) if frame.outgoing else (interface.there, interface.here)


def _content(frame: bytes) -> Content | None:
    """Return what a packet keeps on its way; None: it is no IPv4 packet."""
    if int.from_bytes(frame[12:14], "big") != _IPV4:
        return None
    packet = frame[_ETHERNET_HEADER:]
    header = (packet[0] & 0xF) * 4
    protocol, inner = packet[9], packet[header : int.from_bytes(packet[2:4], "big")]
    if protocol == _TCP and len(inner) > _FLAGS:
        return _TCP, inner[_SEQUENCE], inner[_FLAGS], inner[(inner[12] >> 4) * 4 :]
    if protocol == _UDP:
        return _UDP, inner[8:]
    return protocol, packet[4:6], len(inner)
