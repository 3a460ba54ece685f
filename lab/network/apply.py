"""Carry out a plan, read back what the kernel made of it, and let go of it again.

Undo: a namespace lives as long as something holds it, and everything the plan makes lives in a namespace. So undoing is
closing the descriptors; if this process dies, the kernel does it. The ledger says so before the first operation.
"""

from __future__ import annotations

import ctypes
import fcntl
import os
import socket
import struct
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from ipaddress import IPv4Address
from pathlib import Path

from lab.errors import HostNotCapable, LabFault
from lab.network import netns
from lab.network.ledger import Ledger
from lab.network.netlink import CREATE, EXCLUSIVE, ROUTE, Netlink, attribute, nested
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
    render,
)

_NEWLINK, _GETLINK, _NEWADDR, _NEWROUTE, _NEWNEIGH = 16, 18, 20, 24, 28  # linux/rtnetlink.h
_IFLA_ADDRESS, _IFLA_IFNAME, _IFLA_LINKINFO, _IFLA_NET_NS_FD = 1, 3, 18, 28  # linux/if_link.h
_INFO_KIND, _INFO_DATA, _VETH_INFO_PEER = 1, 2, 1
_UP, _RUNNING = 0x1, 0x40  # IFF_*
_PERMANENT = 0x80  # NUD_PERMANENT
_LINK = struct.Struct("=BxHiII")  # struct ifinfomsg
_SIOCETHTOOL = 0x8946
_OFFLOADS = (0x17, 0x1F, 0x24, 0x2C)  # linux/ethtool.h: ETHTOOL_STXCSUM, _STSO, _SGSO, _SGRO


@dataclass(slots=True)
class Network:
    """A network that stands.

    Attributes:
        namespaces: node name to the descriptor that holds its namespace.
    """

    namespaces: dict[str, int]
    _ended: Callable[[], None] = field(repr=False)

    @contextmanager
    def entered(self, node: str) -> Iterator[None]:
        """Be in a node's namespace for the length of a ``with`` block."""
        with netns.entered(self.namespaces[node]):
            yield

    def close(self) -> None:
        """Let go of all namespaces; they end when the last process and socket in them is gone."""
        for descriptor in self.namespaces.values():
            os.close(descriptor)
        self.namespaces.clear()
        self._ended()


