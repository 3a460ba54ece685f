"""Puts TCP segments with a forged sender onto a link; the tables of the sending node never see them."""

from __future__ import annotations

import socket
from contextlib import closing
from dataclasses import dataclass
from ipaddress import IPv4Address
from typing import Any

from lab.model.endpoint import Endpoint
from lab.network import netns
from lab.network.plan import mac

_ETH_IP = 0x0800  # linux/if_ether.h


@dataclass(frozen=True, kw_only=True, slots=True)
class Segment:
    """One segment without payload.

    Attributes:
        source, target: its ends.
        flags: letters as in the record, ``R`` or ``FA``.
        seq, ack: sequence numbers (RFC 9293 §3.1); ``ack`` matters only with the flag ``A``.
    """

    source: Endpoint
    target: Endpoint
    flags: str
    seq: int
    ack: int


def prepare() -> None:
    """Import what forging needs, which takes longer than a segment may be late: 0.3 s, and only for who forges."""
    import scapy.layers.inet
    import scapy.layers.l2  # noqa: F401


def forge(segment: Segment, *, link: str, namespace: int, own: IPv4Address, neighbour: IPv4Address) -> None:
    """Send a segment from a node to the neighbour on one of its links.

    Args:
        segment: what to send.
        link: the link's name, also its interface's.
        namespace: descriptor of the sending node's namespace.
        own: the node's address on the link, which tells its MAC address.
        neighbour: the other end's, likewise.
    """
    from scapy.layers.l2 import Ether

    frame = Ether(src=mac(own), dst=mac(neighbour)) / _packet(segment)
    with netns.entered(namespace):
        sock = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
    with closing(sock):
        sock.sendto(bytes(frame), (link, _ETH_IP))


def packet(segment: Segment) -> bytes:
    """Return the IPv4 packet of a segment."""
    return bytes(_packet(segment))


def _packet(segment: Segment) -> Any:
    from scapy.layers.inet import IP, TCP

    source, target = segment.source, segment.target
    tcp = TCP(sport=source.port, dport=target.port, flags=segment.flags, seq=segment.seq, ack=segment.ack)
    return IP(src=source.host, dst=target.host) / tcp
