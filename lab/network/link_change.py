"""Has a node join a link, or leave it, while everything runs: its address there, and the route to everything.

No route is left over a link that a node has left: the kernel drops those of an interface that has lost its last
address. Where a node has an address on two links, the link that it joined last has the route to everything, and what
comes from its older address goes on by the link of that, once ``keep_way`` has said so.
"""

from __future__ import annotations

import fcntl
import socket
import struct
from contextlib import closing
from ipaddress import IPv4Address, IPv4Interface

from lab.network import netns
from lab.network.address_change import RTM_DELADDR, address_message, know, shown
from lab.network.lean_pyroute2 import (
    NETLINK_ROUTE,
    NLM_F_CREATE,
    NLM_F_EXCL,
    NLM_F_REPLACE,
    RTM_NEWADDR,
    RTM_NEWROUTE,
    fibmsg,
    rt_proto,
    rt_scope,
    rtmsg,
)
from lab.network.netlink import Message, Netlink

_MAIN_TABLE, _UNICAST = 254, 1  # linux/rtnetlink.h: RT_TABLE_MAIN, RTN_UNICAST
_OLD_WAY = 100
"""The routing table of an address that is not the newest; any but those of linux/rtnetlink.h (253 to 255)."""
_RTM_NEWRULE, _RTM_DELRULE, _TO_TABLE = 32, 33, 1  # linux/rtnetlink.h; linux/fib_rules.h: FR_ACT_TO_TBL
_SIOCSIFMTU, _SIOCGIFMTU = 0x8922, 0x8921  # linux/sockios.h


def join(interface: str, address: IPv4Interface, *, namespace: int, gateway: IPv4Interface) -> None:
    """Give a node an address on a link that is up, and have everything that is not of an older address go there.

    Args:
        interface: its name.
        address: of the node.
        namespace: descriptor of the node's namespace.
        gateway: the other end of the link.

    Raises:
        OSError: the kernel refused.
    """
    with netns.entered(namespace):
        index = socket.if_nametoindex(interface)
        link = Netlink(NETLINK_ROUTE)
    with closing(link):
        if str(address) not in shown(link, index):
            link.request(RTM_NEWADDR, address_message(index, address), flags=NLM_F_CREATE | NLM_F_EXCL)
        know(interface, gateway.ip, namespace=namespace)
        link.request(RTM_NEWROUTE, _everything(gateway.ip, _MAIN_TABLE), flags=NLM_F_CREATE | NLM_F_REPLACE)


def keep_way(address: IPv4Interface, *, namespace: int, gateway: IPv4Interface) -> None:
    """Have what comes from an address of a node go on by its link, wherever everything else goes from now on.

    As Android and iOS do it for a network that is about to go: the sockets that use it stay there.

    Raises:
        OSError: the kernel refused.
    """
    with netns.entered(namespace):
        link = Netlink(NETLINK_ROUTE)
    with closing(link):
        link.request(RTM_NEWROUTE, _everything(gateway.ip, _OLD_WAY), flags=NLM_F_CREATE | NLM_F_REPLACE)
        link.request(_RTM_NEWRULE, _rule(address), flags=NLM_F_CREATE | NLM_F_EXCL)


def forget_way(address: IPv4Interface, *, namespace: int) -> None:
    """Undo ``keep_way``: what comes from the address goes where everything goes.

    Raises:
        OSError: the kernel refused.
    """
    with netns.entered(namespace):
        link = Netlink(NETLINK_ROUTE)
    with closing(link):
        link.request(_RTM_DELRULE, _rule(address))


def leave(interface: str, address: IPv4Interface, *, namespace: int, kept_way: bool = False) -> tuple[str, ...]:
    """Take a node's address on a link from it; returns the addresses that the kernel still shows there (none).

    Args:
        interface: its name.
        address: of the node.
        namespace: descriptor of the node's namespace.
        kept_way: whether ``keep_way`` was asked for this address.

    Raises:
        OSError: the kernel refused.
    """
    with netns.entered(namespace):
        index = socket.if_nametoindex(interface)
        link = Netlink(NETLINK_ROUTE)
    with closing(link):
        if kept_way:
            link.request(_RTM_DELRULE, _rule(address))
        link.request(RTM_DELADDR, address_message(index, address))
        return shown(link, index)


def set_mtu(interface: str, mtu: int, *, namespace: int) -> int:
    """Set the size of the largest packet that an interface sends, with its IP header; returns what the kernel shows.

    Raises:
        OSError: the kernel refused.
    """
    with netns.entered(namespace), closing(socket.socket(socket.AF_INET, socket.SOCK_DGRAM)) as sock:
        fcntl.ioctl(sock, _SIOCSIFMTU, struct.pack("16si", interface.encode(), mtu))
        answer = fcntl.ioctl(sock, _SIOCGIFMTU, struct.pack("16si", interface.encode(), 0))
    return int(struct.unpack("16si", answer)[1])


def _everything(gateway: IPv4Address, table: int) -> Message:
    """Return the message of a route to everything."""
    route = rtmsg()
    route.update({"family": socket.AF_INET, "dst_len": 0, "table": table, "type": _UNICAST})
    route.update({"proto": rt_proto["static"], "scope": rt_scope["universe"]})
    route["attrs"] = [("RTA_GATEWAY", str(gateway))]
    return route


def _rule(address: IPv4Interface) -> Message:
    """Return the message of the rule that what comes from an address has a table of its own."""
    rule = fibmsg()
    rule.update({"family": socket.AF_INET, "src_len": 32, "table": _OLD_WAY, "action": _TO_TABLE})
    rule["attrs"] = [("FRA_SRC", str(address.ip))]
    return rule


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