def apply(
    operations: tuple[Operation, ...], *, ledger: Ledger, make: Callable[[str], int] = lambda _node: netns.new()
) -> Network:
    """Build what a plan says, and prove it by reading it back.

    Args:
        operations: from ``lab.network.plan.plan``.
        ledger: where the whole plan is written first.
        make: gives the descriptor of a node's (empty) network namespace; a container backend passes its own.

    Raises:
        LabFault: the kernel refused an operation, or shows something other than what was asked for.
        HostNotCapable: libnftables is missing.
    """
    number = ledger.intend(render(operations), f"ends when process {os.getpid()} and its children end")
    build = _Build(make)
    try:
        for operation in operations:
            build.carry_out(operation)
        for operation in operations:
            build.read_back(operation)
    except BaseException:
        build.let_go()
        ledger.done(number)
        raise
    finally:
        build.close_sockets()
    return Network(build.namespaces, lambda: ledger.done(number))


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

    def carry_out(self, operation: Operation) -> None:
        try:
            self._do(operation)
        except OSError as problem:
            raise LabFault(f"{operation.node}: {operation}", detail=str(problem)) from problem

    def _do(self, operation: Operation) -> None:
        match operation:
            case MakeNamespace(node=node):
                self.namespaces[node] = self._make(node)
                with netns.entered(self.namespaces[node]):
                    self._netlink[node] = Netlink(ROUTE)
            case MakeLink(index=index, ends=(near, far)):
                peer = nested(_VETH_INFO_PEER, _LINK.pack(0, 0, index, 0, 0) + self._end(far))
                info = nested(_IFLA_LINKINFO, attribute(_INFO_KIND, b"veth"), nested(_INFO_DATA, peer))
                self._create(near.node, _NEWLINK, _LINK.pack(0, 0, index, 0, 0) + self._end(near) + info)
            case NoOffloads(node=node, interface=interface):
                with netns.entered(self.namespaces[node]):
                    _no_offloads(interface)
            case AddAddress(node=node, index=index, address=address):
                head = struct.pack("=BBBBI", socket.AF_INET, address.network.prefixlen, 0, 0, index)
                ours = b"".join(attribute(kind, address.ip.packed) for kind in (1, 2))  # IFA_ADDRESS, IFA_LOCAL
                broadcast = attribute(4, address.network.broadcast_address.packed)  # IFA_BROADCAST
                self._create(node, _NEWADDR, head + ours + broadcast)
            case AddNeighbour(node=node, index=index, address=address, mac=mac):
                head = struct.pack("=BxxxiHBB", socket.AF_INET, index, _PERMANENT, 0, 0)
                self._create(node, _NEWNEIGH, head + attribute(1, address.packed) + attribute(2, _bytes(mac)))
            case SetUp(node=node, index=index):
                self._netlink[node].request(_NEWLINK, _LINK.pack(0, 0, index, _UP, _UP))
            case AddRoute(node=node, destination=net, gateway=gateway):
                self._create(node, _NEWROUTE, _route(net.prefixlen, net.network_address, gateway))
            case SetSysctl():
                self._set(operation)
            case LoadRules(node=node, rules=rules):
                with netns.entered(self.namespaces[node]):
                    nft(rules)

    def _create(self, node: str, kind: int, body: bytes) -> None:
        self._netlink[node].request(kind, body, flags=CREATE | EXCLUSIVE)

    def _end(self, end: LinkEnd) -> bytes:
        return (
            attribute(_IFLA_IFNAME, end.interface.encode() + b"\0")
            + attribute(_IFLA_ADDRESS, _bytes(end.mac))
            + attribute(_IFLA_NET_NS_FD, struct.pack("=i", self.namespaces[end.node]))
        )

    def _set(self, operation: SetSysctl) -> None:
        path = Path("/proc/sys") / operation.key
        with netns.entered(self.namespaces[operation.node]):
            if not operation.optional or path.exists():
                path.write_text(str(operation.value))

    def read_back(self, operation: Operation) -> None:
        """Compare what the kernel shows with what was asked for."""
        match operation:
            case SetUp(node=node, index=index):
                ((_, answer),) = self._netlink[node].request(_GETLINK, _LINK.pack(0, 0, index, 0, 0))
                flags = _LINK.unpack_from(answer)[3]
                _same(operation, _UP | _RUNNING, flags & (_UP | _RUNNING))
            case SetSysctl(node=node, key=key, value=value, optional=optional):
                with netns.entered(self.namespaces[node]):
                    path = Path("/proc/sys") / key
                    if not optional or path.exists():
                        _same(operation, value, int(path.read_text()))
            case LoadRules(node=node, rules=rules):
                with netns.entered(self.namespaces[node]):
                    _same(operation, comments(rules), comments(nft("list ruleset")))
            case _:
                pass  # the kernel acknowledged it, and later operations could not have succeeded without it


def nft(commands: str) -> str:
    """Run nft commands in the current namespace, through libnftables: a tenth of what a process costs.

    Raises:
        HostNotCapable: libnftables is missing.
        LabFault: nft refused, with its own words.
    """
    try:
        library = ctypes.CDLL("libnftables.so.1")
    except OSError as problem:
        raise HostNotCapable("libnftables.so.1 is missing", fix="apt-get install libnftables1") from problem
    library.nft_ctx_new.restype = ctypes.c_void_p
    for name in ("nft_ctx_get_output_buffer", "nft_ctx_get_error_buffer"):
        getattr(library, name).restype = ctypes.c_char_p
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


def _route(prefix: int, destination: IPv4Address, gateway: IPv4Address) -> bytes:
    main, static, everywhere, unicast = 254, 4, 0, 1  # RT_TABLE_MAIN, RTPROT_STATIC, RT_SCOPE_UNIVERSE, RTN_UNICAST
    head = struct.pack("=BBBBBBBBI", socket.AF_INET, prefix, 0, 0, main, static, everywhere, unicast, 0)
    return head + attribute(1, destination.packed) * bool(prefix) + attribute(5, gateway.packed)  # RTA_DST, RTA_GATEWAY


def _bytes(mac: str) -> bytes:
    return bytes.fromhex(mac.replace(":", ""))


def _same(operation: Operation, asked: object, shown: object) -> None:
    if asked != shown:
        raise LabFault(f"{operation.node}: {operation}", detail=f"the kernel shows {shown!r} instead of {asked!r}")
