"""Reads, empties and watches a middlebox's table of mappings. The messages are conntrack's own (ctnetlink)."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from typing import Literal

from lab.model.endpoint import Endpoint
from lab.network import netns
from lab.network.apply import nft
from lab.network.lean_pyroute2 import (
    IPCTNL_MSG_CT_DELETE,
    IPCTNL_MSG_CT_GET,
    IPCTNL_MSG_CT_NEW,
    NETLINK_NETFILTER,
    NFNL_SUBSYS_CTNETLINK,
    NLM_F_DUMP,
    nfct_msg,
)
from lab.network.netlink import Message, Netlink, messages
from lab.network.udp_memory import flush, without_session

_NEW_GROUP, _DESTROY_GROUP = 0x1, 0x4  # linux/netfilter/nfnetlink_compat.h: NF_NETLINK_CONNTRACK_*
_SEEN_REPLY = 0x2  # linux/nf_conntrack_common.h: IPS_SEEN_REPLY
Proto = Literal["tcp", "udp"]
_PROTOCOLS: dict[int, Proto] = {socket.IPPROTO_TCP: "tcp", socket.IPPROTO_UDP: "udp"}
_TCP_STATES = ("NONE", "SYN_SENT", "SYN_RECV", "ESTABLISHED", "FIN_WAIT", "CLOSE_WAIT", "LAST_ACK", "TIME_WAIT",
               "CLOSE", "SYN_SENT2")  # linux/nf_conntrack_tcp.h  # fmt: skip


@dataclass(frozen=True, kw_only=True, slots=True)
class Mapping:
    """One entry of the table.

    Attributes:
        proto: ``tcp`` or ``udp``.
        inside, outside, remote: who is inside, as which endpoint it appears outside, and with whom it talks.
        opened: source and destination of the packet that opened it, as that packet said.
        answered: whether packets have passed both ways.
        number: conntrack's id; unique among the entries of one moment.
        tcp_state: conntrack's name for it; empty if it says none.
        remaining: whole seconds until it expires unless something passes; 0 in announcements.
        started, stopped: CLOCK_REALTIME in nanoseconds; 0 if conntrack did not say. ``stopped`` is when the entry
            expired, however much later the kernel noticed.
    """

    proto: Proto
    inside: Endpoint
    outside: Endpoint
    remote: Endpoint
    opened: tuple[Endpoint, Endpoint]
    answered: bool
    number: int
    tcp_state: str
    remaining: int
    started: int
    stopped: int


def announcements() -> Netlink:
    """Return a socket that receives each new and ended mapping of the caller's namespace."""
    return Netlink(NETLINK_NETFILTER, groups=_NEW_GROUP | _DESTROY_GROUP)


def announced(data: bytes) -> Iterator[tuple[bool, Mapping]]:
    """Return the content of a datagram of that socket: (True: new, False: ended; the mapping)."""
    for message in messages(data, nfct_msg):
        mapping = decode(message)
        if mapping:
            yield message["header"]["type"] == _kind(IPCTNL_MSG_CT_NEW), mapping


def decode(message: Message) -> Mapping | None:
    """Read one conntrack message; None if it is neither TCP nor UDP over IPv4."""
    protocol, opened = _endpoints(message.get_attr("CTA_TUPLE_ORIG"))
    _, reply = _endpoints(message.get_attr("CTA_TUPLE_REPLY"))
    if protocol not in _PROTOCOLS or opened is None or reply is None:
        return None
    (source, destination), (answering, answered) = opened, reply
    inside, outside, remote = source, answered, destination
    if answering != destination and answered == source:  # only the destination was translated: opened from outside
        inside, outside, remote = answering, destination, source
    state = message.get_nested("CTA_PROTOINFO", "CTA_PROTOINFO_TCP", "CTA_PROTOINFO_TCP_STATE")
    return Mapping(
        proto=_PROTOCOLS[protocol],
        inside=inside,
        outside=outside,
        remote=remote,
        opened=opened,
        answered=bool((message.get_attr("CTA_STATUS") or 0) & _SEEN_REPLY),
        number=message.get_attr("CTA_ID"),
        tcp_state="" if state is None else _TCP_STATES[state],
        remaining=message.get_attr("CTA_TIMEOUT") or 0,
        started=message.get_nested("CTA_TIMESTAMP", "CTA_TIMESTAMP_START") or 0,
        stopped=message.get_nested("CTA_TIMESTAMP", "CTA_TIMESTAMP_STOP") or 0,
    )


