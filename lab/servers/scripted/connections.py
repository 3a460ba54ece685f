"""Handles the server's sockets: listens, tracks flows, and opens new ones."""

from __future__ import annotations

import asyncio
import socket
import ssl
import time
from collections.abc import Callable
from functools import partial
from typing import Protocol

from lab.actors.channel import Channel
from lab.actors.tls import Tls
from lab.errors import LabFault
from lab.model.endpoint import Endpoint
from lab.record.events import FlowState, MessageText, MessageWay, ServerFlow, ServerReady, ServerSipMessage
from lab.servers.scripted.flows import Address, Flow, StreamFlow, UdpFlow, read_datagram, send_datagram, why
from lab.servers.scripted.idle_timer import IdleTimer
from lab.servers.scripted.items import Received
from lab.servers.settings import Settings
from lab.sip.ports import FRAMED, SECURE, STREAMS
from lab.sip.stun import binding_response
from lab.sip.transaction import TIMER_F


class User(Protocol):
    """The user of the connections."""

    def flow_ready(self, flow: Flow) -> None:
        """Handle that messages can be sent."""

    def received(self, flow: Flow, item: Received) -> None:
        """Handle received data."""

    def flow_ended(self, flow: Flow, reason: str) -> None:
        """Handle the end of a flow, or its failure to begin; ``flow-gone`` after an orderly end."""


