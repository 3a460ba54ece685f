"""The scripted server's connections, on loopback: pings, idle timeouts, ends of every kind, and TLS."""

from __future__ import annotations

import os
import socket
import ssl
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from lab.servers.scripted.flows import Flow, StreamFlow
from lab.servers.scripted.items import Received
from tests.contract.sip_phone import DEADLINE, HOST, Call, Phone, Start

# Pings and silence


@pytest.mark.parametrize("transport", ["tcp", "tls"])
@pytest.mark.parametrize("answers", [True, False])
def test_pings(start: Start, call: Call, transport: str, *, answers: bool) -> None:
    """A double CRLF gets a single one, or nothing (RFC 5626 §3.5.1)."""
    server, ports = start(answers_crlf=answers)
    phone = call(transport, ports[transport])
    phone.send(b"\r\n\r\n")
    assert server.event("crlf-ping")["answered"] is answers
    phone.send(phone.request("OPTIONS"))
    first = phone.sock.recv(2)
    assert first == (b"\r\n" if answers else b"SI")


IDLE_S = 1.0


@pytest.mark.parametrize("transport", ["tcp", "tls"])
@pytest.mark.parametrize("ends_with", ["fin", "rst"])
def test_an_idle_connection_is_ended(start: Start, call: Call, transport: str, ends_with: str) -> None:
    """In order or at once, so long after what last came or went; and the server says why."""
    server, ports = start(idle_after=IDLE_S, idle_ends_with=ends_with)
    phone = call(transport, ports[transport])
    phone.ask("OPTIONS")
    answered = server.event("response-sent")["at"]
    if ends_with == "fin":
        assert phone.sock.recv(1) == b""
    else:
        with socket.socket(fileno=phone.sock.detach()) as sock:  # beneath TLS
            sock.settimeout(DEADLINE)
            with pytest.raises(ConnectionResetError):
                sock.recv(1)
    ended = server.event("flow", state="closed")
    assert ended["reason"] == "idle-timeout"
    assert ended["at"] - answered == pytest.approx(IDLE_S, abs=0.3)


@pytest.mark.parametrize("transport", ["tcp", "tls"])
@pytest.mark.parametrize("counts", [True, False])
def test_whether_crlf_keeps_an_idle_connection(start: Start, call: Call, transport: str, *, counts: bool) -> None:
    """Pings and their pongs are traffic, or not; a request is, either way."""
    server, ports = start(idle_after=2 * IDLE_S, idle_crlf_counts=counts)
    phone = call(transport, ports[transport])
    time.sleep(0.8 * IDLE_S)  # what is tested is that this much time passes
    phone.send(phone.request("OPTIONS"))
    answered = server.event("response-sent")["at"]
    time.sleep(0.8 * IDLE_S)
    phone.send(b"\r\n\r\n")
    pinged = server.event("crlf-ping")["at"]
    ended = server.event("flow", state="closed")["at"]
    assert ended - (pinged if counts else answered) == pytest.approx(
        2 * IDLE_S, abs=0.4 * IDLE_S
    )  # the ping came 0.8 s after the request


def test_a_connection_lasts_without_an_idle_timeout(start: Start, call: Call) -> None:
    """The same silence, and nothing ends."""
    server, ports = start()
    phone = call("tcp", ports["tcp"])
    phone.ask("OPTIONS")
    time.sleep(IDLE_S * 1.5)  # longer than the timeout of the tests above
    assert phone.ask("OPTIONS").code == 200
    server.event("response-sent")
    assert not [event for event in server.seen("flow") if event["state"] == "closed"]


def test_line_ends_over_udp_are_nothing(start: Start, call: Call) -> None:
    """No answer, no flow, no event."""
    server, ports = start()
    phone = call("udp", ports["udp"])
    for data in (b"\r\n", b"\r\n\r\n", b""):
        phone.sock.send(data)
    assert phone.ask("OPTIONS").code == 200
    server.event("response-sent")
    told = ["flow", "server-sip-message", "request", "server-sip-message", "response-sent"]
    assert [event["ev"] for event in server.log] == ["server-ready", *told]


@pytest.mark.parametrize("transport", ["udp", "tcp", "tls"])
def test_messages_are_told_as_they_came_and_went(start: Start, call: Call, transport: str) -> None:
    """Byte for byte, compact forms and odd blanks too; line ends between them are none."""
    server, ports = start()
    phone = call(transport, ports[transport])
    phone.ask("OPTIONS")
    odd = b"OPTIONS sip:a SIP/2.0\r\nv:SIP/2.0/UDP 127.0.0.1:9;branch=z9hG4bKodd\r\ni :  x\r\nl: 2\r\n\r\nhi"
    phone.sock.send(b"\r\n\r\n")
    phone.sock.send(odd)
    server.event("server-sip-message", text=odd.decode())
    first, answer, *_ = (event for event in server.log if event["ev"] == "server-sip-message")
    assert (first["way"], answer["way"]) == ("received", "sent")
    assert answer["text"].startswith("SIP/2.0 200 OK\r\n")