def table(namespace: int) -> tuple[Mapping, ...]:
    """Return the living mappings in a namespace. This also evicts expired ones; their end is then announced at once."""
    answers = _ask(namespace, IPCTNL_MSG_CT_GET, flags=NLM_F_DUMP)
    return tuple(mapping for answer in answers if (mapping := decode(answer)))


def forget_flows(namespace: int) -> None:
    """Empty the table, as a reboot does, and what the rules remember beside it."""
    with netns.entered(namespace):
        if remembering := flush(nft("list ruleset")):
            nft(remembering)
    _ask(namespace, IPCTNL_MSG_CT_DELETE)


def forget(namespace: int, mapping: Mapping) -> None:
    """Take one entry out of the table, and out of the rules' memory what no entry is left of.

    Raises:
        FileNotFoundError: it is not there; it may have gone by itself meanwhile.
    """
    message = nfct_msg()
    original = flow_tuple(mapping.proto, *mapping.opened)
    message.update({"nfgen_family": socket.AF_INET, "attrs": [("CTA_TUPLE_ORIG", original)]})
    _ask(namespace, IPCTNL_MSG_CT_DELETE, message=message)
    left = table(namespace)
    with netns.entered(namespace):
        if stale := without_session(nft("list ruleset"), left):
            nft(stale)


def flow_tuple(proto: Proto, source: Endpoint, destination: Endpoint) -> dict[str, list[tuple[str, object]]]:
    """Return the attributes by which conntrack knows a flow in one direction."""
    number = {name: number for number, name in _PROTOCOLS.items()}[proto]
    addresses = {"attrs": [("CTA_IP_V4_SRC", source.host), ("CTA_IP_V4_DST", destination.host)]}
    ports = {
        "attrs": [
            ("CTA_PROTO_NUM", number),
            ("CTA_PROTO_SRC_PORT", source.port),
            ("CTA_PROTO_DST_PORT", destination.port),
        ]
    }
    return {"attrs": [("CTA_TUPLE_IP", addresses), ("CTA_TUPLE_PROTO", ports)]}


def _ask(namespace: int, kind: int, *, flags: int = 0, message: Message | None = None) -> list[Message]:
    with netns.entered(namespace):
        link = Netlink(NETLINK_NETFILTER)
    with closing(link):
        return link.request(_kind(kind), nfct_msg() if message is None else message, flags=flags)


def _kind(kind: int) -> int:
    subsystem: int = NFNL_SUBSYS_CTNETLINK << 8
    return subsystem | kind


def _endpoints(ends: Message) -> tuple[int, tuple[Endpoint, Endpoint] | None]:
    """Return the protocol and (source, destination) of a tuple; None in their place if it is not IPv4."""
    addresses, numbers = ends.get_attr("CTA_TUPLE_IP"), ends.get_attr("CTA_TUPLE_PROTO")
    protocol: int = numbers.get_attr("CTA_PROTO_NUM")
    if addresses.get_attr("CTA_IP_V4_SRC") is None:
        return protocol, None
    source, destination = (
        Endpoint(addresses.get_attr(f"CTA_IP_V4_{end}"), numbers.get_attr(f"CTA_PROTO_{end}_PORT") or 0)
        for end in ("SRC", "DST")
    )
    return protocol, (source, destination)
