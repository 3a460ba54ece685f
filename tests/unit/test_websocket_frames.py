"""What the server reads from a WebSocket, however reads cut the bytes; and what it sends."""

from __future__ import annotations

from dataclasses import replace

import pytest
from wsproto import ConnectionType, WSConnection
from wsproto.events import AcceptConnection, CloseConnection, Ping, TextMessage
from wsproto.events import Request as Upgrade

from lab.faults.expired_certificate import ExpiredCertificate
from lab.judge import sip_alg_check
from lab.mitigations.server_ws_ping import ServerWsPing
from lab.model.scenario import Strategy, Transport
from lab.model.verdict import CLIENT_CLOSED, SERVER_GAVE_UP
from lab.model.when import When
from lab.record import events
from lab.record.events import ClientGivenUp
from lab.record.events import KeepAlive as Pinged
from lab.servers.scripted.frames import CloseFrame, FrameParser, Refused, Upgraded
from lab.servers.scripted.items import PingFrame
from lab.servers.start import command
from lab.sip.fields import Uri
from lab.sip.message import MalformedMessage, Request
from lab.sip.ports import PORTS
from lab.sip.stream import KeepAlive
from lab.units import Seconds
from tests.lost_probes import outcome
from tests.records import (
    CONNECTED,
    MAPPED,
    SERVER,
    SUBSCRIBED,
    SUBSCRIPTION,
    attempt,
    cell,
    evidence,
    say,
    server_flow,
)

REQUEST = "OPTIONS sip:x SIP/2.0\r\nVia: SIP/2.0/WS x.invalid;branch=z9hG4bK1\r\n\r\n"


def client() -> tuple[WSConnection, bytes]:
    """A client's end, and what it sends to be upgraded."""
    connection = WSConnection(ConnectionType.CLIENT)
    return connection, connection.send(Upgrade(host="x", target="/", subprotocols=["sip"]))


def read(parser: FrameParser, data: bytes, *, cut: int = 65536) -> list[object]:
    found: list[object] = []
    for at in range(0, len(data), cut):
        parser.add(data[at : at + cut])
        while (item := parser.next()) is not None:
            found.append(item)
    return found


def opened() -> tuple[FrameParser, WSConnection]:
    parser, (own, hello) = FrameParser(), client()
    assert [type(each) for each in read(parser, hello)] == [Upgraded]
    own.receive_data(parser.take())
    assert any(isinstance(event, AcceptConnection) for event in own.events())
    return parser, own


@pytest.mark.parametrize("cut", [1, 3, 17, 65536])
def test_cuts_do_not_matter(cut: int) -> None:
    """Neither those of reads nor those of frames: the same things come out in the same order."""
    parser, own = opened()
    data = b"".join(
        own.send(event)
        for event in (
            TextMessage(data=REQUEST[:9], message_finished=False),
            Ping(payload=b"now"),
            TextMessage(data=REQUEST[9:]),
            TextMessage(data="\r\n\r\n"),
            TextMessage(data="\r\n"),
            TextMessage(data="\r\n\r\n\r\n"),
            TextMessage(data="nonsense"),
            CloseConnection(code=1000),
        )
    )
    ping, request, asked, answered, malformed, close = read(parser, data, cut=cut)
    assert ping == PingFrame(b"now")
    assert isinstance(request, Request)
    assert (asked, answered) == (KeepAlive.PING, KeepAlive.PONG)
    assert isinstance(malformed, MalformedMessage)
    assert malformed.skip == 0
    assert close == CloseFrame(1000)
    own.receive_data(parser.take())
    assert [type(event) for event in own.events()] == [CloseConnection]


def test_after_its_own_close_only_that_of_the_client_matters() -> None:
    parser, own = opened()
    own.receive_data(parser.close())
    (close,) = own.events()
    assert isinstance(close, CloseConnection)
    assert close.code == 1001
    other = FrameParser()
    assert other.next() is None
    parser_sees = read(parser, own.send(close.response()))
    assert parser_sees == [CloseFrame(1001)]
    assert parser.take() == b""


