"""Replaces a node's address on a link by another one of the same subnet, while everything runs.

The new one is added before the old one goes, and takes its place (``promote_secondaries``), so that the kernel keeps
the routes that lead over the link. The node at the other end learns the new neighbour; it keeps the old one, like a
router whose neighbour has not told it anything.
"""

from __future__ import annotations

import fcntl
import socket
import struct
from contextlib import closing
from ipaddress import IPv4Address, IPv4Interface
from pathlib import Path

from lab.network import netns
from lab.network.lean_pyroute2 import (
    NETLINK_ROUTE,
    NLM_F_CREATE,
    NLM_F_DUMP,
    NLM_F_EXCL,
    NUD_PERMANENT,
    RTM_NEWADDR,
    RTM_NEWNEIGH,
    ifaddrmsg,
    ndmsg,
)
from lab.network.netlink import Message, Netlink
from lab.network.plan import mac

RTM_DELADDR, _RTM_GETADDR, _RTM_GETNEIGH = 21, 22, 30  # linux/rtnetlink.h
_SIOCGIFHWADDR = 0x8927  # linux/sockios.h


def readdress(interface: str, new: IPv4Interface, *, node: int, neighbour: int) -> tuple[str, ...]:
    """Replace the addresses of an interface by one; return those the kernel shows afterwards, with prefix length.

    Args:
        interface: its name, the same at both ends.
        new: the address it gets; it may be the one it has.
        node: descriptor of the namespace of the node.
        neighbour: of the node at the other end.

    Raises:
        OSError: the kernel refused.
    """
    with netns.entered(node):
        Path(f"/proc/sys/net/ipv4/conf/{interface}/promote_secondaries").write_text("1")
        index = socket.if_nametoindex(interface)
        hardware = _hardware(interface)
        link = Netlink(NETLINK_ROUTE)
    with closing(link):
        before = shown(link, index)
        if str(new) not in before:
            link.request(RTM_NEWADDR, address_message(index, new), flags=NLM_F_CREATE | NLM_F_EXCL)
        for old in before:
            if old != str(new):
                link.request(RTM_DELADDR, address_message(index, IPv4Interface(old)))
        addresses = shown(link, index)
    know(interface, new.ip, namespace=neighbour, hardware=hardware)
    return addresses


def know_neighbour(interface: str, address: IPv4Address, *, node: int, neighbour: int) -> None:
    """Tell the node at the other end of a link that a node has an address there, for ever.

    Args:
        interface: its name, the same at both ends.
        address: of the node.
        node: descriptor of its namespace.
        neighbour: of the namespace of the other end.
    """
    with netns.entered(node):
        hardware = _hardware(interface)
    know(interface, address, namespace=neighbour, hardware=hardware)


def addresses(interface: str, namespace: int) -> tuple[str, ...]:
    """Return the addresses that the kernel shows on an interface of a node, with prefix lengths."""
    with netns.entered(namespace):
        index = socket.if_nametoindex(interface)
        link = Netlink(NETLINK_ROUTE)
    with closing(link):
        return shown(link, index)


def _hardware(interface: str) -> str:
    """Return the MAC address of an interface of the namespace the caller is in."""
    with closing(socket.socket(socket.AF_INET, socket.SOCK_DGRAM)) as sock:
        answer = fcntl.ioctl(sock, _SIOCGIFHWADDR, struct.pack("40s", interface.encode()))
    return answer[18:24].hex(":")  # struct ifreq: the name, the family, the address


def know(
    interface: str, address: IPv4Address, *, namespace: int, hardware: str = "", state: int = NUD_PERMANENT
) -> None:
    """Tell a node a neighbour's MAC address for ever; by default the one that the lab gives to this address.

    Args:
        interface: of the node, towards the neighbour.
        address: the neighbour's.
        namespace: of the node.
        hardware: the MAC address.
        state: of the entry, in another way than for ever (``NUD_*`` of linux/neighbour.h).
    """
    with netns.entered(namespace):
        index = socket.if_nametoindex(interface)
        link = Netlink(NETLINK_ROUTE)
    message = ndmsg()
    attributes = [("NDA_DST", str(address)), ("NDA_LLADDR", hardware or mac(address))]
    message.update({"family": socket.AF_INET, "ifindex": index, "state": state, "attrs": attributes})
    with closing(link):
        link.request(RTM_NEWNEIGH, message, flags=NLM_F_CREATE)


def told_state(interface: str, address: IPv4Address, *, namespace: int) -> int | None:
    """Return the state in which a node has a neighbour (``NUD_*``); None: it does not know it."""
    with netns.entered(namespace):
        index = socket.if_nametoindex(interface)
        link = Netlink(NETLINK_ROUTE)
    message = ndmsg()
    message.update({"family": socket.AF_INET, "ifindex": index})
    with closing(link):
        answers = link.request(_RTM_GETNEIGH, message, flags=NLM_F_DUMP)
    found = (one["state"] for one in answers if one["ifindex"] == index and one.get_attr("NDA_DST") == str(address))
    return next(found, None)


def address_message(index: int, address: IPv4Interface) -> Message:
    """Return the message that adds or removes an address."""
    message = ifaddrmsg()
    own, everyone = str(address.ip), str(address.network.broadcast_address)
    attributes = [("IFA_ADDRESS", own), ("IFA_LOCAL", own), ("IFA_BROADCAST", everyone)]
    prefix = address.network.prefixlen
    message.update({"family": socket.AF_INET, "prefixlen": prefix, "index": index, "attrs": attributes})
    return message


def shown(link: Netlink, index: int) -> tuple[str, ...]:
    """Return the addresses, with prefix lengths, that the kernel shows on an interface."""
    message = ifaddrmsg()
    message["family"] = socket.AF_INET
    answers = link.request(_RTM_GETADDR, message, flags=NLM_F_DUMP)
    here = [answer for answer in answers if answer["index"] == index]
    return tuple(f"{answer.get_attr('IFA_LOCAL')}/{answer['prefixlen']}" for answer in here)
