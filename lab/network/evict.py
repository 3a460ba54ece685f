"""One mapping taken out of a middlebox's table; the others stay."""

from __future__ import annotations

import socket
from contextlib import closing

from lab.network import conntrack, netns
from lab.network.conntrack import Mapping
from lab.network.lean_pyroute2 import IPCTNL_MSG_CT_DELETE, NETLINK_NETFILTER, NFNL_SUBSYS_CTNETLINK, nfct_msg
from lab.network.netlink import Netlink


def evict(namespace: int, mapping: Mapping) -> bool:
    """Delete a mapping; returns whether it is gone from the table, as the kernel shows it afterwards.

    Raises:
        OSError: there is no such mapping (ENOENT).
    """
    message = nfct_msg()
    original = conntrack.flow_tuple(mapping.proto, mapping.inside, mapping.remote)
    message.update({"nfgen_family": socket.AF_INET, "attrs": [("CTA_TUPLE_ORIG", original)]})
    with netns.entered(namespace):
        link = Netlink(NETLINK_NETFILTER)
    with closing(link):
        link.request(NFNL_SUBSYS_CTNETLINK << 8 | IPCTNL_MSG_CT_DELETE, message)
    return mapping.number not in {left.number for left in conntrack.table(namespace)}
