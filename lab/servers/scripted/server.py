"""Implements the scripted SIP server: handles commands, requests and flows."""

from __future__ import annotations

import asyncio

from lab.actors.channel import Channel
from lab.mitigations.base import GivingUp
from lab.record import events
from lab.record.events import (
    GIVEN_UP,
    CrlfPing,
    FramePing,
    Malformed,
    Obeyed,
    ProbeKindName,
)
from lab.servers.authentication import authenticator
from lab.servers.pushes import Pushes
from lab.servers.refusal import Refusal
from lab.servers.scripted.bindings import Bindings
from lab.servers.scripted.client_transactions import ClientTransactions
from lab.servers.scripted.connections import Connections
from lab.servers.scripted.contact_lookup import ReachableContact, all_contacts, on_flow
from lab.servers.scripted.flows import Flow
from lab.servers.scripted.items import PingFrame, PongFrame, Received
from lab.servers.scripted.probes import Probes
from lab.servers.scripted.response_policy import Reader, ResponsePolicy
from lab.servers.scripted.server_mitigations import Mitigated
from lab.servers.scripted.server_transactions import ServerTransactions
from lab.servers.scripted.subscriptions import Subscriptions
from lab.servers.settings import Settings
from lab.sip.best_response import GONE
from lab.sip.call import TIMER
from lab.sip.claimed_source import claimed_source
from lab.sip.dialog import DialogId, dialog_id
from lab.sip.fields import Uri, parse_cseq
from lab.sip.message import VERSION, MalformedMessage, Request
from lab.sip.registrar import OUTBOUND, Binding, Policy
from lab.sip.stream import KeepAlive
from lab.sip.subscription import PACKAGE
from lab.sip.transaction import COOKIE, Key
from lab.sip.uas import ALLOWED, ALLOWED_IN_CALL, RequestRefused, check


