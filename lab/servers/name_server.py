"""Runs the name server in the SIP server's node, for any server: it knows the server's name only (RFC 1035, over UDP).

The name means the address that the server listens on first, until the server moves; the name server itself stays there.

A process of its own in that node (`main`): it goes on while the SIP server restarts or stands still.

Does not model: recursion, TCP, EDNS, delegation; NAPTR and SRV records are asked for in vain (NODATA).
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
from enum import Enum
from typing import Any, NamedTuple

from lab.actors.channel import Channel
from lab.actors.command_loop import CommandLoop
from lab.errors import LabFault
from lab.model.endpoint import Endpoint
from lab.record.events import Obeyed, Query

PORT = 53
TTL_S = 5
"""How long an answer may be kept: short, so that who connects again asks again."""

_LARGEST = 512  # RFC 1035 §4.2.1
_HEADER = struct.Struct("!HHHHHH")
_RESPONSE, _AUTHORITATIVE, _AS_ASKED = 0x8000, 0x0400, 0x7900  # QR, AA, Opcode and RD: RFC 1035 §4.1.1
_SERVFAIL, _NXDOMAIN = 2, 3
_TYPES = {1: "A", 28: "AAAA", 33: "SRV", 35: "NAPTR"}
_A, _IN = 1, 1
_NAME_OF_THE_QUESTION = 0xC000 | _HEADER.size  # a pointer, RFC 1035 §4.1.4


class Mode(str, Enum):
    """The way in which queries are answered."""

    TRUE = "true"
    """As they should be."""
    SERVFAIL = "servfail"
    """With the error that says that the server could not find out."""
    SILENT = "silent"
    """Not at all."""


class Reply(NamedTuple):
    """The result of a query.

    Attributes:
        name, type: of the question.
        answer: the address; ``no-data``, ``no-such-name``, ``servfail``, ``silent``.
        data: the datagram; None: nothing is sent.
    """

    name: str
    type: str
    answer: str
    data: bytes | None


def reply(query: bytes, *, name: str, address: str, mode: Mode) -> Reply | None:
    """Answer a query; None if it is none."""
    try:
        number, flags, questions, *_ = _HEADER.unpack_from(query)
        asked, end = _name(query, _HEADER.size)
        kind, group = struct.unpack_from("!HH", query, end)
    except (struct.error, IndexError, UnicodeDecodeError):
        return None
    if flags & _RESPONSE or questions != 1:
        return None
    word = _TYPES.get(kind, str(kind))
    if mode is Mode.SILENT:
        return Reply(asked, word, mode.value, None)
    known = asked.lower() == name.lower()
    found = known and (kind, group) == (_A, _IN)
    if known or asked.lower().endswith(f".{name}"):
        code, answer = 0, address if found else "no-data"
    else:
        code, answer = _NXDOMAIN, "no-such-name"
    if mode is Mode.SERVFAIL:
        found, code, answer = False, _SERVFAIL, mode.value
    head = _HEADER.pack(number, _RESPONSE | _AUTHORITATIVE | flags & _AS_ASKED | code, 1, int(found), 0, 0)
    record = struct.pack("!HHHIH4s", _NAME_OF_THE_QUESTION, _A, _IN, TTL_S, 4, socket.inet_aton(address))
    return Reply(asked, word, answer, head + query[_HEADER.size : end + 4] + (record if found else b""))


def _name(data: bytes, at: int) -> tuple[str, int]:
    """Return an uncompressed name, and the offset of its end."""
    labels = []
    while length := data[at]:
        labels.append(data[at + 1 : at + 1 + length].decode("ascii"))
        at += 1 + length
    return ".".join(labels), at + 1


class NameServer:
    """Answers from ``listen`` on, truly until told otherwise; each question goes into the record."""

    def __init__(self, name: str, address: str, channel: Channel, loop: asyncio.AbstractEventLoop) -> None:
        self._name, self._address = name, address
        self._meant = address
        self._channel = channel
        self._loop = loop
        self._mode = Mode.TRUE
        self._socket: socket.socket | None = None

    def listen(self) -> None:
        """Open the socket.

        Raises:
            OSError: the address cannot be bound.
        """
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.setblocking(False)  # noqa: FBT003  (the stdlib's signature)
        self._socket.bind((self._address, PORT))
        self._loop.add_reader(self._socket, self._readable, self._socket)

    def answer(self, mode: Mode) -> None:
        """Answer like this from now on."""
        self._mode = mode

    def move(self, address: str) -> str:
        """Answer with this address from now on; return the address until now."""
        was, self._meant = self._meant, address
        return was

    def close(self) -> None:
        """Listen no more."""
        if self._socket is not None:
            self._loop.remove_reader(self._socket)
            self._socket.close()
            self._socket = None

    def _readable(self, sock: socket.socket) -> None:
        try:
            query, peer = sock.recvfrom(_LARGEST)
        except OSError:  # an ICMP error to an answer
            return
        told = reply(query, name=self._name, address=self._meant, mode=self._mode)
        if told is None:
            return
        self._channel.emit(Query(name=told.name, type=told.type, answer=told.answer, peer=Endpoint.of(peer)))
        if told.data is not None:
            with contextlib.suppress(OSError):  # no route: as if it were lost
                sock.sendto(told.data, peer)


class _Actor:
    """The process: what each command means."""

    def __init__(self, sock: socket.socket, loop: asyncio.AbstractEventLoop) -> None:
        self._channel = Channel(sock)
        self._loop = loop
        self._commands = CommandLoop(sock, loop, doing="serving names", obey=self._obey)
        self._names: NameServer | None = None

    async def run(self) -> None:
        """Serve until told to stop, or the runner is gone."""
        await self._commands.run()
        if self._names is not None:
            self._names.close()

    def _obey(self, command: dict[str, Any]) -> None:
        match command, self._names:
            case {"do": "start", "name": str(name), "address": str(address)}, None:
                self._names = NameServer(name, address, self._channel, self._loop)
                self._names.listen()
                self._channel.emit(Obeyed(do="start"))
            case {"do": "names", "mode": "true" | "servfail" | "silent" as mode}, NameServer() as names:
                names.answer(Mode(mode))
                self._channel.emit(Obeyed(do="names", mode=mode))
            case {"do": "move-name", "address": str(address)}, NameServer() as names:
                self._channel.emit(Obeyed(do="move-name", was=names.move(address)))
            case _:
                raise LabFault("commanding the name server", detail=repr(command))


def main(sock: socket.socket) -> None:
    """Run the name server: read commands from ``sock``, write events to it; return after ``stop`` or end of file.

    Raises:
        LabFault: a command makes no sense.
        OSError: the address cannot be bound.
    """

    async def run() -> None:
        await _Actor(sock, asyncio.get_running_loop()).run()

    asyncio.run(run())
