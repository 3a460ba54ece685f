"""Decodes frames: link layer, IPv4 and IPv6 with fragments, TCP, UDP, ICMP.

scapy would do so, but builds objects for every field, which is far too slow for a file of a gigabyte.

A frame that is none of these, or is cut off, gives None.
"""

from __future__ import annotations

import socket
import struct
from collections import OrderedDict
from dataclasses import dataclass

from lab.importing.capture_file import RawFrame

_NULL, _ETHERNET, _PPP, _RAW, _LOOP, _SLL, _SLL2 = 0, 1, 9, 101, 108, 113, 276
_RAW_TOO = (_RAW, 12, 14, 228, 229)  # LINKTYPE_RAW, its old numbers, LINKTYPE_IPV4 and LINKTYPE_IPV6
_IPV4, _IPV6 = 0x0800, 0x86DD
_TAGS = (0x8100, 0x88A8, 0x9100)
_PPPOE = 0x8864
_ICMP, _TCP, _UDP, _ICMP6 = 1, 6, 17, 58
_EXTENSIONS = (0, 43, 60)  # hop-by-hop, routing, destination options (RFC 8200 §4)
_FRAGMENT = 44
_FLAGS = "FSRPAU"
MOST_FRAGMENTED = 256
"""Packets whose fragments are kept at a time; the oldest is forgotten."""
_LARGEST_PACKET = 65_535


@dataclass(frozen=True, slots=True)
class Packet:
    """A packet of a transport protocol.

    Attributes:
        protocol: ``tcp``, ``udp`` or ``icmp``.
        source, destination: hosts.
        source_port, destination_port: of ICMP 0.
        ttl: or hop limit.
        payload: of the transport protocol; of ICMP the packet that it is about, from its IP header on.
        size: bytes of the payload on the wire, as far as the headers say.
        flags, seq, ack: of TCP.
        code: of ICMP, type and code.
    """

    protocol: str
    source: str
    destination: str
    source_port: int
    destination_port: int
    ttl: int
    payload: bytes
    size: int
    flags: str = ""
    seq: int = 0
    ack: int = 0
    code: str = ""


class Decoder:
    """Decodes the frames of one file, and puts fragments together."""

    def __init__(self) -> None:
        self._pieces: OrderedDict[tuple[object, ...], dict[int, tuple[bytes, bool]]] = OrderedDict()

    def decode(self, frame: RawFrame) -> Packet | None:
        """Return the packet of a frame; None: it is none that is understood, or a fragment."""
        try:
            found = _network_layer(frame.link_type, frame.data)
            if found is None:
                return None
            return self._ipv4(*found) if found[1] == 4 else self._ipv6(*found)
        except (struct.error, IndexError):
            return None

    def _ipv4(self, data: bytes, _: int) -> Packet | None:
        header = (data[0] & 0xF) * 4
        if header < 20:
            return None
        length, ident, where = struct.unpack_from("!HHH", data, 2)
        ttl, protocol = data[8], data[9]
        source, destination = socket.inet_ntoa(data[12:16]), socket.inet_ntoa(data[16:20])
        length = length or len(data)  # 0: segmentation offload
        rest, missing = data[header:length], max(0, length - len(data))
        if where & 0x3FFF:  # more fragments, or an offset
            key = (source, destination, protocol, ident)
            whole = self._assembled(key, (where & 0x1FFF) * 8, rest, last=not where & 0x2000)
            if whole is None:
                return None
            rest, missing = whole, 0
        return _transport_layer(protocol, source, destination, ttl, rest, missing)

    def _ipv6(self, data: bytes, _: int) -> Packet | None:
        length, following, ttl = struct.unpack_from("!HBB", data, 4)
        source = socket.inet_ntop(socket.AF_INET6, data[8:24])
        destination = socket.inet_ntop(socket.AF_INET6, data[24:40])
        end = 40 + length if length else len(data)
        rest, missing = data[40:end], max(0, end - len(data))
        while following in _EXTENSIONS:
            following, size = rest[0], (rest[1] + 1) * 8
            rest = rest[size:]
        if following == _FRAGMENT:
            following, where, ident = struct.unpack_from("!BxHI", rest)
            whole = self._assembled((source, destination, ident), where & 0xFFF8, rest[8:], last=not where & 1)
            if whole is None:
                return None
            rest, missing = whole, 0
        return _transport_layer(following, source, destination, ttl, rest, missing)

    def _assembled(self, key: tuple[object, ...], offset: int, data: bytes, *, last: bool) -> bytes | None:
        pieces = self._pieces.setdefault(key, {})
        pieces[offset] = (data, last)
        if len(self._pieces) > MOST_FRAGMENTED:
            self._pieces.popitem(last=False)
        whole = bytearray()
        while (piece := pieces.get(len(whole))) is not None:
            if not piece[0] or len(whole) > _LARGEST_PACKET:
                break
            whole += piece[0]
            if piece[1]:
                self._pieces.pop(key, None)
                return bytes(whole)
        return None