class Connections:
    """All sockets and flows of the server.

    Attributes:
        answers_stun: answer STUN binding requests over UDP, as whoever supports SIP outbound does.
    """

    def __init__(self, settings: Settings, channel: Channel, loop: asyncio.AbstractEventLoop, user: User) -> None:
        self._settings = settings
        self._channel = channel
        self._loop = loop
        self._user = user
        self.answers_stun = False
        self._own = settings.address  # from which the server connects
        self._ports = dict(settings.ports)
        self._contexts: dict[bool, ssl.SSLContext] = {}  # by server side
        self._expired = self._listed = False
        self._listeners: list[asyncio.Server] = []
        self._udp: dict[str, socket.socket] = {}  # by address
        self._flows: dict[str, Flow] = {}
        self._flow_count = 0
        self._connecting: set[asyncio.Task[None]] = set()

    async def listen(self) -> None:
        """Open the sockets and say that the server is ready.

        Raises:
            OSError: an address cannot be bound, or a file cannot be read.
        """
        if SECURE & self._ports.keys():
            self._contexts = {True: self._server_context(), False: _client_context()}
        for address in (self._settings.address, *self._settings.further):
            await self._listen_at(address)
        self._channel.emit(ServerReady(ports=dict(self._ports)))

    async def _listen_at(self, address: str) -> None:
        if "udp" in self._ports:
            self._udp[address] = sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            sock.setblocking(False)  # noqa: FBT003 - the stdlib's signature
            sock.bind((address, self._ports["udp"]))
            self._ports["udp"] = sock.getsockname()[1]
            self._loop.add_reader(sock.fileno(), self._datagram, sock)
        for transport in STREAMS:
            if transport in self._ports:
                await self._listen(transport, address, partial(self._accepted, transport, address))

    async def _listen(self, transport: str, address: str, make: Callable[[], StreamFlow]) -> None:
        if transport in FRAMED:  # import it now rather than while a client waits
            self._framed()
        # asyncio sets TCP_NODELAY on every connection and SO_REUSEADDR on the listener
        server = await self._loop.create_server(make, address, self._ports[transport])
        self._listeners.append(server)
        self._ports[transport] = server.sockets[0].getsockname()[1]

    def _accepted(self, transport: str, address: str) -> StreamFlow:
        return self._stream(transport, address, tls=self._tls() if transport in SECURE else None)

    def _stream(
        self, transport: str, address: str, *, peer: Address | None = None, tls: Tls | None = None
    ) -> StreamFlow:
        after, idle = self._settings.idle_after, None
        if after is not None:
            idle = IdleTimer(self._loop, after, crlf_counts=self._settings.idle_crlf_counts)
        resets = self._settings.idle_ends_with == "rst"
        kind = self._framed() if transport in FRAMED else StreamFlow
        return kind(self, transport, address, peer=peer, tls=tls, idle=idle, idle_resets=resets)

    @staticmethod
    def _framed() -> type[StreamFlow]:
        """Return the class of WebSockets, whose library costs some hundredths of a second to import."""
        from lab.servers.scripted.websocket_flow import WebSocketFlow

        return WebSocketFlow

    def _tls(self) -> Tls:
        return Tls(self._contexts[True], server_side=True)

    def move(self, address: str) -> None:
        """Connect from this address from now on; all are listened on, whichever it is."""
        self._own = address

    def serve_certificate(self, *, expired: bool) -> None:
        """Take new TLS connections with the certificate that has expired, or with the valid one; the others stay."""
        self._expired = expired
        self._contexts[True] = self._server_context()

    def heed_revocation(self, *, listed: bool) -> None:
        """Refuse new TLS connections of clients whose certificate is on the revocation list, or no longer."""
        self._listed = listed
        self._contexts[True] = self._server_context()

    def close(self) -> None:
        """End everything in order."""
        self._deafen()
        for task in self._connecting:
            task.cancel()
        for flow in list(self._flows.values()):
            flow.close()

    def drop(self) -> None:
        """End everything as the kernel does when it kills a server."""
        self._deafen()
        for flow in list(self._flows.values()):
            if isinstance(flow, UdpFlow):
                self.flow_ended(flow, "closed", "server gone")
            else:
                flow.abandon()

    def _deafen(self) -> None:
        for listener in self._listeners:
            listener.close()
        self._listeners.clear()
        for sock in self._udp.values():
            self._loop.remove_reader(sock)
            sock.close()
        self._udp.clear()

    # Which there are

    def ids(self) -> frozenset[str]:
        """Return the ids of existing flows."""
        return frozenset(self._flows)

    def get(self, flow: str) -> Flow | None:
        """Return the flow, if it still exists."""
        return self._flows.get(flow)

    def own(self, flow: Flow) -> Endpoint:
        """Return the server's own end for Via and Contact: its port is the one it listens on."""
        return Endpoint(flow.local, self._ports[flow.transport])

    def find(self, transport: str, peer: Address) -> Flow | None:
        """Return the flow to an address, if there is one; with UDP there is always one."""
        if transport == "udp" and "udp" in self._ports:
            found = self.to(transport, peer)
            return None if isinstance(found, str) else found
        return self._find(transport, peer)

    def to(self, transport: str, peer: Address) -> Flow | str:
        """Return the flow to an address, existing or new; or why there can be none."""
        if (known := self._find(transport, peer)) is not None:
            return known
        if transport not in self._ports:
            return f"no {transport} here"
        if transport in FRAMED:
            return "a WebSocket is opened by the client only"  # RFC 7118 §3
        try:
            socket.inet_aton(peer[0])
        except OSError:
            return "contact is not an address"
        if transport == "udp":
            return self._udp_flow(self._udp[self._own], peer, outgoing=True)
        tls = Tls(self._contexts[False], server_side=False) if transport == "tls" else None
        stream = self._stream(transport, self._own, peer=peer, tls=tls)
        task = self._loop.create_task(self._connect(stream))
        self._connecting.add(task)
        task.add_done_callback(self._connecting.discard)
        return stream

    def send_datagram(self, flow: Flow, data: bytes, to: Address) -> None:
        """Send from where a UDP flow ends here, wherever to.

        Raises:
            OSError: no route, or whatever else the kernel says.
        """
        if (sock := self._udp.get(flow.local)) is not None:
            at = time.monotonic()
            send_datagram(sock, data, to)
            self.message_passed(flow, "sent", data, at)

    async def _connect(self, flow: StreamFlow) -> None:
        try:
            connecting = self._loop.create_connection(lambda: flow, *flow.peer, local_addr=(flow.local, 0))
            await asyncio.wait_for(connecting, TIMER_F)
        except (OSError, asyncio.TimeoutError) as error:
            reason = why(error) or "timeout"
            self._emit(flow, "failed", reason)
            self._user.flow_ended(flow, reason)

    def _datagram(self, sock: socket.socket) -> None:
        item, data, peer = read_datagram(sock)
        if self.answers_stun and (answer := binding_response(data, peer)) is not None:
            send_datagram(sock, answer, peer)
        elif item is None:  # a keep-alive
            if (known := self._find("udp", peer, local=sock.getsockname()[0])) is not None:
                known.heard_at = time.monotonic()
        else:
            flow = self._udp_flow(sock, peer, outgoing=False)
            flow.heard_at = time.monotonic()
            self.message_passed(flow, "received", data, time.monotonic())
            self.flow_received(flow, item)

    def _udp_flow(self, sock: socket.socket, peer: Address, *, outgoing: bool) -> Flow:
        flow = self._find("udp", peer, local=sock.getsockname()[0])
        if flow is None:
            flow = UdpFlow(self, sock, peer, outgoing=outgoing)
            self.flow_opened(flow)
        return flow

    def _find(self, transport: str, peer: Address, *, local: str | None = None) -> Flow | None:
        names = FRAMED if transport in FRAMED else (transport,)  # a URI may say ws of a wss (RFC 7118 §5.2)
        same = [one for one in self._flows.values() if one.ready and one.transport in names and one.peer == peer]
        ours = [one for one in same if local in (None, one.local)]
        return ours[-1] if ours else None

    # What flows report

    def flow_opened(self, flow: Flow) -> None:
        """Give a new flow an id and record it."""
        self._flow_count += 1
        flow.id = f"f{self._flow_count}"
        self._flows[flow.id] = flow
        self._emit(flow, "connected" if flow.outgoing else "accepted", "")

    def flow_reached(self, flow: Flow, state: FlowState) -> None:
        """Record the end of a TLS handshake, or of an upgrade to WebSocket."""
        certified = flow.certified if state == "secured" and isinstance(flow, StreamFlow) else ""
        self._emit(flow, state, "", subject=certified)

    def flow_ready(self, flow: Flow) -> None:
        """Tell the user."""
        self._user.flow_ready(flow)

    def flow_received(self, flow: Flow, item: Received) -> None:
        """Pass received data to the user."""
        self._user.received(flow, item)

    def message_passed(self, flow: Flow, way: MessageWay, data: bytes, at: float) -> None:
        """Record a message."""
        text = MessageText(data.decode("utf-8", "backslashreplace"))
        self._channel.emit(ServerSipMessage(way=way, flow=flow.id, text=text), at=at)

    def flow_ended(self, flow: Flow, state: FlowState, reason: str) -> None:
        """Forget a flow that has ended, and record it."""
        self._flows.pop(flow.id, None)
        self._emit(flow, state, reason, at=flow.ended_at)
        self._user.flow_ended(flow, "flow-gone" if state == "closed" else reason)

    def _emit(self, flow: Flow, state: FlowState, reason: str, *, subject: str = "", at: float | None = None) -> None:
        self._channel.emit(
            ServerFlow(
                id=flow.id,
                state=state,
                transport=flow.transport,
                peer=flow.endpoint,
                own=self.own(flow),
                reason=reason,
                subject=subject,
            ),
            at=at,
        )

    def _server_context(self) -> ssl.SSLContext:
        return _server_context(self._settings, expired=self._expired, listed=self._listed)


def _server_context(settings: Settings, *, expired: bool, listed: bool) -> ssl.SSLContext:
    certificate = settings.expired if expired else settings.certificate
    if certificate is None:
        raise LabFault("starting the SIP server", detail="tls needs a certificate")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    if settings.client_ca is not None:
        context.load_verify_locations(settings.client_ca)
        context.verify_mode = ssl.CERT_REQUIRED
    if listed:
        context.load_verify_locations(settings.revoked)
        context.verify_flags |= ssl.VERIFY_CRL_CHECK_LEAF
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.options |= ssl.OP_NO_TICKET  # every connection does the same handshake, on any run
    context.num_tickets = 0
    context.load_cert_chain(certificate, settings.key)
    if settings.keylog is not None:
        context.keylog_filename = settings.keylog
    return context


def _client_context() -> ssl.SSLContext:
    """Return a TLS context for connections to a phone's own listener, whose certificate nobody could check."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context
