"""Captures packets at one end of a link: every frame to a pcapng file, every IPv4 packet as an event.

In the runner's process, on a packet socket that stays in the node's namespace. The kernel stamps each frame as it
passes; the file keeps CLOCK_REALTIME, so that Wireshark shows dates, the events CLOCK_MONOTONIC.
"""

from __future__ import annotations

import asyncio
import socket
import struct
from contextlib import closing
from dataclasses import dataclass

from lab.actors.kernel_clock import to_monotonic
from lab.errors import LabFault
from lab.model.endpoint import Endpoint
from lab.network import netns
from lab.pcapng import Frame, PcapNg
from lab.record.events import Packet
from lab.record.writer import Emit

_ETH_ALL, _ETH_IP = 0x0003, 0x0800  # linux/if_ether.h
_ETH_LOCAL = 0x88B5  # IEEE 802 local experimental EtherType 1: no node answers it
_MARKER = b"lab capture marker"
_OUTGOING = 4  # linux/if_packet.h: PACKET_OUTGOING
_SO_TIMESTAMPNS = 35
_SOL_PACKET, _PACKET_STATISTICS = 263, 6
_SO_RCVBUFFORCE = 33
_BUFFER = 16 << 20
"""Bytes that wait to be read. A client that goes on after five minutes of suspension answers 120 datagrams at once, in
one instant of virtual time; with the kernel's usual 208 KiB a capture lost 33 packets of these."""
_LARGEST_FRAME = 1 << 16
_MARKER_WITHIN_S = 1.0  # a packet sent is seen before the send returns; this is for a machine in trouble
_FLAGS = "FSRPAUEC"  # RFC 9293 §3.1, RFC 3168 §6.1, lowest bit first


class Capture:
    """Captures what passes one end of a link, from its creation on; ready when the constructor returns.

    Args:
        link: the link's name, also its interface's.
        here: the node whose end is captured.
        there: the node at the other end.
        namespace: of ``here``.
        file: where frames go; it is closed with this.
        emit: where events go.

    Raises:
        LabFault: its own marker packet did not show up.
    """

    def __init__(self, link: str, *, here: str, there: str, namespace: int, file: PcapNg, emit: Emit) -> None:
        self._link, self._here, self._there, self._emit = link, here, there, emit
        with netns.entered(namespace):
            self._sock = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)  # a protocol only with bind: 20 ms less
            marking = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
        self._sock.setsockopt(socket.SOL_SOCKET, _SO_TIMESTAMPNS, 1)
        try:
            self._sock.setsockopt(socket.SOL_SOCKET, _SO_RCVBUFFORCE, _BUFFER)
        except PermissionError:  # an ordinary user's world on the host's kernel: as much as that allows
            self._sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _BUFFER)
        self._sock.bind((link, _ETH_ALL))
        self._sock.settimeout(_MARKER_WITHIN_S)
        self._file = file
        self._loop: asyncio.AbstractEventLoop | None = None
        with closing(marking):
            self._see_marker(marking)
        self._sock.settimeout(0)

    def watch(self) -> None:
        """Deliver packets from the running event loop as they pass."""
        self._loop = asyncio.get_running_loop()
        self._loop.add_reader(self._sock.fileno(), self.drain)

    def drain(self) -> None:
        """Write and emit everything that has passed up to this moment."""
        while (frame := self._next()) is not None:
            self._keep(frame)
        self._file.flush()

    def close(self) -> None:
        """Take what is left, and close.

        Raises:
            LabFault: packets were lost to the capture.
        """
        if self._loop is not None:
            self._loop.remove_reader(self._sock)
        self.drain()
        statistics = self._sock.getsockopt(_SOL_PACKET, _PACKET_STATISTICS, 8)
        self._sock.close()
        self._file.close()
        _, lost = struct.unpack("=II", statistics)
        if lost:
            raise LabFault(f"capture link {self._link}", detail=f"{lost} packets came faster than they were read")

    def _see_marker(self, marking: socket.socket) -> None:
        marking.sendto(bytes(12) + struct.pack("!H", _ETH_LOCAL) + _MARKER, (self._link, _ETH_LOCAL))
        try:
            while (frame := self._next()) is not None and not frame.is_marker():
                self._keep(frame)
        except TimeoutError as problem:
            raise LabFault(f"capture link {self._link}", detail="its marker packet did not show up") from problem

    def _next(self) -> _Frame | None:
        try:
            data, ancillary, _, address = self._sock.recvmsg(_LARGEST_FRAME, 64)
        except BlockingIOError:
            return None
        ((_, _, stamp),) = ancillary
        seconds, nanoseconds = struct.unpack("=qq", stamp)
        return _Frame(data, seconds * 10**9 + nanoseconds, address[1], outgoing=address[2] == _OUTGOING)

    def _keep(self, frame: _Frame) -> None:
        if frame.is_marker():
            return
        self._file.write(Frame(interface=0, at=frame.at, data=frame.data, outgoing=frame.outgoing))
        if frame.ethertype == _ETH_IP:
            sender = self._here if frame.outgoing else self._there
            self._emit(summary(frame.data[14:], link=self._link, sender=sender), at=to_monotonic(frame.at))


@dataclass(frozen=True, slots=True)
class _Frame:
    data: bytes
    at: int
    ethertype: int
    outgoing: bool

    def is_marker(self) -> bool:
        return self.ethertype == _ETH_LOCAL and self.data[14:].startswith(_MARKER)


def summary(packet: bytes, *, link: str, sender: str) -> Packet:
    """Return what the record says of an IPv4 packet that ``sender`` has put onto a link."""
    header = (packet[0] & 0xF) * 4
    length, protocol = int.from_bytes(packet[2:4], "big"), packet[9]
    source, destination = socket.inet_ntoa(packet[12:16]), socket.inet_ntoa(packet[16:20])
    inner = packet[header:length]
    is_first = not int.from_bytes(packet[6:8], "big") & 0x1FFF  # later fragments have no ports
    if protocol not in (socket.IPPROTO_TCP, socket.IPPROTO_UDP) or not is_first:
        return Packet(
            link=link,
            from_=sender,
            proto="icmp" if protocol == socket.IPPROTO_ICMP else "other",
            src=Endpoint(source),
            dst=Endpoint(destination),
            bytes=length,
            payload=len(inner),
        )
    from_port, to_port = struct.unpack_from("!HH", inner)
    src, dst = Endpoint(source, from_port), Endpoint(destination, to_port)
    if protocol == socket.IPPROTO_UDP:
        return Packet(link=link, from_=sender, proto="udp", src=src, dst=dst, bytes=length, payload=len(inner) - 8)
    return Packet(
        link=link,
        from_=sender,
        proto="tcp",
        src=src,
        dst=dst,
        bytes=length,
        payload=len(inner) - (inner[12] >> 4) * 4,
        flags="".join(letter for bit, letter in enumerate(_FLAGS) if inner[13] >> bit & 1),
        seq=int.from_bytes(inner[4:8], "big"),
    )
