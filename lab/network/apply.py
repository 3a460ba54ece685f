"""Carries out a plan, reads the result back from the kernel, and releases it.

Undo: a namespace lives as long as something holds it, and everything the plan makes lives in a namespace. So undoing is
closing the descriptors; if this process dies, the kernel does it.
"""

from __future__ import annotations

import ctypes
import fcntl
import os
import socket
import struct
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, closing, contextmanager, nullcontext
from dataclasses import dataclass
from functools import cache
from ipaddress import IPv4Address, IPv4Network
from itertools import groupby
from typing import Any

from lab.errors import HostNotCapable, LabFault
from lab.network import netns
from lab.network.lean_pyroute2 import (
    IFF_LOOPBACK,
    IFF_UP,
    NETLINK_ROUTE,
    NLM_F_CREATE,
    NLM_F_EXCL,
    NUD_PERMANENT,
    RTM_GETLINK,
    RTM_NEWADDR,
    RTM_NEWLINK,
    RTM_NEWNEIGH,
    RTM_NEWROUTE,
    RTMGRP_LINK,
    ifaddrmsg,
    ifinfmsg,
    ndmsg,
    rt_proto,
    rt_scope,
    rtmsg,
)
from lab.network.netlink import RECEIVE, Message, Netlink, messages
from lab.network.nft import comments
from lab.network.plan import (
    AddAddress,
    AddNeighbour,
    AddRoute,
    LinkEnd,
    LoadRules,
    MakeLink,
    MakeNamespace,
    NoOffloads,
    Operation,
    SetSysctl,
    SetUp,
)

_SIOCETHTOOL = 0x8946
_OFFLOADS = (0x17, 0x1F, 0x24, 0x2C)  # linux/ethtool.h: ETHTOOL_STXCSUM, _STSO, _SGSO, _SGRO
_MAIN_TABLE, _UNICAST = 254, 1  # linux/rtnetlink.h: RT_TABLE_MAIN, RTN_UNICAST
_CARRIES = "up, carrying"
_CARRIES_WITHIN_S = 5.0  # the kernel's link watch puts events off by up to a second (net/core/link_watch.c)


@dataclass(slots=True)
class Network:
    """A network that stands.

    Attributes:
        namespaces: node name to the descriptor that holds its namespace.
    """

    namespaces: dict[str, int]

    @contextmanager
    def entered(self, node: str) -> Iterator[None]:
        """Enter a node's namespace for the length of a ``with`` block."""
        with netns.entered(self.namespaces[node]):
            yield

    def close(self) -> None:
        """Let go of all namespaces; they end when the last process and socket in them is gone."""
        for descriptor in self.namespaces.values():
            os.close(descriptor)
        self.namespaces.clear()


def apply(operations: tuple[Operation, ...], *, make: Callable[[str], int] = lambda _node: netns.new()) -> Network:
    """Build what a plan says, and prove it by reading it back.

    Args:
        operations: from ``lab.network.plan.plan``.
        make: gives the descriptor of a node's (empty) network namespace; a container backend passes its own.

    Raises:
        LabFault: the kernel refused an operation, or shows something other than what was asked for.
        HostNotCapable: libnftables is missing.
    """
    build = _Build(make)
    try:
        build.for_each(build.carry_out, operations)
        build.for_each(build.read_back, operations)
    except BaseException:
        build.let_go()
        raise
    finally:
        build.close_sockets()
    return Network(build.namespaces)


