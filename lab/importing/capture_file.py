"""Reads pcap and pcapng files as a stream, whatever wrote them, damaged ones too.

scapy's readers are not used: they end without a word where a file is damaged, and take as much memory as a block says
that it is long. One block is in memory at a time here.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import BinaryIO

PCAP_MAGICS = {
    b"\xa1\xb2\xc3\xd4": (">", 1_000_000),
    b"\xd4\xc3\xb2\xa1": ("<", 1_000_000),
    b"\xa1\xb2\x3c\x4d": (">", 1_000_000_000),
    b"\x4d\x3c\xb2\xa1": ("<", 1_000_000_000),
}
"""The first bytes of a pcap file: byte order, and fractions of a second (draft-ietf-opsawg-pcap)."""
PCAPNG_MAGIC = b"\x0a\x0d\x0d\x0a"

LARGEST_FRAME = 262_144
"""Bytes; libpcap's MAXIMUM_SNAPLEN. A longer one means that the file is damaged."""
LARGEST_BLOCK = 16 * 1024 * 1024
"""Bytes; libpcap's MAX_BLOCKSIZE, and Wireshark's."""
MOST_INTERFACES = 65_536

_SECTION, _INTERFACE, _OLD_PACKET, _SIMPLE_PACKET, _PACKET, _SECRETS = 0x0A0D0D0A, 1, 2, 3, 6, 10
_RESOLUTION, _OFFSET = 9, 14
_TLS_KEY_LOG = 0x544C534B
_BYTE_ORDERS = {b"\x1a\x2b\x3c\x4d": ">", b"\x4d\x3c\x2b\x1a": "<"}


@dataclass(frozen=True, slots=True)
class RawFrame:
    """A frame of a capture.

    Attributes:
        number: of the frame, from 1, as Wireshark counts.
        t: Unix time in seconds.
        interface: on which it was seen; all sections of a file count on.
        link_type: how it begins (LINKTYPE_…).
        data: as far as it was captured.
    """

    number: int
    t: float
    interface: int
    link_type: int
    data: bytes


class _Interface:
    def __init__(self, link_type: int, snap: int, ticks: float, offset: int) -> None:
        self.link_type, self.snap, self.ticks, self.offset = link_type, snap, ticks, offset


class _Damaged(Exception):
    """The file cannot be read on; says why."""


def read_frames(
    file: BinaryIO, *, remark: Callable[[str], None], secrets: Callable[[bytes], None] = lambda _: None
) -> Iterator[RawFrame]:
    """Yield the frames of a capture; damage is a remark, and ends the frames.

    Args:
        file: at its beginning.
        remark: takes a sentence on what could not be read.
        secrets: takes the TLS key logs that a pcapng file has.
    """
    magic = file.read(4)
    number = 0
    try:
        frames = _pcap(file, *PCAP_MAGICS[magic]) if magic in PCAP_MAGICS else _pcapng(file, secrets)
        for frame in frames:
            number = frame.number
            yield frame
    except _Damaged as damage:
        remark(f"{damage} after frame {number}; what stands before it was read")
    except OSError as error:
        remark(f"it cannot be read beyond frame {number}: {error.strerror}")


def _take(file: BinaryIO, size: int, *, at_end: str) -> bytes:
    data = file.read(size)
    if len(data) < size:
        raise _Damaged(at_end)
    return data


_CUT = "the file is cut off"


def _pcap(file: BinaryIO, order: str, fraction: int) -> Iterator[RawFrame]:
    head = _take(file, 20, at_end=_CUT)
    link_type = struct.unpack_from(f"{order}I", head, 16)[0] & 0xFFFF  # the upper half has flags
    record = struct.Struct(f"{order}IIII")
    number = 0
    while head := file.read(16):
        if len(head) < 16:
            raise _Damaged(_CUT)
        seconds, parts, size, _ = record.unpack(head)
        if size > LARGEST_FRAME:
            raise _Damaged(f"the file is damaged (a frame of {size:,} bytes)")
        data = _take(file, size, at_end=_CUT)
        number += 1
        yield RawFrame(number, seconds + parts / fraction, 0, link_type, data)


