"""What a SIP ALG does to packets, in a real kernel: what it rewrites, what it leaves alone, what it breaks.

client —lan— home-nat —access— internet —core— server
"""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field

import pytest

from lab.model.endpoint import Endpoint
from lab.model.middlebox import Middlebox, SipAlg
from lab.model.topology import Topology
from lab.network import conntrack
from lab.network.apply import Network, apply, nft
from lab.network.plan import plan
from lab.units import Seconds

pytestmark = [pytest.mark.kernel, pytest.mark.usefixtures("namespaces")]

CLIENT, NAT, SERVER, ROUTER = "10.0.0.2", "198.51.100.2", "203.0.113.10", "203.0.113.1"
ARRIVES_WITHIN_S = 2.0
LOST_AFTER_S = 0.5
"""A segment that is not lost arrives at once, a lost one's first retransmissions after 0.2 s (RFC 6298)."""

SIP_TIMEOUT_S, UDP_S, TCP_S = 3600, 60, 90
"""The first is the helper's own (``nf_conntrack_sip.c``); the others are the middlebox's here."""


@dataclass
class Net:
    """A network; all sockets are closed with it."""

    network: Network
    opened: ExitStack = field(default_factory=ExitStack)

    def udp(self, node: str, address: str, port: int = 0) -> socket.socket:
        with self.network.entered(node):
            sock = self.opened.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
        sock.bind((address, port))
        sock.settimeout(ARRIVES_WITHIN_S)
        return sock

    def tcp(self, port: int) -> tuple[socket.socket, socket.socket]:
        """A flow: the client's end, the server's end."""
        with self.network.entered("server"):
            listener = self.opened.enter_context(socket.create_server((SERVER, port)))
        with self.network.entered("client"):
            near = self.opened.enter_context(socket.create_connection((SERVER, port), timeout=ARRIVES_WITHIN_S))
        listener.settimeout(ARRIVES_WITHIN_S)
        far, _ = listener.accept()
        far.settimeout(ARRIVES_WITHIN_S)
        return near, self.opened.enter_context(far)

    def pair(self, transport: str, port: int = 5060) -> tuple[socket.socket, socket.socket]:
        """A flow whose two ends can send to each other once the client has sent something."""
        if transport == "tcp":
            return self.tcp(port)
        near, far = self.udp("client", CLIENT), self.udp("server", SERVER, port)
        near.connect((SERVER, port))
        return near, far


@pytest.fixture
def net(one_home: Topology, request: pytest.FixtureRequest) -> Iterator[Net]:
    alg = getattr(request, "param", tuple(SipAlg))
    box = Middlebox(name="box", sip_alg=alg, udp_mapping_timer=Seconds(UDP_S), established_idle_timeout=Seconds(TCP_S))
    network = apply(plan(one_home, {"home-nat": box}))
    net = Net(network)
    with net.opened:
        yield net
    network.close()


def request(
    method: str, transport: str, source: tuple[str, int], *, contact: str = CLIENT, more: str = "", body: str = ""
) -> bytes:
    """A request as a client sends it from an endpoint."""
    address, port = source
    return (
        f"{method} sip:bob@{SERVER} SIP/2.0\r\n"
        f"Via: SIP/2.0/{transport.upper()} {address}:{port};rport;branch=z9hG4bK1\r\n"
        f"From: <sip:alice@{SERVER}>;tag=1\r\nTo: <sip:bob@{SERVER}>\r\nCall-ID: 1@{address}\r\nCSeq: 1 {method}\r\n"
        f"Contact: <sip:alice@{contact}:{port}>\r\n{more}Max-Forwards: 70\r\nContent-Length: {len(body)}\r\n\r\n{body}"
    ).encode()


def answer(received: bytes, peer: tuple[str, int]) -> bytes:
    """The 200 to a request (RFC 3581 §4): Via with what the server saw, Contact as registered."""
    _, _, headers = received.partition(b"\r\n")
    seen = f";received={peer[0]};rport={peer[1]};".encode()
    return b"SIP/2.0 200 OK\r\n" + headers.replace(b";rport;", seen).replace(b"Max-Forwards: 70", b"Expires: 600")