class _Build:
    def __init__(self, make: Callable[[str], int]) -> None:
        self.namespaces: dict[str, int] = {}
        self._make = make
        self._netlink: dict[str, Netlink] = {}

    def close_sockets(self) -> None:
        for link in self._netlink.values():
            link.close()

    def let_go(self) -> None:
        for descriptor in self.namespaces.values():
            os.close(descriptor)

    def for_each(self, act: Callable[[Operation], None], operations: Iterable[Operation]) -> None:
        """Act on operations in order; for the settings of a node that follow each other, enter the node once."""
        for (node, enters), some in groupby(operations, key=lambda each: (each.node, isinstance(each, SetSysctl))):
            inside: AbstractContextManager[None] = netns.entered(self.namespaces[node]) if enters else nullcontext()
            with inside:
                for operation in some:
                    act(operation)

    def carry_out(self, operation: Operation) -> None:
        """Do what an operation says; where that is a setting, in its node."""
        try:
            self._do(operation)
        except OSError as problem:
            raise LabFault(f"{operation.node}: {operation}", detail=str(problem)) from problem

    def _do(self, operation: Operation) -> None:
        match operation:
            case MakeNamespace(node=node):
                self.namespaces[node] = self._make(node)
                with netns.entered(self.namespaces[node]):
                    self._netlink[node] = Netlink(NETLINK_ROUTE)
            case MakeLink(ends=(near, far)):
                peer = {"attrs": [("VETH_INFO_PEER", self._end(far))]}
                info = {"attrs": [("IFLA_INFO_KIND", "veth"), ("IFLA_INFO_DATA", peer)]}
                end = self._end(near)
                end["attrs"].append(("IFLA_LINKINFO", info))
                self._create(near.node, RTM_NEWLINK, ifinfmsg(), end)
            case NoOffloads(node=node, interface=interface):
                with netns.entered(self.namespaces[node]):
                    _no_offloads(interface)
            case AddAddress(node=node, index=index, address=address):
                ours, everyone = str(address.ip), str(address.network.broadcast_address)
                attributes = [("IFA_ADDRESS", ours), ("IFA_LOCAL", ours), ("IFA_BROADCAST", everyone)]
                fields = {"family": socket.AF_INET, "prefixlen": address.network.prefixlen, "index": index}
                self._create(node, RTM_NEWADDR, ifaddrmsg(), {**fields, "attrs": attributes})
            case AddNeighbour(node=node, index=index, address=address, mac=mac):
                fields = {"family": socket.AF_INET, "ifindex": index, "state": NUD_PERMANENT}
                attributes = [("NDA_DST", str(address)), ("NDA_LLADDR", mac)]
                self._create(node, RTM_NEWNEIGH, ndmsg(), {**fields, "attrs": attributes})
            case SetUp(node=node, index=index):
                message = ifinfmsg()
                message.update(index=index, flags=IFF_UP, change=IFF_UP)
                self._netlink[node].request(RTM_NEWLINK, message)
            case AddRoute(node=node, destination=net, gateway=gateway):
                self._create(node, RTM_NEWROUTE, rtmsg(), _route(net, gateway))
            case SetSysctl(key=key, value=value, optional=optional):
                _write_setting(key, value, optional=optional)
            case LoadRules(node=node, rules=rules):
                with netns.entered(self.namespaces[node]):
                    nft(rules)

    def _create(self, node: str, kind: int, message: Message, content: dict[str, Any]) -> None:
        message.update(content)
        self._netlink[node].request(kind, message, flags=NLM_F_CREATE | NLM_F_EXCL)

    def _end(self, end: LinkEnd) -> dict[str, Any]:
        place = ("IFLA_NET_NS_FD", self.namespaces[end.node])
        return {"index": end.index, "attrs": [("IFLA_IFNAME", end.interface), ("IFLA_ADDRESS", end.mac), place]}

    def read_back(self, operation: Operation) -> None:
        """Compare what the kernel shows with what was asked for."""
        match operation:
            case SetUp(node=node, index=index):
                _same(operation, _CARRIES, self._link_once_carrying(node, index))
            case SetSysctl(key=key, value=value, optional=optional):
                shown = _read_setting(key, optional=optional)
                if shown is not None:
                    _same(operation, value, shown)
            case LoadRules(node=node, rules=rules):
                with netns.entered(self.namespaces[node]):
                    _same(operation, comments(rules), comments(nft("list ruleset")))
            case _:
                pass  # the kernel acknowledged it, and later operations could not have succeeded without it

    def _link(self, node: str, index: int) -> str:
        message = ifinfmsg()
        message["index"] = index
        (link,) = self._netlink[node].request(RTM_GETLINK, message)
        return _state(link)

    def _link_once_carrying(self, node: str, index: int) -> str:
        """Return a link's state once it carries traffic, or its state when the time is over.

        Of a veth pair the end that comes up first gets its queue from the kernel's link watch, after "up" has returned;
        until then what is sent there is lost. The watch notes the operational state UP in the same breath. IFF_RUNNING
        is no proof: a link the watch has not looked at yet has it too.
        """
        state = self._link(node, index)
        if state == _CARRIES:
            return state
        with netns.entered(self.namespaces[node]):
            changes = Netlink(NETLINK_ROUTE, groups=RTMGRP_LINK)
        with closing(changes):
            state = self._link(node, index)  # from here on, a change is announced
            deadline = time.monotonic() + _CARRIES_WITHIN_S
            while state != _CARRIES and (left := deadline - time.monotonic()) > 0:
                changes.sock.settimeout(left)
                try:
                    data = changes.sock.recv(RECEIVE)
                except TimeoutError:
                    break
                state = [state, *(_state(link) for link in messages(data, ifinfmsg) if link["index"] == index)][-1]
        return state