def _pcapng(file: BinaryIO, secrets: Callable[[bytes], None]) -> Iterator[RawFrame]:
    order, number, before = "<", 0, 0
    interfaces: list[_Interface] = []
    kind_bytes = PCAPNG_MAGIC
    while kind_bytes:
        if kind_bytes == PCAPNG_MAGIC:  # the same in both byte orders
            before += len(interfaces)
            interfaces = []
            order = _section(file)
        else:
            kind, body = _block(file, order, kind_bytes)
            if kind == _INTERFACE:
                interfaces.append(_interface(order, body))
                if before + len(interfaces) > MOST_INTERFACES:
                    raise _Damaged(f"the file is damaged (more than {MOST_INTERFACES:,} interfaces)")
            elif kind == _SECRETS and len(body) >= 8:
                what, size = struct.unpack_from(f"{order}II", body)
                if what == _TLS_KEY_LOG:
                    secrets(body[8 : 8 + size])
            elif kind in (_PACKET, _OLD_PACKET, _SIMPLE_PACKET):
                number += 1
                yield _frame(kind, order, body, number, interfaces, before)
        kind_bytes = file.read(4)
        if 0 < len(kind_bytes) < 4:
            raise _Damaged(_CUT)


def _section(file: BinaryIO) -> str:
    """Read the rest of a section header, and return the byte order of the section."""
    head = _take(file, 8, at_end=_CUT)
    order = _BYTE_ORDERS.get(head[4:])
    if order is None:
        raise _Damaged("the file is damaged (a section without byte order)")
    (length,) = struct.unpack_from(f"{order}I", head)
    if not 28 <= length <= LARGEST_BLOCK or length % 4:
        raise _Damaged(f"the file is damaged (a section header of {length:,} bytes)")
    _take(file, length - 12, at_end=_CUT)
    return order


def _block(file: BinaryIO, order: str, kind: bytes) -> tuple[int, bytes]:
    (length,) = struct.unpack(f"{order}I", _take(file, 4, at_end=_CUT))
    if not 12 <= length <= LARGEST_BLOCK or length % 4:
        raise _Damaged(f"the file is damaged (a block of {length:,} bytes)")
    body = _take(file, length - 8, at_end=_CUT)
    return struct.unpack(f"{order}I", kind)[0], body[:-4]


def _interface(order: str, body: bytes) -> _Interface:
    if len(body) < 8:
        raise _Damaged("the file is damaged (a short interface description)")
    link_type, _, snap = struct.unpack_from(f"{order}HHI", body)
    ticks, offset, at = 1e6, 0, 8
    while at + 4 <= len(body):
        kind, length = struct.unpack_from(f"{order}HH", body, at)
        value = body[at + 4 : at + 4 + length]
        if kind == 0:
            break
        if kind == _RESOLUTION and len(value) == 1:
            ticks = float((2 if value[0] & 0x80 else 10) ** (value[0] & 0x7F))
        elif kind == _OFFSET and len(value) == 8:
            (offset,) = struct.unpack(f"{order}q", value)
        at += 4 + length + -length % 4
    return _Interface(link_type, snap or LARGEST_FRAME, ticks, offset)


def _frame(kind: int, order: str, body: bytes, number: int, interfaces: list[_Interface], before: int) -> RawFrame:
    if len(body) < (4 if kind == _SIMPLE_PACKET else 20):
        raise _Damaged("the file is damaged (a short packet block)")
    if kind == _SIMPLE_PACKET:
        which, at, start = 0, 0, 4
        (size,) = struct.unpack_from(f"{order}I", body)
    else:
        shape = "IIIII" if kind == _PACKET else "HxxIIII"
        which, high, low, size, _ = struct.unpack_from(f"{order}{shape}", body)
        at, start = high << 32 | low, 20
    if which >= len(interfaces):
        raise _Damaged("the file is damaged (a packet of an unknown interface)")
    there = interfaces[which]
    if kind == _SIMPLE_PACKET:
        size = min(size, there.snap)
    if size > len(body) - start:
        raise _Damaged("the file is damaged (a packet longer than its block)")
    t = at / there.ticks + there.offset
    return RawFrame(number, t, before + which, there.link_type, body[start : start + size])
