"""Malformed, split and pipelined requests to the scripted server, on loopback."""

from __future__ import annotations

import pytest

from tests.contract.sip_phone import TRANSPORTS, Call, Start

TORTURE = {
    "not-utf-8": ((b"\r\n\r\n", b"\r\nSubject: \xff\xfe\r\n\r\n"), 400),
    "space-after-the-first-line": ((b" SIP/2.0\r\n", b" SIP/2.0  \r\n"), 400),
    "another-version": ((b"SIP/2.0", b"SIP/7.0"), 505),
    "far-too-many-hops": ((b"\r\n\r\n", b"\r\nMax-Forwards: 300\r\n\r\n"), 400),
}
"""Changes to a request, and the status of its answer; RFC 4475 §3.1.2 has such requests (trws, badvers, scalar02)."""


@pytest.mark.parametrize("transport", TRANSPORTS)
@pytest.mark.parametrize("name", TORTURE)
def test_torture(start: Start, call: Call, transport: str, name: str) -> None:
    """Each is answered, alike over every transport; and what comes next is understood."""
    _, ports = start()
    phone = call(transport, ports[transport])
    (before, after), code = TORTURE[name]
    whole = phone.request("OPTIONS").encode()
    assert before in whole
    phone.send(whole.replace(before, after))
    refused = phone.response()
    assert (refused.code, refused.first("Call-ID")) == (code, f"OPTIONS-{phone.peer}")
    assert phone.ask("OPTIONS").code == 200


SKIPPED = [
    b"this is no SIP at all\r\nContent-Length: 4\r\n\r\nbody",
    b"OPTIONS sip:x SIP/2.0\r\nl: 0\r\n\r\n",
    b"OPTIONS sip:x SIP/2.0\r\nVia: rubbish\r\nl: 2\r\n\r\nab",
    b"SIP/2.0 200 OK\r\nl: 0\r\n\r\n",
    b"SIP/2.0 200 OK\r\nVia: SIP/2.0/TCP x;branch=z9hG4bKnobody\r\nCSeq: 1 NOTIFY\r\nl: 0\r\n\r\n",
    b"SUBSCRIBE sip:x SIP/2.0\r\nl: 0\r\n" + b"v: SIP/2.0/TCP x\r\n" * 500 + b"\r\n",
    b"\r\n \r\nl:0\r\n\r\n",
]
LOST = [
    b"OPTIONS sip:x SIP/2.0\r\nVia: SIP/2.0/TCP x\r\n\r\n",
    b"OPTIONS sip:x SIP/2.0\r\nVia: SIP/2.0/TCP x\r\nContent-Length: -1\r\n\r\n",
    b"OPTIONS sip:x SIP/2.0\r\nVia: SIP/2.0/TCP x\r\nContent-Length: 99999\r\n\r\n",
    bytes(range(256)) + b"\r\n\r\n",
    b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n",
    b"x" * 70000,
]


@pytest.mark.parametrize("transport", ["tcp", "tls"])
def test_torture_that_ends(start: Start, call: Call, transport: str) -> None:
    """Malformed messages with an end leave the connection and the subscription on it alive."""
    server, ports = start()
    phone = call(transport, ports[transport])
    phone.subscribe()
    for data in SKIPPED:
        phone.send(data)
    phone.send(phone.request("OPTIONS", branch="z9hG4bKlast"))
    while "z9hG4bKlast" not in (phone.response().first("Via") or ""):
        continue
    server.command("notify", probe="p1", within=5.0)
    phone.answer(phone.notify())
    assert server.event("probe", state="answered")["flow"] == "f1"
    assert len(server.seen("malformed")) >= 5


@pytest.mark.parametrize("transport", ["tcp", "tls"])
@pytest.mark.parametrize("index", range(len(LOST)))
def test_torture_without_end(start: Start, call: Call, transport: str, index: int) -> None:
    """Where the next message would begin is not known: the connection is closed, others go on."""
    server, ports = start()
    phone, other = call(transport, ports[transport]), call(transport, ports[transport])
    phone.send(LOST[index])
    if b"Via" in LOST[index]:
        assert phone.response().code in (400, 513)
    assert phone.gone()
    assert server.event("malformed")["reason"]
    assert server.event("flow", state="closed")["reason"] == "by server"
    assert other.ask("OPTIONS").code == 200


def test_split_and_pipelined_requests(start: Start, call: Call) -> None:
    """Byte by byte, then three at once."""
    _, ports = start()
    phone = call("tls", ports["tls"])
    for byte in phone.request("OPTIONS").encode():
        phone.send(bytes([byte]))
    assert phone.response().first("CSeq") == "1 OPTIONS"
    phone.send(b"".join(phone.request("OPTIONS").encode() for _ in range(3)))
    assert [phone.response().first("CSeq") for _ in range(3)] == ["2 OPTIONS", "3 OPTIONS", "4 OPTIONS"]


def test_torture_over_udp(start: Start, call: Call) -> None:
    """Every datagram is on its own."""
    server, ports = start()
    phone = call("udp", ports["udp"])
    for data in (*SKIPPED, *LOST[:-1], b"x" * 60000):
        phone.sock.send(data)
    phone.send(phone.request("OPTIONS", branch="z9hG4bKlast"))
    while "z9hG4bKlast" not in (phone.response().first("Via") or ""):
        continue
    server.event("request", method="OPTIONS", cseq=1)
    assert len(server.seen("malformed")) >= 5