def test_a_request_that_is_no_upgrade() -> None:
    parser = FrameParser()
    (refused,) = read(parser, b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
    assert isinstance(refused, Refused)
    assert parser.take().startswith(b"HTTP/1.1 400")
    assert read(parser, b"GET / HTTP/1.1\r\nHost: x\r\n\r\n") == []


@pytest.mark.parametrize(
    ("uri", "transport"),
    [
        ("sip:a@x.invalid;transport=ws", "ws"),
        ("sips:a@x.invalid;transport=ws", "wss"),
        ("sip:a@x.invalid;transport=WSS", "wss"),
        ("sip:a@x.invalid;transport=tls", "tls"),
    ],
)
def test_transport_of_a_uri(uri: str, transport: str) -> None:
    found = Uri.parse(uri)
    assert found.transport == transport
    assert found.endpoint[1] == PORTS[transport]


@pytest.mark.parametrize("transport", list(Transport))
def test_the_server_listens_for_websocket_where_the_client_has_it(transport: Transport) -> None:
    from pathlib import Path

    from lab.model.scenario import Server

    told = command(
        Server(),
        Strategy(name="none"),
        transport=transport,
        address="203.0.113.10",
        bindings_only=False,
        certificate=Path("c"),
        key=Path("k"),
        seed=1,
    )
    framed = {"ws", "wss"} if transport in (Transport.WS, Transport.WSS) else set()
    assert set(told["ports"]) == {"udp", "tcp", "tls"} | framed


@pytest.mark.parametrize("transport", list(Transport))
def test_certificates_are_of_secure_transports(transport: Transport) -> None:
    fault = ExpiredCertificate(at=When(offset=10.0))
    subject = replace(cell(), transport=transport)
    assert (fault.infeasible(subject) is None) is (transport in (Transport.TLS, Transport.WSS))
    assert transport.secure is (transport in (Transport.TLS, Transport.WSS))


# What the judge makes of it


def test_a_close_frame_is_the_clients_doing() -> None:
    """The server ends TCP first, as RFC 6455 §7.1.1 wants; the code tells who closed the WebSocket."""
    closed = server_flow(50.0, "closed", "close-frame 1001", transport="ws")
    lost = [attempt(100.0, "failed", reason="flow-gone")]
    seen = outcome(replace(cell(), transport=Transport.WS), closed, *lost)
    assert seen.cause is not None
    assert (seen.cause.kind, seen.cause.at_s) == (CLIENT_CLOSED, 50.0)
    assert "with code 1001" in seen.cause.text


def test_a_reason_of_the_client_comes_first() -> None:
    from tests.records import changed

    closed = server_flow(50.0, "closed", "close-frame 1001", transport="ws")
    told = changed(CONNECTED, t=50.1, state="disconnected", reason="page closed")
    lost = [attempt(100.0, "failed", reason="flow-gone")]
    seen = outcome(replace(cell(), transport=Transport.WS), closed, told, *lost)
    assert seen.cause is not None
    assert seen.cause.text == "client's transport ended at 50.1 s: page closed"


def test_ping_frames_that_were_not_answered() -> None:
    sent = [say(t, SERVER, Pinged(kind="ws-ping", state="sent", flow="f1", code=None, reason="")) for t in (25.0, 50.0)]
    given_up = say(75.0, SERVER, ClientGivenUp(flow="f1", misses=2))
    lost = [attempt(100.0, "failed", flow=None, reason="no-subscription")]
    seen = outcome(replace(cell(), transport=Transport.WS), *sent, given_up, *lost)
    assert seen.cause is not None
    assert seen.cause.kind == SERVER_GAVE_UP
    assert "2 ping frames in a row that were not answered" in seen.cause.text


@pytest.mark.parametrize(("via", "clean"), [("4711.invalid", True), ("198.51.100.7:40001", False)])
def test_invalid_names_are_no_sign_of_an_alg(via: str, *, clean: bool) -> None:
    request = events.Request(
        method="REGISTER", flow="f1", peer=SUBSCRIPTION.event.flow and MAPPED.event.outside,  # type: ignore[arg-type]
        call_id="c", cseq=1, via=via, contact=via,
    )  # fmt: skip
    seen = evidence(replace(cell(), transport=Transport.WS), say(-0.1, SERVER, request), SUBSCRIBED)
    assert (sip_alg_check.why_inconclusive(seen) == "") is clean


def test_ping_frames_exist_over_websocket_only() -> None:
    from lab.mitigations.catalog import unsupported

    ping = ServerWsPing(interval=Seconds(25))
    why = unsupported([ping], transport="tls", registers=True, subscribes=False)
    assert why == "server-ws-ping exists on ws and wss only, not on tls"
    assert unsupported([ping], transport="wss", registers=True, subscribes=False) == ""
