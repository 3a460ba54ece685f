"""A middlebox's table of mappings: read, emptied, watched. The messages are conntrack's own (ctnetlink)."""

from __future__ import annotations

import socket
from contextlib import closing
from dataclasses import dataclass
from ipaddress import IPv4Address

from lab.network import netns
from lab.network.netlink import DUMP, NETFILTER, Netlink, attributes

NEW, GET, DELETE = 0x100, 0x101, 0x102  # linux/nfnetlink_conntrack.h: IPCTNL_MSG_CT_*, subsystem 1
NEW_GROUP, DESTROY_GROUP = 0x1, 0x4  # NF_NETLINK_CONNTRACK_*
_HEADER = bytes(4)  # struct nfgenmsg: any family
_PROTOCOLS = {socket.IPPROTO_TCP: "tcp", socket.IPPROTO_UDP: "udp"}
_TCP_STATES = ("NONE", "SYN_SENT", "SYN_RECV", "ESTABLISHED", "FIN_WAIT", "CLOSE_WAIT", "LAST_ACK", "TIME_WAIT",
               "CLOSE", "SYN_SENT2")  # linux/nf_conntrack_tcp.h  # fmt: skip
_ORIGINAL, _REPLY, _PROTOINFO, _TIMEOUT, _ID, _TIMESTAMP = 1, 2, 4, 7, 12, 20  # CTA_*


@dataclass(frozen=True, kw_only=True, slots=True)
class Mapping:
    """One entry of the table; endpoints are written ``address:port``.

    Attributes:
        proto: ``tcp`` or ``udp``.
        inside, outside, remote: who opened it, as which endpoint it appears outside, and to whom.
        number: conntrack's id; unique among the entries of one moment.
        tcp_state: conntrack's name for it; empty if it says none.
        remaining: whole seconds until it expires unless something passes; 0 in announcements.
        started, stopped: CLOCK_REALTIME in nanoseconds; 0 if conntrack did not say. ``stopped`` is when the entry
            expired, however much later the kernel noticed.
    """

    proto: str
    inside: str
    outside: str
    remote: str
    number: int
    tcp_state: str
    remaining: int
    started: int
    stopped: int


def decode(body: bytes) -> Mapping | None:
    """Read one conntrack message; None if it is neither TCP nor UDP over IPv4."""
    fields = attributes(body[len(_HEADER) :])
    protocol, inside, remote = _endpoints(fields[_ORIGINAL])
    _, _, outside = _endpoints(fields[_REPLY])
    if protocol not in _PROTOCOLS or not remote:
        return None
    stamps = attributes(fields.get(_TIMESTAMP, b""))
    state = attributes(attributes(fields.get(_PROTOINFO, b"")).get(1, b"")).get(1)  # CTA_PROTOINFO_TCP, …_TCP_STATE
    return Mapping(
        proto=_PROTOCOLS[protocol],
        inside=inside,
        outside=outside,
        remote=remote,
        number=_number(fields[_ID]),
        tcp_state=_TCP_STATES[state[0]] if state else "",
        remaining=_number(fields.get(_TIMEOUT, b"")),
        started=_number(stamps.get(1, b"")),
        stopped=_number(stamps.get(2, b"")),
    )


def table(namespace: int) -> tuple[Mapping, ...]:
    """The mappings alive in a namespace. Asking also evicts the expired ones, whose end is then announced at once."""
    answers = _ask(namespace, GET, flags=DUMP)
    return tuple(mapping for kind, body in answers if kind == NEW and (mapping := decode(body)))


def forget_flows(namespace: int) -> None:
    """Empty the table, as a reboot does."""
    _ask(namespace, DELETE)


def _ask(namespace: int, kind: int, *, flags: int = 0) -> list[tuple[int, bytes]]:
    with netns.entered(namespace):
        link = Netlink(NETFILTER)
    with closing(link):
        return link.request(kind, _HEADER, flags=flags)


def _endpoints(data: bytes) -> tuple[int, str, str]:
    """(protocol, source, destination) of a tuple; empty endpoints if it is not IPv4."""
    fields = attributes(data)
    addresses, ports = attributes(fields[1]), attributes(fields[2])  # CTA_TUPLE_IP, CTA_TUPLE_PROTO
    if 1 not in addresses:  # CTA_IP_V4_SRC
        return ports[1][0], "", ""
    ends = (f"{IPv4Address(addresses[end])}:{_number(ports.get(end + 1, b''))}" for end in (1, 2))
    return (ports[1][0], *ends)  # type: ignore[return-value]  # two ends


def _number(data: bytes) -> int:
    return int.from_bytes(data, "big")