def _network_layer(link_type: int, data: bytes) -> tuple[bytes, int] | None:
    """Return the packet of the network layer, and its version."""
    if link_type == _ETHERNET:
        return _by_ethertype(data, 12)
    if link_type in _RAW_TOO:
        return _by_version(data)
    if link_type == _SLL:
        return _by_ethertype(data, 14)
    if link_type == _SLL2:
        kind = int.from_bytes(data[:2], "big")
        return _by_version(data[20:]) if kind in (_IPV4, _IPV6) else None
    if link_type in (_NULL, _LOOP):
        return _by_version(data[4:])
    if link_type == _PPP:
        return _ppp(data[2:] if data[:2] == b"\xff\x03" else data)
    return None


def _by_ethertype(data: bytes, at: int) -> tuple[bytes, int] | None:
    kind = int.from_bytes(data[at : at + 2], "big")
    while kind in _TAGS:
        at += 4
        kind = int.from_bytes(data[at : at + 2], "big")
    if kind == _PPPOE:
        return _ppp(data[at + 8 :])
    return _by_version(data[at + 2 :]) if kind in (_IPV4, _IPV6) else None


def _ppp(data: bytes) -> tuple[bytes, int] | None:
    return _by_version(data[2:]) if data[:2] in (b"\x00\x21", b"\x00\x57") else None


def _by_version(data: bytes) -> tuple[bytes, int] | None:
    version = data[0] >> 4 if data else 0
    return (data, version) if version in (4, 6) else None


def _transport_layer(
    protocol: int, source: str, destination: str, ttl: int, data: bytes, missing: int
) -> Packet | None:
    if protocol == _UDP:
        source_port, destination_port, length = struct.unpack_from("!HHH", data)
        size = max(length - 8, 0) if length else len(data) - 8 + missing
        return Packet("udp", source, destination, source_port, destination_port, ttl, data[8 : 8 + size], size)
    if protocol == _TCP:
        source_port, destination_port, seq, ack, words, bits = struct.unpack_from("!HHIIBB", data)
        header = (words >> 4) * 4
        if header < 20:
            return None
        flags = "".join(name for at, name in enumerate(_FLAGS) if bits >> at & 1)
        payload = data[header:]
        size = len(payload) + missing
        return Packet("tcp", source, destination, source_port, destination_port, ttl, payload, size, flags, seq, ack)
    if protocol in (_ICMP, _ICMP6):
        return Packet("icmp", source, destination, 0, 0, ttl, data[8:], len(data) - 8, code=f"{data[0]}/{data[1]}")
    return None


def quoted(packet: Packet) -> tuple[str, str, int, str, int] | None:
    """Return protocol, source and destination of the packet that an ICMP error is about; None: it is no error."""
    data = packet.payload
    six = ":" in packet.source
    kind = int(packet.code.partition("/")[0])
    if kind not in ((1, 2, 3) if six else (3, 11)) or len(data) < (44 if six else 24):
        return None
    if six:
        protocol, at = data[6], 40
        hosts = [socket.inet_ntop(socket.AF_INET6, data[start : start + 16]) for start in (8, 24)]
    else:
        protocol, at = data[9], (data[0] & 0xF) * 4
        hosts = [socket.inet_ntoa(data[start : start + 4]) for start in (12, 16)]
    if protocol not in (_TCP, _UDP) or len(data) < at + 4:
        return None
    ports = struct.unpack_from("!HH", data, at)
    return "tcp" if protocol == _TCP else "udp", hosts[0], ports[0], hosts[1], ports[1]