@cache
def libnftables() -> ctypes.CDLL:
    """Load libnftables; a fork of a process that has done so has it too.

    Raises:
        HostNotCapable: it is missing.
    """
    try:
        library = ctypes.CDLL("libnftables.so.1")
    except OSError as problem:
        raise HostNotCapable("libnftables.so.1 is missing", fix="apt-get install libnftables1") from problem
    library.nft_ctx_new.restype = ctypes.c_void_p
    for name in ("nft_ctx_get_output_buffer", "nft_ctx_get_error_buffer"):
        getattr(library, name).restype = ctypes.c_char_p
    return library


def nft(commands: str) -> str:
    """Run nft commands in the current namespace, through libnftables: a tenth of what a process costs.

    Raises:
        HostNotCapable: libnftables is missing.
        LabFault: nft refused, with its own words.
    """
    library = libnftables()
    context = ctypes.c_void_p(library.nft_ctx_new(0))
    try:
        library.nft_ctx_buffer_output(context)
        library.nft_ctx_buffer_error(context)
        failed: int = library.nft_run_cmd_from_buffer(context, commands.encode())
        if failed:
            said: bytes = library.nft_ctx_get_error_buffer(context)
            raise LabFault("nft", detail=said.decode().strip() or f"status {failed}")
        shown: bytes = library.nft_ctx_get_output_buffer(context)
        return shown.decode()
    finally:
        library.nft_ctx_free(context)


def _no_offloads(interface: str) -> None:
    with closing(socket.socket(socket.AF_INET, socket.SOCK_DGRAM)) as sock:
        for command in _OFFLOADS:
            value = ctypes.create_string_buffer(struct.pack("=II", command, 0))
            request = struct.pack("16sQ16x", interface.encode(), ctypes.addressof(value))  # struct ifreq
            fcntl.ioctl(sock, _SIOCETHTOOL, request)


def _write_setting(key: str, value: int, *, optional: bool) -> None:
    """Set a sysctl of the current namespace; one that is optional and not there is left alone.

    By bare descriptors, here and below: a file object asks the kernel four more questions, which cost in a guest.
    """
    try:
        setting = os.open(f"/proc/sys/{key}", os.O_WRONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        if optional:
            return
        raise
    try:
        os.write(setting, str(value).encode())
    finally:
        os.close(setting)


def _read_setting(key: str, *, optional: bool) -> int | None:
    """Return a sysctl of the current namespace; None for one that is optional and not there."""
    try:
        setting = os.open(f"/proc/sys/{key}", os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        if optional:
            return None
        raise
    try:
        return int(os.read(setting, 64))
    finally:
        os.close(setting)


def _route(destination: IPv4Network, gateway: IPv4Address) -> dict[str, Any]:
    fields = {"family": socket.AF_INET, "dst_len": destination.prefixlen, "table": _MAIN_TABLE, "type": _UNICAST}
    attributes = [("RTA_GATEWAY", str(gateway))]
    if destination.prefixlen:
        attributes.append(("RTA_DST", str(destination.network_address)))
    return {**fields, "proto": rt_proto["static"], "scope": rt_scope["universe"], "attrs": attributes}


def _state(link: Message) -> str:
    carries = link.get_attr("IFLA_OPERSTATE") == "UP" or link["flags"] & IFF_LOOPBACK  # which has no link watch
    return ", ".join(fact for fact, holds in (("up", link["flags"] & IFF_UP), ("carrying", carries)) if holds)


def _same(operation: Operation, asked: object, shown: object) -> None:
    if asked != shown:
        raise LabFault(f"{operation.node}: {operation}", detail=f"the kernel shows {shown!r} instead of {asked!r}")
