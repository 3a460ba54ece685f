"""The name server of the scripted SIP server's node: what it answers to what."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct

import pytest

from lab.actors.channel import Channel
from lab.servers.name_server import TTL_S, Mode, NameServer, reply

NAME, ADDRESS = "sip.example.com", "203.0.113.10"
A, AAAA, SRV, TXT = 1, 28, 33, 16


def query(name: str = NAME, kind: int = A, *, flags: int = 0x0100) -> bytes:
    labels = b"".join(bytes([len(label)]) + label.encode() for label in name.split("."))
    return struct.pack("!HHHHHH", 0x1234, flags, 1, 0, 0, 0) + labels + struct.pack("!BHH", 0, kind, 1)


@pytest.mark.parametrize("name", [NAME, NAME.upper()])
def test_the_address(name: str) -> None:
    """One record, for the name as it was asked for; names have no case (RFC 4343)."""
    asked = query(name)
    told = reply(asked, name=NAME, address=ADDRESS, mode=Mode.TRUE)
    assert told is not None
    assert (told.name, told.type, told.answer) == (name, "A", ADDRESS)
    record = struct.pack("!HHHIH", 0xC00C, A, 1, TTL_S, 4) + socket.inet_aton(ADDRESS)
    assert told.data == struct.pack("!HHHHHH", 0x1234, 0x8500, 1, 1, 0, 0) + asked[12:] + record


@pytest.mark.parametrize(
    ("asked", "mode", "word", "answer", "code"),
    [
        (query(kind=AAAA), Mode.TRUE, "AAAA", "no-data", 0),
        (query(f"_sips._tcp.{NAME}", SRV), Mode.TRUE, "SRV", "no-data", 0),
        (query(kind=TXT), Mode.TRUE, "16", "no-data", 0),
        (query("other.example.com"), Mode.TRUE, "A", "no-such-name", 3),
        (query("xsip.example.com"), Mode.TRUE, "A", "no-such-name", 3),
        (query(), Mode.SERVFAIL, "A", "servfail", 2),
    ],
)
def test_no_address(asked: bytes, mode: Mode, word: str, answer: str, code: int) -> None:
    """The question comes back with the reason, and no record."""
    told = reply(asked, name=NAME, address=ADDRESS, mode=mode)
    assert told is not None
    assert (told.type, told.answer) == (word, answer)
    assert told.data == struct.pack("!HHHHHH", 0x1234, 0x8500 | code, 1, 0, 0, 0) + asked[12:]


def test_a_name_that_moves() -> None:
    """It means the new address; the old one comes back to whoever moved it."""
    loop = asyncio.new_event_loop()
    ours, theirs = socket.socketpair()
    with contextlib.closing(loop), ours, theirs:
        names = NameServer(NAME, ADDRESS, Channel(theirs), loop)
        assert names.move("203.0.113.20") == ADDRESS
        assert names.move("203.0.113.30") == "203.0.113.20"


def test_silence() -> None:
    """The question is told, and nothing is sent."""
    told = reply(query(), name=NAME, address=ADDRESS, mode=Mode.SILENT)
    assert told == (NAME, "A", "silent", None)


@pytest.mark.parametrize("data", [b"", query()[:11], query()[:20], query()[:-1], query(flags=0x8100), b"\xff" * 40])
@pytest.mark.parametrize("mode", Mode)
def test_what_is_no_question(data: bytes, mode: Mode) -> None:
    """It is left alone, so that two name servers cannot answer each other for ever."""
    assert reply(data, name=NAME, address=ADDRESS, mode=mode) is None
