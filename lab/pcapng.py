"""Writes and reads pcapng files of Ethernet frames, with nanoseconds (draft-ietf-opsawg-pcapng).

It reads the files that it wrote, and no others.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, NamedTuple

_SECTION, _INTERFACE, _PACKET, _SECRETS = 0x0A0D0D0A, 1, 6, 10
_END, _COMMENT, _APPLICATION, _NAME, _DESCRIPTION, _RESOLUTION, _PACKET_FLAGS = 0, 1, 4, 2, 3, 9, 2
_ETHERNET = 1  # LINKTYPE_ETHERNET
_BYTE_ORDER = 0x1A2B3C4D
_TLS_KEY_LOG = 0x544C534B
_OUTGOING, _INCOMING = 2, 1
_LONGEST_OPTION = 65535


@dataclass(frozen=True, slots=True, kw_only=True)
class Interface:
    """An end of a link, where frames were seen.

    Attributes:
        link: the link.
        here: the node whose end it is.
        there: the node at the other end.
    """

    link: str
    here: str
    there: str

    @property
    def name(self) -> str:
        """Its name in the file: ``node/link``."""
        return f"{self.here}/{self.link}"


class Frame(NamedTuple):
    """A frame on a link.

    Attributes:
        interface: its number in the file.
        at: when it passed, CLOCK_REALTIME in nanoseconds.
        data: from the Ethernet header on.
        outgoing: whether the node at the interface sent it.
        comments: on it.
    """

    interface: int
    at: int
    data: bytes
    outgoing: bool
    comments: tuple[str, ...] = ()


class PcapNg:
    """A file that is being written.

    Args:
        path: of the file; or a file that is open.
        interfaces: on which frames were seen; `Frame.interface` counts from 0.
        comment: on the whole file.
        keys: lines of an NSS key log, which decrypt the TLS connections in the file.
    """

    def __init__(
        self, path: Path | BinaryIO, interfaces: Sequence[Interface], *, comment: str = "", keys: bytes = b""
    ) -> None:
        self._file: BinaryIO = path.open("wb") if isinstance(path, Path) else path
        about = _option(_COMMENT, comment.encode()) + _option(_END, b"") if comment else b""
        self._block(_SECTION, struct.pack("=IHHq", _BYTE_ORDER, 1, 0, -1) + about)
        for each in interfaces:
            text = f"link {each.link} at {each.here}; the other end is {each.there}"
            options = (
                _option(_NAME, each.name.encode())
                + _option(_DESCRIPTION, text.encode())
                + _option(_RESOLUTION, bytes([9]))
                + _option(_END, b"")
            )
            self._block(_INTERFACE, struct.pack("=HHI", _ETHERNET, 0, 0) + options)
        if keys:
            self.add_keys(keys)
        self.flush()

    def add_keys(self, keys: bytes) -> None:
        """Add lines of an NSS key log; they decrypt what follows."""
        self._block(_SECRETS, struct.pack("=II", _TLS_KEY_LOG, len(keys)) + _padded(keys))

    def write(self, frame: Frame) -> None:
        """Add a frame."""
        size = len(frame.data)
        head = struct.pack("=IIIII", frame.interface, frame.at >> 32, frame.at & 0xFFFFFFFF, size, size)
        options = b"".join(_option(_COMMENT, text.encode()[:_LONGEST_OPTION]) for text in frame.comments)
        options += _option(_PACKET_FLAGS, struct.pack("=I", _OUTGOING if frame.outgoing else _INCOMING))
        self._block(_PACKET, head + _padded(frame.data) + options + _option(_END, b""))

    def flush(self) -> None:
        """Hand everything to the kernel, so that a kill loses nothing."""
        self._file.flush()

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def _block(self, kind: int, body: bytes) -> None:
        length = len(body) + 12
        self._file.write(struct.pack("=II", kind, length) + body + struct.pack("=I", length))


def frames(path: Path) -> Iterator[Frame]:
    """Yield the frames of a file that `PcapNg` wrote, in their order; a block that was cut off ends it.

    Comments are left out.
    """
    data = memoryview(path.read_bytes())
    at = 0
    while at + 12 <= len(data):
        kind, length = struct.unpack_from("=II", data, at)
        if length < 12 or at + length > len(data):
            return
        if kind == _PACKET:
            yield _frame(data[at + 8 : at + length - 4])
        at += length


def _frame(body: memoryview) -> Frame:
    interface, high, low, size, _ = struct.unpack_from("=IIIII", body)
    at = 20 + size + -size % 4
    outgoing = False
    while at + 4 <= len(body):
        kind, length = struct.unpack_from("=HH", body, at)
        if kind == _PACKET_FLAGS:
            (flags,) = struct.unpack_from("=I", body, at + 4)
            outgoing = flags & 3 == _OUTGOING
        at += 4 + length + -length % 4
    return Frame(interface=interface, at=high << 32 | low, data=bytes(body[20 : 20 + size]), outgoing=outgoing)


def _option(kind: int, value: bytes) -> bytes:
    return struct.pack("=HH", kind, len(value)) + _padded(value)


def _padded(data: bytes) -> bytes:
    return data + bytes(-len(data) % 4)