# Ends


def close_orderly(phone: Phone) -> None:
    assert isinstance(phone.sock, ssl.SSLSocket)
    phone.sock.unwrap()


@pytest.mark.parametrize(
    ("transport", "end", "state", "reason"),
    [
        ("tcp", lambda phone: phone.sock.close(), "closed", "fin"),
        ("tcp", lambda phone: phone.sock.shutdown(socket.SHUT_WR), "closed", "fin"),
        ("tcp", Phone.reset, "reset", "Connection reset by peer"),
        ("tls", lambda phone: phone.sock.close(), "closed", "fin"),
        ("tls", close_orderly, "closed", "close-notify"),
        ("tls", Phone.reset, "reset", "Connection reset by peer"),
    ],
)
def test_how_a_connection_ends(
    start: Start, call: Call, transport: str, end: Callable[[Phone], None], state: str, reason: str
) -> None:
    """FIN, reset and TLS's own farewell are told apart."""
    server, ports = start()
    phone = call(transport, ports[transport])
    phone.ask("OPTIONS")
    end(phone)
    ended = server.event("flow", id="f1", state=state)
    assert (ended["reason"], ended["transport"], ended["peer"]) == (reason, transport, phone.peer)


@pytest.mark.parametrize("transport", ["tcp", "tls"])
def test_a_connection_that_times_out(transport: str) -> None:
    """The kernel giving up reaches us as an OSError with its errno; loopback cannot be made to do that."""
    ends: list[tuple[str, str, str]] = []

    class Recorder:
        def flow_opened(self, flow: Flow) -> None: ...

        def flow_reached(self, flow: Flow, state: str) -> None: ...

        def flow_ready(self, flow: Flow) -> None: ...

        def flow_received(self, flow: Flow, item: Received) -> None: ...

        def message_passed(self, flow: Flow, way: str, data: bytes, at: float) -> None: ...

        def flow_ended(self, flow: Flow, state: str, reason: str) -> None:
            ends.append((flow.transport, state, reason))

    StreamFlow(Recorder(), transport, "127.0.0.1").connection_lost(TimeoutError(110, "Connection timed out"))
    assert ends == [(transport, "failed", "Connection timed out")]


# TLS


def test_a_handshake_that_fails(start: Start, call: Call) -> None:
    """Plain SIP on the TLS port, a client that does not trust the server: both are seen, both end only that flow."""
    server, ports = start()
    plain = call("tcp", ports["tls"])
    plain.send(plain.request("OPTIONS"))
    assert server.event("flow", id="f1", state="failed")["reason"]
    stranger = call("tcp", ports["tls"])
    with pytest.raises(ssl.SSLCertVerificationError):
        ssl.create_default_context().wrap_socket(stranger.sock, server_hostname=HOST)
    assert "UNKNOWN_CA" in server.event("flow", id="f2", state="failed")["reason"]
    assert call("tls", ports["tls"]).ask("OPTIONS").code == 200


def test_garbage_below_tls(start: Start, call: Call) -> None:
    """Bytes that are no TLS record, on a connection that was fine so far, end that connection only."""
    server, ports = start()
    phone, other = call("tls", ports["tls"]), call("tls", ports["tls"])
    phone.subscribe()
    below = socket.socket(fileno=os.dup(phone.sock.fileno()))
    with below:
        below.sendall(b"OPTIONS sip:x SIP/2.0\r\n\r\n")
        assert server.event("flow", id="f1", state="failed")["reason"]
    assert other.ask("OPTIONS").code == 200


def test_tls_settings(start: Start, call: Call, tmp_path: Path) -> None:
    """ECDHE with the TLS 1.2 the client speaks, no tickets, secrets in the key log."""
    keylog = tmp_path / "tls.keys"
    _, ports = start(keylog=str(keylog))
    phone = call("tls", ports["tls"])
    assert isinstance(phone.sock, ssl.SSLSocket)
    assert phone.sock.version() == "TLSv1.2"
    cipher = phone.sock.cipher()
    assert cipher is not None
    assert cipher[0].startswith("ECDHE-ECDSA-")
    assert phone.sock.session is not None
    assert not phone.sock.session.has_ticket
    assert any(line.startswith("CLIENT_RANDOM ") for line in keylog.read_text().splitlines())
