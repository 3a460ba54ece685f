"""The scripted server over WebSocket (RFC 7118), on loopback: upgrade, messages, pings, ends of every kind, errors."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from wsproto.events import CloseConnection, Ping, Pong, RejectConnection, TextMessage

from lab.certificates import Certificates
from tests.contract.sip_phone import Server, Start
from tests.contract.websocket_phone import BINARY, PING, TEXT, WebSocketPhone, frame

BOTH = ("ws", "wss")
PORTS = dict.fromkeys(("udp", "tcp", "tls", *BOTH), 0)

Call = Callable[..., WebSocketPhone]


@pytest.fixture(name="call")
def call_fixture(certificates: Certificates) -> Iterator[Call]:
    with contextlib.ExitStack() as stack:

        def run(transport: str, port: int, **more: Any) -> WebSocketPhone:
            phone = WebSocketPhone(transport, port, certificates.ca, **more)
            stack.callback(phone.sock.close)
            return phone

        yield run


def one(start: Start, call: Call, transport: str = "ws", **settings: Any) -> tuple[Server, WebSocketPhone]:
    """A server, and a phone that has registered."""
    server, ports = start(ports=PORTS, **settings)
    phone = call(transport, ports[transport])
    assert phone.ask("REGISTER").code == 200
    return server, phone


@pytest.mark.parametrize("transport", BOTH)
@pytest.mark.parametrize("text", [True, False])
def test_requests_either_way(start: Start, call: Call, transport: str, *, text: bool) -> None:
    """Text and binary frames; the flow is accepted, secured if it is wss, and upgraded."""
    server, ports = start(ports=PORTS)
    phone = call(transport, ports[transport])
    phone.text = text
    response, notify = phone.subscribe()
    assert response.code == 200
    assert notify.first(
        "Via",
    ).startswith(f"SIP/2.0/{transport.upper()} ")  # type: ignore[union-attr]
    assert f";transport={transport}" in (notify.first("Contact") or "")
    server.command("notify", probe="p1", within=5.0)
    phone.answer(phone.notify())
    assert server.event("probe", state="answered")["flow"] == "f1"
    states = [each["state"] for each in server.seen("flow")]
    assert states == (["accepted", "upgraded"] if transport == "ws" else ["accepted", "secured", "upgraded"])


@pytest.mark.parametrize("cut", [1, 2, 7, 100])
def test_a_message_in_many_frames_and_reads(start: Start, call: Call, cut: int) -> None:
    """Fragments (RFC 6455 §5.4), with a ping between them, are one SIP message."""
    server, phone = one(start, call)
    data = phone.request("OPTIONS").encode()
    parts = [data[at : at + cut] for at in range(0, len(data), cut)]
    for number, part in enumerate(parts):
        phone.sock.sendall(frame(TEXT if number == 0 else 0, part, fin=number == len(parts) - 1))
        if number == 0:
            phone.sock.sendall(frame(PING, b"between"))
    pong = phone.event()
    assert isinstance(pong, Pong)
    assert pong.payload == b"between"
    assert phone.response().code == 200
    assert server.event("frame-ping")["flow"] == "f1"


def test_no_content_length_is_needed(start: Start, call: Call) -> None:
    """The frame says where the message ends (RFC 7118 §5)."""
    _, phone = one(start, call)
    phone.send(phone.request("OPTIONS").encode().replace(b"Content-Length: 0\r\n", b""))
    assert phone.response().code == 200


def test_what_is_not_sip_costs_no_connection(start: Start, call: Call) -> None:
    server, phone = one(start, call)
    phone.send(b"hello")
    assert server.event("malformed")["flow"] == "f1"
    assert phone.ask("OPTIONS").code == 200


@pytest.mark.parametrize("offers", [(), ("mqtt",), ("sip.example",)])
def test_another_sub_protocol_is_refused(start: Start, call: Call, offers: tuple[str, ...]) -> None:
    server, ports = start(ports=PORTS)
    phone = call("ws", ports["ws"], offers=offers)
    assert isinstance(phone.met, RejectConnection)
    assert phone.met.status_code == 400
    assert "sub-protocol" in server.event("flow", state="failed")["reason"]


def test_sip_among_other_sub_protocols(start: Start, call: Call) -> None:
    _, ports = start(ports=PORTS)
    assert call("ws", ports["ws"], offers=("mqtt", "sip")).ask("OPTIONS").code == 200


def test_sip_without_an_upgrade_is_refused(start: Start, call: Call) -> None:
    """A phone that speaks SIP to the port of HTTP."""
    from tests.contract.sip_phone import Phone

    server, ports = start(ports=PORTS)
    phone = Phone("tcp", ports["ws"], None)  # type: ignore[arg-type]
    with contextlib.closing(phone.sock):
        phone.send(phone.request("OPTIONS"))
        assert phone.sock.recv(12) == b"HTTP/1.1 400"
    assert server.event("flow", state="failed")["reason"]


# Keep-alives


@pytest.mark.parametrize("answers", [True, False])
def test_crlf_pings(start: Start, call: Call, *, answers: bool) -> None:
    """RFC 5626 §3.5.1 holds within frames, too."""
    server, phone = one(start, call, answers_crlf=answers)
    phone.send(b"\r\n\r\n")
    assert server.event("crlf-ping")["answered"] is answers
    if answers:
        pong = phone.event()
        assert isinstance(pong, TextMessage)
        assert pong.data == "\r\n"


def ws_ping(**more: Any) -> dict[str, Any]:
    return {"mitigations": [{"kind": "server-ws-ping", "interval": 0.2, **more}]}


def test_the_server_pings(start: Start, call: Call) -> None:
    server, phone = one(start, call, **ws_ping())
    first = server.event("keep-alive", state="sent")
    ping = phone.event()
    assert isinstance(ping, Ping)
    phone.tell(ping.response())
    assert server.event("keep-alive", state="answered")["kind"] == first["kind"] == "ws-ping"


def test_a_pong_that_does_not_come(start: Start, call: Call) -> None:
    """The second ping finds the first unanswered: the binding is gone, and the WebSocket, with a Close frame."""
    server, phone = one(start, call, **ws_ping(gives_up_after=1, closes_connection=True))
    assert isinstance(phone.event(), Ping)
    assert phone.closed() == 1001
    assert server.event("flow", state="closed")["reason"] == "given-up"
    given_up = server.seen("client-given-up")[0]
    assert (given_up["misses"], given_up["how"]) == (1, "removed")


def test_pongs_keep_the_client(start: Start, call: Call) -> None:
    server, phone = one(start, call, **ws_ping(gives_up_after=1, closes_connection=True))
    for _ in range(4):
        ping = phone.event()
        assert isinstance(ping, Ping)
        phone.tell(ping.response())
        server.event("keep-alive", state="answered")
    assert not server.seen("client-given-up")


def test_a_mute_server_leaves_ping_frames_unanswered(start: Start, call: Call) -> None:
    server, phone = one(start, call)
    server.command("answer", mode="mute", by=None)
    server.event("obeyed")
    phone.tell(Ping(payload=b""))
    assert server.event("ignored")["what"] == "frame-ping"


@pytest.mark.parametrize(("sends", "lives"), [(b"\r\n\r\n", True), (b"\r\n\r\n", False)])
def test_the_idle_timeout_and_line_ends(start: Start, call: Call, sends: bytes, *, lives: bool) -> None:
    """Ping frames and CRLF count together, or not."""
    server, phone = one(start, call, idle_after=1.0, idle_crlf_counts=lives)
    began = time.monotonic()
    for _ in range(4):
        time.sleep(0.3)
        with contextlib.suppress(OSError):
            phone.send(sends)
            phone.tell(Ping(payload=b""))
    ended = server.event("flow", state="closed")
    assert ended["reason"] == "idle-timeout"
    assert (ended["at"] - began > 1.2) is lives


# Ends


@pytest.mark.parametrize("transport", BOTH)
@pytest.mark.parametrize("code", [1000, 1001, 4000])
def test_a_close_frame(start: Start, call: Call, transport: str, code: int) -> None:
    """The server answers with the same code, ends the connection, and says which it was."""
    server, phone = one(start, call, transport)
    phone.tell(CloseConnection(code=code))
    assert phone.closed() == code
    assert phone.gone()
    assert server.event("flow", state="closed")["reason"] == f"close-frame {code}"


@pytest.mark.parametrize("transport", BOTH)
def test_the_server_closes(start: Start, call: Call, transport: str) -> None:
    """The flow is over at once; the connection, when the client has answered."""
    server, phone = one(start, call, transport)
    server.command("close", flow="f1")
    assert server.event("obeyed")["flow"] == "f1"
    assert server.seen("flow")[-1]["state"] == "closed"
    assert phone.closed() == 1001
    phone.tell(CloseConnection(code=1001))
    assert phone.gone()


def test_a_connection_that_ends_without_a_close_frame(start: Start, call: Call) -> None:
    server, phone = one(start, call)
    phone.sock.close()
    assert server.event("flow", state="closed")["reason"] == "fin"


def test_a_reset(start: Start, call: Call) -> None:
    server, phone = one(start, call)
    phone.reset()
    assert server.event("flow", state="reset")["reason"] == "Connection reset by peer"


BAD_FRAMES = {
    "unmasked": (frame(TEXT, b"\r\n\r\n", masked=False), 1002),
    "unknown opcode": (frame(3, b""), 1002),
    "a fragment of nothing": (frame(0, b"x"), 1002),
    "a control frame in fragments": (frame(PING, b"x", fin=False), 1002),
    "a message within a message": (frame(TEXT, b"x", fin=False) + frame(BINARY, b"x"), 1002),
    "text that is not UTF-8": (frame(TEXT, b"\xff\xfe"), 1007),
    "a close code that nobody may send": (frame(8, b"\x03\xed"), 1002),  # 1005
}


@pytest.mark.parametrize("what", BAD_FRAMES)
def test_frames_that_break_the_protocol(start: Start, call: Call, what: str) -> None:
    """They end the connection with the code of RFC 6455 §7.4.1, and the record says why."""
    data, code = BAD_FRAMES[what]
    server, phone = one(start, call)
    phone.sock.sendall(data)
    assert phone.closed() == code
    assert server.event("flow", state="failed")["reason"].startswith(f"close-frame {code}: ")


def test_a_message_that_is_too_large(start: Start, call: Call) -> None:
    server, phone = one(start, call)
    with contextlib.suppress(OSError):
        for _ in range(140):
            phone.tell(TextMessage(data="x" * 1000, message_finished=False))
    assert "1009" in server.event("flow", state="failed")["reason"]


def test_a_gone_client_is_not_called(start: Start, call: Call) -> None:
    """A server cannot open a WebSocket to a client, wherever its Contact points (RFC 7118 §3)."""
    server, phone = one(start, call, notify_route="contact", bindings_only=True)
    phone.sock.close()
    server.event("flow", state="closed")
    server.command("options", probe="p1", within=1.0)
    assert server.event("probe", state="failed")["reason"] == "a WebSocket is opened by the client only"
