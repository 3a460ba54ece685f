"""One mapping taken out of a middlebox's table; the others stay."""

from __future__ import annotations

import socket
from contextlib import closing

from lab.network import conntrack, netns
from lab.network.conntrack import Mapping
from lab.network.lean_pyroute2 import IPCTNL_MSG_CT_DELETE, NETLINK_NETFILTER, NFNL_SUBSYS_CTNETLINK, nfct_msg
from lab.network.netlink import Netlink

_PROTOCOLS = {"tcp": socket.IPPROTO_TCP, "udp": socket.IPPROTO_UDP}


def evict(namespace: int, mapping: Mapping) -> bool:
    """Delete a mapping; returns whether it is gone from the table, as the kernel shows it afterwards.

    Raises:
        OSError: there is no such mapping (ENOENT).
    """
    message = nfct_msg()
    message.update({"nfgen_family": socket.AF_INET, "attrs": [("CTA_TUPLE_ORIG", _original(mapping))]})
    with netns.entered(namespace):
        link = Netlink(NETLINK_NETFILTER)
    with closing(link):
        link.request(NFNL_SUBSYS_CTNETLINK << 8 | IPCTNL_MSG_CT_DELETE, message)
    return mapping.number not in {left.number for left in conntrack.table(namespace)}


def _original(mapping: Mapping) -> dict[str, list[tuple[str, object]]]:
    (source, source_port), (target, target_port) = (end.split(":") for end in (mapping.inside, mapping.remote))
    addresses = {"attrs": [("CTA_IP_V4_SRC", source), ("CTA_IP_V4_DST", target)]}
    ports = {
        "attrs": [
            ("CTA_PROTO_NUM", _PROTOCOLS[mapping.proto]),
            ("CTA_PROTO_SRC_PORT", int(source_port)),
            ("CTA_PROTO_DST_PORT", int(target_port)),
        ]
    }
    return {"attrs": [("CTA_TUPLE_IP", addresses), ("CTA_TUPLE_PROTO", ports)]}
