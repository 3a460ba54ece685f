"""Reads and changes the network of this process, for a node that stands alone and has no plan."""

from __future__ import annotations

import errno
import fcntl
import socket
import struct
from contextlib import closing
from ipaddress import IPv4Address
from pathlib import Path

from lab.errors import HostNotCapable
from lab.network.lean_pyroute2 import NETLINK_ROUTE, NLM_F_CREATE, RTM_NEWROUTE, rt_proto, rt_scope, rtmsg
from lab.network.netlink import Netlink

_SIOCGIFADDR = 0x8915  # linux/sockios.h
_NLM_F_REPLACE = 0x100  # linux/netlink.h
_MAIN_TABLE, _UNICAST = 254, 1  # linux/rtnetlink.h: RT_TABLE_MAIN, RTN_UNICAST


def interface_with(address: IPv4Address) -> str:
    """Return the name of the interface that has this address.

    Raises:
        HostNotCapable: there is none.
    """
    addresses = {name: _address(name) for _, name in socket.if_nameindex()}
    for name, found in addresses.items():
        if found == address:
            return name
    there = ", ".join(f"{name} {found or 'without'}" for name, found in addresses.items())
    raise HostNotCapable(f"no interface has the address {address} ({there})", fix="give an address that is there")


def route_everything_through(gateway: IPv4Address) -> None:
    """Make this the default route, in the place of any other. Needs CAP_NET_ADMIN.

    Raises:
        HostNotCapable: the kernel refuses.
    """
    message = rtmsg()
    message.update(
        family=socket.AF_INET,
        dst_len=0,
        table=_MAIN_TABLE,
        type=_UNICAST,
        proto=rt_proto["static"],
        scope=rt_scope["universe"],
        attrs=[("RTA_GATEWAY", str(gateway))],
    )
    with closing(Netlink(NETLINK_ROUTE)) as link:
        try:
            link.request(RTM_NEWROUTE, message, flags=NLM_F_CREATE | _NLM_F_REPLACE)
        except OSError as problem:
            fix = "give it the capability NET_ADMIN" if problem.errno == errno.EPERM else "put it into that network"
            raise HostNotCapable(f"no route through {gateway} ({problem.strerror})", fix=fix) from problem


def check_settings(wanted: tuple[tuple[str, int], ...], *, below: str) -> list[tuple[str, int, str]]:
    """Return the settings below ``/proc/sys`` that differ: key, wanted, found (empty: there is none).

    They are only read: a container's are read-only, and given by whoever starts it.
    """
    found = [(key, value, _setting(f"{below}/{key}")) for key, value in wanted]
    return [each for each in found if each[2] != str(each[1])]


def _setting(key: str) -> str:
    try:
        return (Path("/proc/sys") / key).read_text().strip()
    except FileNotFoundError:
        return ""


def _address(interface: str) -> IPv4Address | None:
    request = struct.pack("16s16x", interface.encode())
    with closing(socket.socket(socket.AF_INET, socket.SOCK_DGRAM)) as sock:
        try:
            return IPv4Address(fcntl.ioctl(sock, _SIOCGIFADDR, request)[20:24])  # struct ifreq, sockaddr_in
        except OSError as problem:
            if problem.errno == errno.EADDRNOTAVAIL:
                return None
            raise