@pytest.mark.parametrize("transport", ["udp", "tcp"])
def test_requests_come_out_with_the_address_outside(net: Net, transport: str) -> None:
    """Via and Contact are the mapped ones; of From, To and Call-ID nothing changes."""
    near, far = net.pair(transport)
    sent = request("SUBSCRIBE", transport, near.getsockname())
    near.send(sent)
    received = far.recv(2000)
    port = near.getsockname()[1]
    assert received == sent.replace(f"{CLIENT}:{port};rport".encode(), f"{NAT}:{port};rport".encode()).replace(
        f"alice@{CLIENT}:".encode(), f"alice@{NAT}:".encode()
    )


@pytest.mark.parametrize("transport", ["udp", "tcp"])
def test_the_client_is_told_that_there_is_no_nat(net: Net, transport: str) -> None:
    """In the answer the address outside is the client's own again, also where the server says what it saw."""
    near, far = net.pair(transport)
    near.send(request("REGISTER", transport, near.getsockname()))
    received = far.recv(2000)
    port = near.getsockname()[1]
    reply = answer(received, (NAT, port))
    assert NAT.encode() in reply
    if transport == "tcp":
        far.send(reply)
    else:
        far.sendto(reply, (NAT, port))
    came = near.recv(2000)
    assert NAT.encode() not in came
    assert f"Via: SIP/2.0/{transport.upper()} {CLIENT}:{port};received={CLIENT};rport={port};".encode() in came


@pytest.mark.parametrize("net", [(), (SipAlg.UDP,), (SipAlg.TCP,)], ids=["none", "udp", "tcp"], indirect=True)
@pytest.mark.parametrize("transport", ["udp", "tcp"])
def test_only_where_it_is_on(net: Net, transport: str) -> None:
    """A transport that is not named passes as it was sent."""
    near, far = net.pair(transport)
    sent = request("SUBSCRIBE", transport, near.getsockname())
    near.send(sent)
    with net.network.entered("home-nat"):
        on = f'"SIP ALG {transport}"' in nft("list ruleset")
    assert (far.recv(2000) != sent) is on


@pytest.mark.parametrize("transport", ["udp", "tcp"])
def test_other_ports_are_not_looked_at(net: Net, transport: str) -> None:
    """TLS has its own port, and nothing in it could be read anyway."""
    near, far = net.pair(transport, port=5061)
    sent = request("SUBSCRIBE", transport, near.getsockname())
    near.send(sent)
    assert far.recv(2000) == sent


def test_a_message_in_two_segments_passes_as_it_was_sent(net: Net) -> None:
    """Only what begins and ends in one segment is rewritten; later ones are again."""
    near, far = net.tcp(5060)
    for more, changes in (("X: " + "x" * 1500 + "\r\n", False), ("", True)):
        sent = request("SUBSCRIBE", "tcp", near.getsockname(), more=more)
        near.send(sent)
        received = far.recv(4000)
        while not received.endswith(b"\r\n\r\n"):
            received += far.recv(4000)
        assert (received != sent) is changes


def test_lengths_change_and_the_stream_goes_on(net: Net) -> None:
    """Segments grow on the way out and shrink on the way in; neither end notices."""
    near, far = net.tcp(5060)
    for _ in range(3):
        sent = request("SUBSCRIBE", "tcp", near.getsockname())
        near.send(sent)
        received = far.recv(4000)
        assert len(received) == len(sent) + 2 * (len(NAT) - len(CLIENT))
        far.send(answer(received, (NAT, near.getsockname()[1])))
        assert near.recv(4000).endswith(b"\r\n\r\n")
    near.send(b"\r\n\r\n")
    assert far.recv(10) == b"\r\n\r\n"