class SipServer:
    """The server, from ``start`` on. Runs in an event loop; all methods are called from it."""

    def __init__(self, settings: Settings, channel: Channel, loop: asyncio.AbstractEventLoop) -> None:
        self._settings = settings
        self._channel = channel
        self._loop = loop
        self.address = settings.address
        self.exchanges = ClientTransactions(loop)
        self._connections = Connections(settings, channel, loop, self)
        self._answers = ServerTransactions(self._connections, channel, loop)
        self._gone = settings.with_gone_connection
        self._probes = Probes(self, channel, loop, wait=settings.wait if self._gone == "wait" else 0.0)
        self._mitigated = Mitigated(
            self,
            channel,
            loop,
            subscription_expires=settings.subscription_expires,
            mitigations=settings.mitigations,
        )
        self._connections.answers_stun = self._mitigated.outbound
        self.pushes = Pushes(self._mitigated.push, channel, loop, heard_at=self._heard_at)
        self._marked: set[str] = set()  # flows whose clients do not answer
        self._subscriptions = Subscriptions(
            self, channel, loop, expires=self._mitigated.subscription_expires, on_change=self._in_use
        )
        self._bindings = Bindings(
            self,
            channel,
            loop,
            expires=settings.registration_expires,
            outbound=self._mitigated.outbound,
            flow_timer=self._mitigated.flow_timer,
            pushes=self._mitigated.push is not None,
            on_change=self._in_use,
            on_registered=self._registered,
            policy=Policy(
                settings.matches_by, settings.at_most, settings.removes_oldest, round(settings.least_expires)
            ),
            removes_closed=settings.removes_closed,
        )
        self._id_count = 0
        self._down = False
        self._reader = Reader(channel, loop, self._connections, self._act_on)
        self._authenticator = authenticator(settings.authentication, realm=settings.address, seed=settings.seed)
        self._refusal = Refusal()

    def _in_use(self) -> None:
        """Tell the keep-alives which flows are in use."""
        subscribed = {one.flow for one in self._subscriptions.live()}
        registered = {one.flow for one in self._bindings.all()}
        self._mitigated.in_use((subscribed | registered) & self._connections.ids())

    def _registered(self, binding: Binding) -> None:
        contact = ReachableContact.bound(binding)
        self.pushes.registered(contact)
        self._probes.registered(contact)

    def _heard_at(self, flow: str) -> float | None:
        known = self._connections.get(flow)
        return None if known is None else known.heard_at

    # Commands

    async def listen(self) -> None:
        """Open the sockets and say that the server is ready.

        Raises:
            OSError: an address cannot be bound, or a file cannot be read.
        """
        await self._connections.listen()

    def close(self) -> None:
        """End everything in order."""
        self._connections.close()

    def notify(self, probe: str, within: float) -> None:
        """Send a NOTIFY with ``probe`` as its note in the newest subscription, and say what becomes of it."""
        self._subscriptions.probe(probe, within)

    def probe(
        self, kind: ProbeKindName, probe: str, within: float, hold: float | None = None, *, ring: float = 0.0
    ) -> None:
        """Send OPTIONS or MESSAGE outside any dialog, or make a call and hold it; say what becomes of it.

        It goes to all contacts that are registered; to the newest subscriber where bindings are not needed.
        """
        only = self._settings.bindings_only
        whom = all_contacts(self._bindings, self._subscriptions, bindings_only=only)
        nobody = "no-binding" if only else "no-subscription"
        self._probes.send(kind, probe, whom, nobody=nobody, within=within, hold=hold, ring=ring)

    def close_flow(self, name: str | None) -> None:
        """End a flow in order, if it is there."""
        flow = None if name is None else self._connections.get(name)
        if flow is not None:
            flow.close()
        self._channel.emit(Obeyed(do="close", flow=None if flow is None else flow.id))

    def answer(self, manner: ResponsePolicy) -> None:
        """Answer like this from now on."""
        self._reader.behave(manner)

    def refuse(self, refusal: Refusal) -> None:
        """Refuse these requests, outside calls, from now on."""
        self._refusal = refusal
        self._channel.emit(Obeyed(do="refuse", mode=str(refusal)))

    def go_down(self, *, keeps_state: bool) -> None:
        """Do what the kernel does when it kills a server.

        Transactions and calls are lost with the process; subscriptions and bindings, too, unless a database has them.
        """
        self._down = True
        self.exchanges.forget()
        self._probes.forget()
        self._answers.forget()
        self._connections.drop()
        if not keeps_state:
            if self._authenticator is not None:
                self._authenticator.forget()
            self._subscriptions.forget()
            self._bindings.forget()
            self.pushes.forget()
        self._in_use()
        self._channel.emit(Obeyed(do="go-down", forgot=not keeps_state))

    def serve_certificate(self, *, expired: bool) -> None:
        """Use the expired certificate, or the valid one again, for new TLS connections."""
        self._connections.serve_certificate(expired=expired)
        self._channel.emit(Obeyed(do="certificate"))

    def move(self, address: str) -> None:
        """Connect from this address from now on."""
        self._connections.move(address)

    def heed_revocation(self, *, listed: bool) -> None:
        """Refuse new TLS connections of revoked certificates, or stop refusing them."""
        self._connections.heed_revocation(listed=listed)
        self._channel.emit(Obeyed(do="revocation"))

    async def come_up(self) -> None:
        """Listen again.

        Raises:
            OSError: an address cannot be bound.
        """
        self._down = False
        self._channel.emit(Obeyed(do="come-up"))
        await self._connections.listen()

    # What connections report

    def flow_ready(self, flow: Flow) -> None:
        """Send the requests that waited for a flow."""
        self.exchanges.flow_ready(flow)

    def flow_ended(self, flow: Flow, reason: str) -> None:
        """Fail the requests in progress on a flow that has ended."""
        self.exchanges.flow_ended(flow, reason, all_lost=self._down)
        if not self._down:
            self._bindings.flow_ended(flow.id)
        self._marked.discard(flow.id)
        self._in_use()

    def received(self, flow: Flow, item: Received) -> None:
        """Handle a message, a ping, or other data, now or later."""
        self._reader.read(flow, item)

    def _act_on(self, flow: Flow, item: Received) -> None:
        if isinstance(item, (KeepAlive, PingFrame, PongFrame)):
            self._keep_alive(flow, item)
            return
        try:
            if isinstance(item, MalformedMessage):
                raise item
            if isinstance(item, Request):
                self._request(flow, item)
            elif not self.exchanges.response(flow, item):
                self._probes.stray(flow, item)
        except MalformedMessage as error:
            request = item if isinstance(item, Request) else error.request
            self._channel.emit(Malformed(flow=flow.id, reason=error.reason))
            if request is not None and request.method != "ACK" and request.first("Via"):
                self.respond(flow, request, error.code)
            if item is error and error.skip is None:
                flow.close()

    def _keep_alive(self, flow: Flow, item: KeepAlive | PingFrame | PongFrame) -> None:
        if isinstance(item, PongFrame) or item is KeepAlive.PONG:
            self._mitigated.pong(flow, item)
        elif isinstance(item, PingFrame):
            flow.pong(item.payload)
            self._channel.emit(FramePing(flow=flow.id))
        else:
            if self._settings.answers_crlf:
                flow.send(KeepAlive.PONG.value)
            self._channel.emit(CrlfPing(flow=flow.id, answered=self._settings.answers_crlf))

    # Requests of the peer

    def _request(self, flow: Flow, request: Request) -> None:
        if request.version == VERSION and self._answers.again(flow, request):  # else its fields may be of another, too
            return
        call = self._probes.call(_dialog(request))
        try:
            if call is None:
                check(request, extensions=frozenset((OUTBOUND,) if self._mitigated.outbound else ()))
            else:
                check(request, methods=ALLOWED_IN_CALL, extensions=frozenset((TIMER,)))
        except RequestRefused as refusal:
            self._emit_request(flow, request)
            if request.method != "ACK":
                self.respond(flow, request, refusal.code, *refusal.headers)
            return
        self._emit_request(flow, request)
        if self._challenged(flow, request):
            return
        try:
            if call is not None:
                call.request(flow, request)
            else:
                self._outside_calls(flow, request)
        except RequestRefused as refusal:
            self.respond(flow, request, refusal.code, *refusal.headers)

    def _outside_calls(self, flow: Flow, request: Request) -> None:
        if request.method == self._refusal.method:
            self.respond(flow, request, self._refusal.code, *self._refusal.headers)
        elif request.method == "SUBSCRIBE":
            self.alive(flow.id)  # before the NOTIFY that follows
            self._subscriptions.subscribe(flow, request)
        elif request.method == "REGISTER":
            self._bindings.register(flow, request)
            self.alive(flow.id)
        else:
            allow = (("Allow", ", ".join(ALLOWED)), ("Allow-Events", PACKAGE))
            self.respond(flow, request, 200, *allow, ("Contact", f"<{self.contact(flow)}>"))

    def _challenged(self, flow: Flow, request: Request) -> bool:
        """Ask who sends this, if that is to be known and is not."""
        if self._authenticator is None:
            return False
        challenge = self._authenticator.challenge(request, now=self._loop.time())
        if challenge is not None:
            self.respond(flow, request, challenge.code, challenge.header)
        return challenge is not None

    def _emit_request(self, flow: Flow, request: Request) -> None:
        try:
            cseq = parse_cseq(request.first("CSeq") or "")[0]
        except MalformedMessage:  # refused before anybody looked at it
            cseq = None
        said = claimed_source(request)
        self._channel.emit(
            events.Request(
                method=request.method,
                flow=flow.id,
                peer=flow.endpoint,
                call_id=request.first("Call-ID"),
                cseq=cseq,
                via=said.via,
                contact=said.contact,
            )
        )

    # What its parts need: see `Origin`

    def respond(  # noqa: D102
        self, flow: Flow, request: Request, code: int, *headers: tuple[str, str], tag: str = "", body: bytes = b""
    ) -> None:
        self._answers.send(flow, request, code, *headers, tag=tag or self.new("t"), body=body)

    def contact(self, flow: Flow) -> str:  # noqa: D102
        parameter = "" if flow.transport == "udp" else f";transport={flow.transport}"
        return f"sip:{self._connections.own(flow)}{parameter}"

    def new(self, prefix: str) -> str:  # noqa: D102
        self._id_count += 1
        return f"{prefix}{self._settings.seed:x}-{self._id_count}"

    def via(self, flow: Flow, method: str) -> tuple[str, Key]:  # noqa: D102
        branch = f"{COOKIE}{self.new('b')}"
        return f"SIP/2.0/{flow.transport.upper()} {self._connections.own(flow)};rport;branch={branch}", (branch, method)

    def route(self, flow: str, next_hop: Uri) -> Flow | str:  # noqa: D102
        if self._down:
            return "server-down"
        bound = self._mitigated.outbound and "ob" in dict(next_hop.parameters)  # RFC 5626 §5.3: its flow or none
        if self._settings.notify_route == "flow" or bound:
            known = self._connections.get(flow)
        else:
            known = self._connections.find(next_hop.transport, next_hop.endpoint)
        if known is None and self._gone == "connect" and not bound:
            return self._connections.to(next_hop.transport, next_hop.endpoint)
        return known or GONE

    def is_marked(self, flow: str) -> bool:  # noqa: D102
        return flow in self._marked

    # What its pings need: see `mitigated.Host`

    def flow_in_use(self, flow: str) -> Flow:  # noqa: D102
        over = self._connections.get(flow)
        assert over is not None
        return over

    def options(self, flow: Flow) -> tuple[Request, Key]:  # noqa: D102
        whom = on_flow(flow.id, self._bindings, self._subscriptions)
        assert whom is not None  # it is in use
        return self._probes.request("OPTIONS", whom, flow)

    def give_up(self, flow: str, misses: int, how: GivingUp) -> None:  # noqa: D102
        if flow in self._marked:
            return
        self._channel.emit(
            events.ClientGivenUp(flow=flow, misses=misses, how="marked" if how.marks_only else "removed")
        )
        if how.ends_calls:
            self._probes.give_up(flow)
        if how.marks_only:
            self._marked.add(flow)
        else:
            self._bindings.give_up(flow)
            self._subscriptions.give_up(flow)
        if how.closes:
            self.flow_in_use(flow).close(GIVEN_UP)
        self._in_use()

    def alive(self, flow: str) -> None:  # noqa: D102
        if flow in self._marked:
            self._marked.remove(flow)
            self._channel.emit(events.ClientBack(flow=flow))


def _dialog(request: Request) -> DialogId | None:
    """Return the dialog of a request; None also if it cannot be read, which ``check`` reports."""
    try:
        return dialog_id(request)
    except MalformedMessage:
        return None
