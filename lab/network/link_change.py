"""Moves a node from one link to another: removes the old address with its routes, and sets the new one.

No route is left over the old link: the kernel drops those of an interface that has lost its last address.
"""

from __future__ import annotations

import socket
from contextlib import closing
from ipaddress import IPv4Address, IPv4Interface

from lab.network import netns
from lab.network.address_change import RTM_DELADDR, address_message, know, shown
from lab.network.lean_pyroute2 import (
    NETLINK_ROUTE,
    NLM_F_CREATE,
    NLM_F_EXCL,
    RTM_NEWADDR,
    RTM_NEWROUTE,
    rt_proto,
    rt_scope,
    rtmsg,
)
from lab.network.netlink import Netlink

_MAIN_TABLE, _UNICAST = 254, 1  # linux/rtnetlink.h: RT_TABLE_MAIN, RTN_UNICAST


def move(
    old: tuple[str, IPv4Interface], new: tuple[str, IPv4Interface], *, namespace: int, gateway: IPv4Interface
) -> tuple[str, ...]:
    """Move a node; returns the addresses that the kernel still shows on the old interface (none).

    Args:
        old: interface and address to leave.
        new: interface, which is up, and address to get.
        namespace: descriptor of the node's namespace.
        gateway: the other end of the new link; everything goes there.

    Raises:
        OSError: the kernel refused.
    """
    with netns.entered(namespace):
        left, reached = socket.if_nametoindex(old[0]), socket.if_nametoindex(new[0])
        link = Netlink(NETLINK_ROUTE)
    with closing(link):
        link.request(RTM_DELADDR, address_message(left, old[1]))
        link.request(RTM_NEWADDR, address_message(reached, new[1]), flags=NLM_F_CREATE | NLM_F_EXCL)
        know(new[0], gateway.ip, namespace=namespace)
        route = rtmsg()
        route.update({"family": socket.AF_INET, "dst_len": 0, "table": _MAIN_TABLE, "type": _UNICAST})
        route.update({"proto": rt_proto["static"], "scope": rt_scope["universe"]})
        route["attrs"] = [("RTA_GATEWAY", str(gateway.ip))]
        link.request(RTM_NEWROUTE, route, flags=NLM_F_CREATE | NLM_F_EXCL)
        return shown(link, left)


def source_towards(target: IPv4Address, namespace: int) -> str:
    """Return the address from which packets to a target leave; empty if there is no route. Sends nothing."""
    with netns.entered(namespace):
        sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    with closing(sock):
        try:
            sock.connect((str(target), 9))  # any port
        except OSError:
            return ""
        return str(sock.getsockname()[0])
