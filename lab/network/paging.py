"""Holds the packets of a node for a neighbour back, as a cellular network does whose phone's radio sleeps.

The node forgets its neighbour's MAC address and asks nobody for it (``NUD_INCOMPLETE`` without a timer). So the kernel
keeps what it wants to send there in the neighbour's own queue (``unres_qlen_bytes``), and sends it in order as soon as
it is told the address. A rule tells that a packet waits (NFLOG).
"""

from __future__ import annotations

import socket
import struct
from collections.abc import Callable
from ipaddress import IPv4Address

from lab.network import netns
from lab.network.address_change import know, told_state
from lab.network.apply import nft

_NETLINK_NETFILTER = 12  # linux/netlink.h
_REQUEST, _ACK, _ERROR = 0x1, 0x4, 2  # linux/netlink.h
_CONFIG, _PACKET = (
    4 << 8 | 1,
    4 << 8,
)  # NFNL_SUBSYS_ULOG, NFULNL_MSG_CONFIG and _PACKET (linux/netfilter/nfnetlink_log.h)
_BIND, _COPY_META = 1, 1  # NFULNL_CFG_CMD_BIND, NFULNL_COPY_META
_HEADER = struct.Struct("=IHHII")  # struct nlmsghdr
_GENERIC = struct.Struct(">BBH")  # struct nfgenmsg: family, version, group
_RECEIVE = 1 << 16
_WAITS, _SPARED = 1, 2  # groups of the two rules
NUD_INCOMPLETE, NUD_PERMANENT = 0x01, 0x80  # linux/neighbour.h


class Paging:
    """Packets of one node for one neighbour.

    Args:
        interface: of the node, towards the neighbour.
        neighbour: its address.
        namespace: descriptor of the node's namespace.
        spared: packets from or to this port do not count; they pass at once.
        waits: called when any other packet is about to be sent; it may have to wait.

    Raises:
        OSError: the kernel refused.
    """

    def __init__(
        self, interface: str, neighbour: IPv4Address, *, namespace: int, spared: int, waits: Callable[[], None]
    ) -> None:
        self._interface = interface
        self._neighbour = neighbour
        self._namespace = namespace
        self._waits = waits
        self._table = f"ip paging-{interface}"
        self.held = False
        here = f'oifname "{interface}" ip daddr {neighbour}'
        log = "log group {} queue-threshold 1;"
        rules = "".join(f"{here} th {way} {spared} {log.format(_SPARED)} {here} th {way} {spared} accept; "
                        for way in ("sport", "dport"))  # fmt: skip
        with netns.entered(namespace):
            self.sock = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, _NETLINK_NETFILTER)
            for group in (_WAITS, _SPARED):
                self._bind(group)
            nft(
                f"table {self._table} {{ chain pages {{ type filter hook postrouting priority 0;"
                f" {rules}{here} {log.format(_WAITS)} }}\n}}"
            )
        self.sock.setblocking(False)  # noqa: FBT003  (the stdlib's signature)

    def hold(self) -> bool:
        """Hold packets back from now on; return whether the kernel shows it so."""
        know(self._interface, self._neighbour, namespace=self._namespace, state=NUD_INCOMPLETE)
        self.held = True
        return told_state(self._interface, self._neighbour, namespace=self._namespace) == NUD_INCOMPLETE

    def release(self) -> None:
        """Send what waits, and hold nothing back."""
        know(self._interface, self._neighbour, namespace=self._namespace)
        self.held = False

    def readable(self) -> None:
        """Take what the rules tell; for the event loop."""
        while True:
            try:
                data = self.sock.recv(_RECEIVE)
            except BlockingIOError:
                return
            for group in _groups(data):
                if group == _WAITS:
                    self._waits()
                elif self.held:
                    self.release()
                    self.hold()

    def close(self) -> None:
        """Hold nothing back, and take the rules away."""
        if self.held:
            self.release()
        self.sock.close()
        with netns.entered(self._namespace):
            nft(f"delete table {self._table}")

    def _bind(self, group: int) -> None:
        command = _attribute(1, bytes((_BIND,)))  # NFULA_CFG_CMD
        mode = _attribute(2, struct.pack(">IBx", 0, _COPY_META))  # NFULA_CFG_MODE
        body = _GENERIC.pack(socket.AF_UNSPEC, 0, group) + command + mode
        self.sock.send(_HEADER.pack(_HEADER.size + len(body), _CONFIG, _REQUEST | _ACK, group, 0) + body)
        answer = self.sock.recv(_RECEIVE)
        _, kind, *_ = _HEADER.unpack_from(answer)
        (error,) = struct.unpack_from("=i", answer, _HEADER.size)
        if kind == _ERROR and error:
            raise OSError(-error, "the kernel does not log packets for us (CONFIG_NETFILTER_NETLINK_LOG)")


def _attribute(kind: int, value: bytes) -> bytes:
    """Return a netlink attribute."""
    return struct.pack("=HH", 4 + len(value), kind) + value + bytes(-len(value) % 4)


def _groups(data: bytes) -> list[int]:
    """Return the group of each packet that is told of."""
    found, at = [], 0
    while at + _HEADER.size <= len(data):
        length, kind, *_ = _HEADER.unpack_from(data, at)
        if kind == _PACKET:
            found.append(_GENERIC.unpack_from(data, at + _HEADER.size)[2])
        at += (length + 3) & ~3
    return found