def test_sdp(net: Net) -> None:
    """The address and port of media are the middlebox's."""
    near, far = net.pair("udp")
    near.send(_invite(near, media_port=4000))
    received = far.recv(2000)
    assert f"c=IN IP4 {NAT}".encode() in received
    assert b"m=audio 4000 RTP/AVP 0" in received


def test_media_on_a_port_below_1024_is_dropped(net: Net) -> None:
    """``process_sdp`` of ``nf_conntrack_sip.c``; the 9 of trickle ICE (RFC 8840) is one such port."""
    near, far = net.pair("udp")
    near.send(request("OPTIONS", "udp", near.getsockname()))
    far.recv(2000)
    far.settimeout(LOST_AFTER_S)
    near.send(_invite(near, media_port=9))
    with pytest.raises(TimeoutError):
        far.recv(2000)


def test_over_tcp_a_dropped_message_ends_the_flow(net: Net) -> None:
    """The segment is sent again and dropped again; nothing behind it arrives, and nobody is told."""
    near, far = net.tcp(5060)
    near.send(request("OPTIONS", "tcp", near.getsockname()))
    far.recv(2000)
    far.settimeout(LOST_AFTER_S)
    near.send(_invite(near, media_port=9))
    near.send(request("OPTIONS", "tcp", near.getsockname()))
    with pytest.raises(TimeoutError):
        far.recv(2000)


def test_timers(net: Net) -> None:
    """Over UDP a mapping lives an hour after SIP, whatever the middlebox's timer; over TCP the timer is as ever."""
    near, far = net.pair("udp")
    near.send(request("OPTIONS", "udp", near.getsockname()))
    far.recv(2000)
    plain, other = net.pair("udp", port=5061)
    plain.send(b"?")
    other.recv(2000)
    stream, end = net.tcp(5060)
    stream.send(request("OPTIONS", "tcp", stream.getsockname()))
    end.send(b"\r\n" if end.recv(2000) else b"")
    stream.recv(10)
    left = {one.inside: one.remaining for one in conntrack.table(net.network.namespaces["home-nat"])}
    assert SIP_TIMEOUT_S - 5 < left[Endpoint.of(near.getsockname())] <= SIP_TIMEOUT_S
    assert UDP_S - 5 < left[Endpoint.of(plain.getsockname())] <= UDP_S
    assert TCP_S - 5 < left[Endpoint.of(stream.getsockname())] <= TCP_S


@pytest.mark.parametrize("registered", [True, False])
def test_a_registered_contact_is_let_in_from_the_registrar_alone(net: Net, registered: bool) -> None:
    """From another port of the registrar's, once it has accepted; a stranger is not let in."""
    near, far = net.pair("udp")
    near.send(request("REGISTER" if registered else "OPTIONS", "udp", near.getsockname(), more="Expires: 600\r\n"))
    port = near.getsockname()[1]
    far.sendto(answer(far.recv(2000), (NAT, port)), (NAT, port))
    near.recv(2000)
    elsewhere, stranger = net.udp("server", SERVER), net.udp("internet", ROUTER)
    near.close()
    near = net.udp("client", CLIENT, port)  # not connected: hears everybody
    near.settimeout(LOST_AFTER_S)
    stranger.sendto(b"stranger", (NAT, port))
    elsewhere.sendto(b"registrar", (NAT, port))
    if registered:
        assert near.recv(100) == b"registrar"
    with pytest.raises(TimeoutError):
        near.recv(100)


def _invite(near: socket.socket, *, media_port: int) -> bytes:
    lines = ("v=0", f"o=- 1 1 IN IP4 {CLIENT}", "s=-", f"c=IN IP4 {CLIENT}", "t=0 0", f"m=audio {media_port} RTP/AVP 0")
    body = "".join(f"{line}\r\n" for line in lines)
    transport = "udp" if near.type == socket.SOCK_DGRAM else "tcp"
    more = "Content-Type: application/sdp\r\n"
    return request("INVITE", transport, near.getsockname(), more=more, body=body)
