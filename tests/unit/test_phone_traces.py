"""SIP messages in the logs of baresip and linphone, as these programs write them."""

from __future__ import annotations

import pytest

from lab.clients.baresip import trace as baresip
from lab.clients.linphone import trace as linphone
from lab.sip.message import Request
from tests.unit.sip_requests import request

DATA = request("OPTIONS").encode()


def _block(source: str, target: str) -> bytes:
    return f"\x1b[36;1m#\nUDP {source} -> {target}\n".encode() + DATA + b"\x1b[;m\n"


SENT, CAME = _block("10.0.0.2:40000", "203.0.113.10:5060"), _block("203.0.113.10:5060", "10.0.0.2:40000")


@pytest.mark.parametrize("size", [1, 7, 10_000])
def test_baresip_in_pieces(size: int) -> None:
    """However its output is cut, and whatever else is in it."""
    output = b"Populated 1 account\n" + SENT + b"\x1b[31mua: no network\n\x1b[;m" + CAME + b"ready\n"
    reader = baresip.Trace(5060)
    found = [each for at in range(0, len(output), size) for each in reader.feed(output[at : at + size])]
    assert [each.sent for each in found] == [True, False]
    assert {each.data for each in found} == {DATA}
    assert [each.whole().way for each in found] == ["sent", "received"]
    assert {str(each.local) for each in found} == {"10.0.0.2:40000"}
    assert {str(each.remote) for each in found} == {"203.0.113.10:5060"}


def test_baresip_shows_what_is_no_sip() -> None:
    reader = baresip.Trace(5060)
    assert list(reader.feed(SENT.replace(b"OPTIONS sip:", b"\x00\x01"))) == []
    assert len(list(reader.feed(CAME))) == 1


def _entry(way: str, transport: str, data: bytes) -> bytes:
    size = len(data)
    if way == "sent":
        head = f"channel [0x1]: message sent to [{transport}://203.0.113.10:5060], size: [{size}] bytes\n"
    else:
        head = f"channel [0x1]: received [{size}] new bytes from [{transport}://203.0.113.10:5060]:\n"
    return head.encode() + data


def test_linphone_over_a_stream() -> None:
    """One read brings half a message, or two."""
    reader = linphone.Trace()
    assert list(reader.read(b"Channel has local address 10.0.0.2:40000")) == []
    pieces = [DATA + DATA[:20], DATA[20:]]
    found = [[(each.sent, each.data) for each in reader.read(_entry("came", "TCP", piece))] for piece in pieces]
    assert found == [[(False, DATA)], [(False, DATA)]]
    (sent,) = reader.read(_entry("sent", "TCP", DATA))
    assert (sent.sent, str(sent.local), sent.transport) == (True, "10.0.0.2:40000", "tcp")
    assert sent.whole().text == DATA.decode()


def test_linphone_over_udp() -> None:
    """A datagram is a message, also without Content-Length; keep-alives are none."""
    reader = linphone.Trace()
    bare = DATA.replace(b"Content-Length: 0\r\n", b"")
    assert [type(each.message) for each in reader.read(_entry("came", "UDP", bare))] == [Request]
    assert list(reader.read(_entry("came", "UDP", b"\r\n\r\n"))) == []
    assert list(reader.read(b"channel [0x1]: keep alive sent to [UDP://203.0.113.10:5060]")) == []
