"""The scripted SIP server: presence notifier and registrar that does what it is told, when it is told.

It takes every subscription and registration without authentication, and when ordered tries to reach the client and
says what became of it. Idle, it does nothing: the only timers are the ends of subscriptions and bindings,
retransmissions over UDP, the time a probe has, and the keep-alives of its mitigations.

Commands: ``start`` (``Settings``); ``notify``, ``options``, ``message`` {probe, within}, ``invite`` {probe, within,
hold}; ``stop``. A NOTIFY goes within the newest subscription, the others to the binding that was registered last, or
else to the newest subscriber. And misbehaviour, each answered by ``obeyed`` with its ``do``::

    close {}                      ends the newest subscription's flow in order; ``flow`` in ``obeyed`` names it
    go-down {keeps_state}         listens no more and drops every flow, as if killed
    come-up {}                    the end of that; then ``ready``
    answer {mode, by}             to requests and pings: at-once, late (by so many seconds), mute

Events::

    ready {ports}
    flow {id, state, transport, peer, reason}  accepted, connected, secured (TLS handshake done), closed, reset, failed
    request {method, flow, peer, call_id, cseq}, malformed {flow, reason}
    response-sent {method, code, flow}, response-lost {…, reason}
    subscription {id, state, expires, flow, contact}   active, refreshed, terminated, expired
    binding {id, state, expires, flow, contact, aor}   active, refreshed, removed, expired
    probe {probe, kind, state, code, flow, peer, reason}   see lab.actors.sip_probes
    keep-alive {kind, state, flow, code, reason}  options or crlf of a mitigation: sent, answered, failed
    crlf-ping {flow, answered}                    a double CRLF came
    held, ignored {what, flow}                    what came while answers were late or mute
    obeyed {do, …}                                to misbehave

Does not model: IPv6, DNS, forking, calls from the client, authentication, and what ``lab.sip.subscription`` leaves out.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Callable, Coroutine, Sequence
from functools import partial
from typing import Any, NamedTuple

from lab.actors.channel import Channel, Lines
from lab.actors.sip_flows import Address, Flow, StreamFlow, Tls, UdpFlow, read_datagram, send_datagram, why
from lab.actors.sip_keepalives import KeepAlives
from lab.actors.sip_probes import Probes, Report
from lab.actors.sip_requests import Exchange, Exchanges
from lab.errors import LabFault
from lab.mitigations import classes
from lab.mitigations.base import ServerSide
from lab.model import wire
from lab.sip.call import TIMER
from lab.sip.dialog import DialogId, dialog_id
from lab.sip.fields import Uri, parse_cseq
from lab.sip.message import Headers, MalformedMessage, Request, Response
from lab.sip.registrar import OUTBOUND, Binding, Registrar, address_of_record, contacts
from lab.sip.registrar import Key as BindingKey
from lab.sip.stream import Item, KeepAlive
from lab.sip.subscription import PACKAGE, Notifier, Subscription
from lab.sip.transaction import COOKIE, TIMER_F, TIMER_J, Key, server_key, top_via
from lab.sip.uas import ALLOWED, ALLOWED_IN_CALL, Refused, check, respond

_ENDS_SUBSCRIPTION = frozenset((404, 405, 410, 416, *range(480, 486), 489, 501, 604))  # RFC 6665 §4.2.2


class Settings(NamedTuple):
    """The ``start`` command.

    Attributes:
        address: where to listen, IPv4.
        ports: by transport (``udp``, ``tcp``, ``tls``); 0: the kernel chooses; a transport not named is not offered.
        certificate, key: PEM files; key None: it is in the certificate's file. Needed for ``tls``.
        keylog: file for TLS secrets (NSS key log format), None: none.
        subscription_expires, registration_expires: seconds granted at most; SIP has whole seconds only, at least 1.
        notify_route: ``flow`` or ``contact``.
        answers_crlf: a double CRLF gets a single one (RFC 5626 §3.5.1).
        seed: goes into tags, branches and Call-IDs, which are counted, not drawn.
        mitigations: of the server's side, as ``lab.model.wire.to_json`` gives them.
    """

    address: str
    ports: dict[str, int]
    subscription_expires: float
    registration_expires: float
    notify_route: str
    answers_crlf: bool
    seed: int
    certificate: str | None = None
    key: str | None = None
    keylog: str | None = None
    mitigations: Sequence[dict[str, Any]] = ()

    @classmethod
    def read(cls, command: dict[str, Any]) -> Settings:
        """Read the command.

        Raises:
            LabFault: it does not have these fields, or one has a value that makes no sense.
        """
        try:
            settings = cls(**{name: value for name, value in command.items() if name != "do"})
        except TypeError as error:
            raise LabFault("starting the SIP server", detail=str(error)) from error
        if settings.notify_route not in ("flow", "contact"):
            raise LabFault("starting the SIP server", detail=f"notify_route {settings.notify_route!r}")
        for seconds in (settings.subscription_expires, settings.registration_expires):
            if seconds < 1 or seconds != int(seconds):
                raise LabFault("starting the SIP server", detail=f"expires {seconds!r}, not a whole number of seconds")
        return settings


class Answers(NamedTuple):
    """How requests and pings are answered.

    Attributes:
        mode: ``at-once``, ``late``, ``mute``.
        by: seconds, of ``late``.
    """

    mode: str
    by: float


class _Answer(NamedTuple):
    """A response as it was sent over UDP."""

    at: float
    code: int
    data: bytes
    to: Address


class _Whom(NamedTuple):
    """Where a request outside any dialog goes."""

    contact: str
    flow: str
    aor: str


class SipServer:
    """The server, from ``start`` on. Runs in an event loop; all methods are called from it."""

    def __init__(self, settings: Settings, channel: Channel, loop: asyncio.AbstractEventLoop) -> None:
        self._settings = settings
        self._channel = channel
        self._loop = loop
        self.address = settings.address
        self.exchanges = Exchanges(loop)
        self._probes = Probes(self, channel, loop)
        self._keepalives = KeepAlives(loop)
        self._subscription_expires = settings.subscription_expires
        self._outbound = False
        self._flow_timer: float | None = None
        plugins = {cls.__name__: cls for cls in classes().values()} if settings.mitigations else {}
        for data in settings.mitigations:
            mitigation = wire.from_json(plugins[data["kind"]], data)
            if not isinstance(mitigation, ServerSide):
                raise LabFault("starting the SIP server", detail=f"{data['kind']} is the client's")
            mitigation.attach(self)
        self._notifier = Notifier(self._subscription_expires)
        self._registrar = Registrar(settings.registration_expires, outbound=self._outbound)
        self._ports: dict[str, int] = {}
        self._contexts: dict[bool, ssl.SSLContext] = {}  # by server side
        self._listeners: list[asyncio.Server] = []
        self._udp: socket.socket | None = None
        self._flows: dict[str, Flow] = {}
        self._flow_count = 0
        self._id_count = 0
        self._answered: dict[Key, _Answer] = {}  # over UDP, by request, oldest first
        self._subscription_ends: dict[DialogId, asyncio.TimerHandle] = {}
        self._binding_ends: dict[BindingKey, asyncio.TimerHandle] = {}
        self._connecting: set[asyncio.Task[None]] = set()
        self._down = False
        self._answers = Answers("at-once", 0.0)

    # What mitigations see: see `Server`

    def limit_subscriptions(self, expires: float) -> None:  # noqa: D102
        self._subscription_expires = min(self._subscription_expires, expires)

    def support_outbound(self, *, flow_timer: float | None = None) -> None:  # noqa: D102
        self._outbound = True
        self._flow_timer = self._flow_timer if flow_timer is None else flow_timer

    def keep_alive(self, interval: float, send: Callable[[str], None]) -> None:  # noqa: D102
        self._keepalives.add(interval, send)

    def send_options(self, flow: str) -> None:  # noqa: D102
        whom, over = self._whom(flow), self._flows[flow]
        assert whom is not None  # it is in use
        request, key = self._probes.request("OPTIONS", whom, over)
        self.exchanges.begin(Exchange(request, key, _OptionsSent(self._emit_keep_alive)), over, TIMER_F)

    def send_crlf(self, flow: str) -> None:  # noqa: D102
        over = self._flows[flow]
        try:
            over.send(KeepAlive.PING.value)
        except OSError as error:
            self._emit_keep_alive("crlf", "failed", over, reason=why(error))
        else:
            self._emit_keep_alive("crlf", "sent", over)

    def _emit_keep_alive(self, kind: str, state: str, flow: Flow, *, code: int | None = None, reason: str = "") -> None:
        self._channel.emit("keep-alive", kind=kind, state=state, flow=flow.id, code=code, reason=reason)

    def _in_use(self) -> None:
        """Tell the keep-alives which flows are in use."""
        subscribed = {one.flow for one in self._notifier.live(now=self._loop.time())}
        registered = {one.flow for one in self._registrar.all()}
        self._keepalives.in_use((subscribed | registered) & self._flows.keys())

    def _whom(self, flow: str | None = None) -> _Whom | None:
        """The binding that was registered last, or else the newest subscriber; only those of a flow if it is given."""
        for binding in reversed(self._registrar.all()):
            if flow in (None, binding.flow):
                return _Whom(binding.contact, binding.flow, binding.aor)
        for one in reversed(self._notifier.live(now=self._loop.time())):
            if flow in (None, one.flow):
                return _Whom(one.dialog.remote_target, one.flow, one.dialog.remote.uri)
        return None

    # Listening

    async def listen(self) -> None:
        """Open the sockets and say ``ready``.

        Raises:
            OSError: an address cannot be bound, or a file cannot be read.
        """
        address, ports = self._settings.address, self._settings.ports
        if "udp" in ports:
            self._udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            self._udp.setblocking(False)  # noqa: FBT003 - the stdlib's signature
            self._udp.bind((address, ports["udp"]))
            self._ports["udp"] = self._udp.getsockname()[1]
            self._loop.add_reader(self._udp, self._datagram, self._udp)
        if "tcp" in ports:
            await self._listen("tcp", lambda: StreamFlow(self, "tcp"))
        if "tls" in ports:
            self._contexts = {True: self._server_context(), False: _client_context()}
            await self._listen("tls", lambda: StreamFlow(self, "tls", tls=Tls(self._contexts[True], server_side=True)))
        self._channel.emit("ready", ports=self._ports)

    async def _listen(self, transport: str, make: Callable[[], StreamFlow]) -> None:
        # asyncio sets TCP_NODELAY on every connection and SO_REUSEADDR on the listener
        server = await self._loop.create_server(make, self._settings.address, self._settings.ports[transport])
        self._listeners.append(server)
        self._ports[transport] = server.sockets[0].getsockname()[1]

    def _server_context(self) -> ssl.SSLContext:
        settings = self._settings
        if settings.certificate is None:
            raise LabFault("starting the SIP server", detail="tls needs a certificate")
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.options |= ssl.OP_NO_TICKET  # every connection does the same handshake, on any run
        context.num_tickets = 0
        context.load_cert_chain(settings.certificate, settings.key)
        if settings.keylog is not None:
            context.keylog_filename = settings.keylog
        return context

    def close(self) -> None:
        """End everything in order."""
        for listener in self._listeners:
            listener.close()
        for task in self._connecting:
            task.cancel()
        for flow in list(self._flows.values()):
            flow.close()
        if self._udp is not None:
            self._loop.remove_reader(self._udp)
            self._udp.close()

    # Misbehaviour

    def close_newest(self) -> None:
        """End the flow of the newest subscription in order, if there is one."""
        subscription = self._notifier.newest(now=self._loop.time())
        flow = self._flows.get(subscription.flow) if subscription is not None else None
        if flow is not None:
            flow.close()
        self._channel.emit("obeyed", do="close", flow=None if flow is None else flow.id)

    def answer(self, answers: Answers) -> None:
        """Answer like this from now on; what is held already keeps its time."""
        self._answers = answers
        self._channel.emit("obeyed", do="answer", mode=answers.mode, by=answers.by)

    def go_down(self, *, keeps_state: bool) -> None:
        """Do what the kernel does when it kills a server; forget what was known, unless it is kept elsewhere."""
        self._down = True
        for listener in self._listeners:
            listener.close()
        self._listeners.clear()
        for flow in list(self._flows.values()):
            if isinstance(flow, UdpFlow):
                self.flow_ended(flow, "closed", "server gone")
            else:
                flow.abandon()
        if self._udp is not None:
            self._loop.remove_reader(self._udp)
            self._udp.close()
            self._udp = None
        if not keeps_state:
            for timer in (*self._subscription_ends.values(), *self._binding_ends.values()):
                timer.cancel()
            self._subscription_ends.clear()
            self._binding_ends.clear()
            self._answered.clear()
            self._notifier = Notifier(self._subscription_expires)
            self._registrar = Registrar(self._settings.registration_expires, outbound=self._outbound)
        self._in_use()
        self._channel.emit("obeyed", do="go-down")

    async def come_up(self) -> None:
        """Listen again.

        Raises:
            OSError: an address cannot be bound.
        """
        self._down = False
        self._channel.emit("obeyed", do="come-up")
        await self.listen()

    # Flows

    def _datagram(self, sock: socket.socket) -> None:
        item, peer = read_datagram(sock)
        if item is not None:
            self.flow_received(self._udp_flow(sock, peer, outgoing=False), item)

    def _udp_flow(self, sock: socket.socket, peer: Address, *, outgoing: bool) -> Flow:
        flow = self._find_flow("udp", peer)
        if flow is None:
            flow = UdpFlow(sock, peer, outgoing=outgoing)
            self.flow_opened(flow)
        return flow

    def _find_flow(self, transport: str, peer: Address) -> Flow | None:
        same = [one for one in self._flows.values() if one.ready and (one.transport, one.peer) == (transport, peer)]
        return same[-1] if same else None

    def flow_opened(self, flow: Flow) -> None:
        """Owner: give it an id and say so."""
        self._flow_count += 1
        flow.id = f"f{self._flow_count}"
        self._flows[flow.id] = flow
        self._emit_flow(flow, "connected" if flow.outgoing else "accepted", "")

    def flow_ready(self, flow: Flow) -> None:
        """Owner: send what has waited for it."""
        if flow.transport == "tls":
            self._emit_flow(flow, "secured", "")
        self.exchanges.flow_ready(flow)

    def flow_ended(self, flow: Flow, state: str, reason: str) -> None:
        """Owner: forget it; what was under way on it has failed."""
        self._flows.pop(flow.id, None)
        self._emit_flow(flow, state, reason)
        self.exchanges.flow_ended(flow, "flow-gone" if state == "closed" else reason)
        self._in_use()

    def _emit_flow(self, flow: Flow, state: str, reason: str) -> None:
        self._channel.emit(
            "flow", id=flow.id, state=state, transport=flow.transport, peer=_text(flow.peer), reason=reason
        )

    def flow_received(self, flow: Flow, item: Item) -> None:
        """Owner: act on a message, a ping, or what was neither, now or later."""
        if self._answers.mode == "at-once" or isinstance(item, Response):
            self._act_on(flow, item)
            return
        what = item.method if isinstance(item, Request) else "crlf-ping" if isinstance(item, KeepAlive) else "malformed"
        if self._answers.mode == "mute":
            self._channel.emit("ignored", what=what, flow=flow.id)
            return
        self._channel.emit("held", what=what, flow=flow.id)
        self._loop.call_later(self._answers.by, self._act_late, flow, item)

    def _act_late(self, flow: Flow, item: Item) -> None:
        if flow.id in self._flows:
            self._act_on(flow, item)

    def _act_on(self, flow: Flow, item: Item) -> None:
        if isinstance(item, KeepAlive):
            if self._settings.answers_crlf:
                flow.send(b"\r\n")
            self._channel.emit("crlf-ping", flow=flow.id, answered=self._settings.answers_crlf)
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
            self._channel.emit("malformed", flow=flow.id, reason=error.reason)
            if request is not None and request.method != "ACK" and request.first("Via"):
                self._answer(flow, request, error.code)
            if item is error and error.skip is None:
                flow.close()

    # Requests of the peer

    def _request(self, flow: Flow, request: Request) -> None:
        if flow.transport == "udp" and (stored := self._answered.get(server_key(request))) is not None:
            self._send_answer(flow, request.method, stored)
            return
        call = self._probes.call(_dialog(request))
        try:
            if call is None:
                check(request, extensions=frozenset((OUTBOUND,) if self._outbound else ()))
            else:
                check(request, methods=ALLOWED_IN_CALL, extensions=frozenset((TIMER,)))
        except Refused as refusal:
            self._emit_request(flow, request)
            if request.method != "ACK":
                self._answer(flow, request, refusal.code, *refusal.headers)
            return
        self._emit_request(flow, request)
        try:
            if call is not None:
                call.request(flow, request)
            elif request.method == "SUBSCRIBE":
                self._subscribe(flow, request)
            elif request.method == "REGISTER":
                self._register(flow, request)
            else:
                allow = (("Allow", ", ".join(ALLOWED)), ("Allow-Events", PACKAGE))
                self._answer(flow, request, 200, *allow, ("Contact", f"<{self.contact(flow.transport)}>"))
        except Refused as refusal:
            self._answer(flow, request, refusal.code, *refusal.headers)

    def _emit_request(self, flow: Flow, request: Request) -> None:
        try:
            cseq = parse_cseq(request.first("CSeq") or "")[0]
        except MalformedMessage:  # refused before anybody looked at it
            cseq = None
        self._channel.emit(
            "request",
            method=request.method,
            flow=flow.id,
            peer=_text(flow.peer),
            call_id=request.first("Call-ID"),
            cseq=cseq,
        )

    def respond(self, flow: Flow, request: Request, code: int, *headers: tuple[str, str], body: bytes = b"") -> None:
        """Answer a request of the peer."""
        self._answer(flow, request, code, *headers, body=body)

    def _answer(
        self, flow: Flow, request: Request, code: int, *headers: tuple[str, str], tag: str = "", body: bytes = b""
    ) -> None:
        response = respond(request, code, *headers, peer=flow.peer, tag=tag or self.new("t"), body=body)
        answer = _Answer(self._loop.time(), code, response.encode(), flow.peer)
        if flow.transport == "udp":
            try:
                answer = answer._replace(to=top_via(response).response_endpoint)
                self._remember(server_key(request), answer)
            except MalformedMessage:  # no readable Via: back to where it came from
                pass
        self._send_answer(flow, request.method, answer)

    def _remember(self, key: Key, answer: _Answer) -> None:
        while self._answered and (oldest := next(iter(self._answered))) is not None:
            if self._answered[oldest].at + TIMER_J > answer.at:
                break
            del self._answered[oldest]
        self._answered[key] = answer

    def _send_answer(self, flow: Flow, method: str, answer: _Answer) -> None:
        reason = ""
        if flow.transport == "udp" and self._udp is not None:
            try:
                send_datagram(self._udp, answer.data, answer.to)
            except OSError as error:
                reason = why(error)
        else:
            flow.send(answer.data)
        said: dict[str, Any] = {"method": method, "code": answer.code, "flow": flow.id}
        if reason:
            self._channel.emit("response-lost", **said, reason=reason)
        else:
            self._channel.emit("response-sent", **said)

    def contact(self, transport: str) -> str:
        """The server's own URI."""
        parameter = "" if transport == "udp" else f";transport={transport}"
        return f"sip:{self._settings.address}:{self._ports[transport]}{parameter}"

    def new(self, prefix: str) -> str:
        """A new tag, branch or Call-ID."""
        self._id_count += 1
        return f"{prefix}{self._settings.seed:x}-{self._id_count}"

    # Subscriptions

    def _subscribe(self, flow: Flow, request: Request) -> None:
        now, tag = self._loop.time(), self.new("t")
        subscription, state = self._notifier.subscribe(request, now=now, flow=flow.id, tag=tag)
        granted = round(subscription.expires_at - now)
        contact = self.contact(flow.transport)
        self._answer(flow, request, 200, ("Contact", f"<{contact}>"), ("Expires", str(granted)), tag=tag)
        self._emit_subscription(subscription, state, granted)
        key = subscription.dialog.id
        if (timer := self._subscription_ends.pop(key, None)) is not None:
            timer.cancel()
        if granted:
            self._subscription_ends[key] = self._loop.call_at(subscription.expires_at, self._subscription_over, key)
        self._in_use()
        self._notify(subscription, now)

    def _subscription_over(self, key: DialogId) -> None:
        now = self._loop.time()
        subscription = self._notifier.expire(key, now=max(now, self._subscription_ends.pop(key).when()))
        if subscription is not None:
            self._emit_subscription(subscription, "expired", 0)
            self._in_use()
            self._notify(subscription, max(now, subscription.expires_at))

    def _emit_subscription(self, subscription: Subscription, state: str, expires: int) -> None:
        self._channel.emit(
            "subscription",
            id=subscription.id,
            state=state,
            expires=expires,
            flow=subscription.flow,
            contact=subscription.dialog.remote_target,
        )

    # Bindings

    def _register(self, flow: Flow, request: Request) -> None:
        now = self._loop.time()
        changes = self._registrar.register(request, now=now, flow=flow.id)
        current = self._registrar.bindings(address_of_record(request))
        self._answer(flow, request, 200, *contacts(current, now=now), *self._about_outbound(changes))
        for binding, state in changes:
            if (timer := self._binding_ends.pop(binding.key, None)) is not None:
                timer.cancel()
            if state != "removed":
                end = self._loop.call_at(binding.expires_at, self._binding_over, binding.key)
                self._binding_ends[binding.key] = end
            self._emit_binding(binding, state, 0 if state == "removed" else round(binding.expires_at - now))
        self._in_use()

    def _about_outbound(self, changes: list[tuple[Binding, str]]) -> Headers:
        """What RFC 5626 §6 and §5.4 add to the 200 that binds a flow."""
        if not any(binding.device is not None and state != "removed" for binding, state in changes):
            return ()
        timer = () if self._flow_timer is None else (("Flow-Timer", str(round(self._flow_timer))),)
        return (("Require", OUTBOUND), *timer)

    def _binding_over(self, key: BindingKey) -> None:
        end = self._binding_ends.pop(key).when()
        if (binding := self._registrar.expire(key, now=max(self._loop.time(), end))) is not None:
            self._emit_binding(binding, "expired", 0)
            self._in_use()

    def _emit_binding(self, binding: Binding, state: str, expires: int) -> None:
        self._channel.emit(
            "binding",
            id=binding.id,
            state=state,
            expires=expires,
            flow=binding.flow,
            contact=binding.contact,
            aor=binding.aor,
        )

    # Requests of ours

    def notify(self, probe: str, within: float) -> None:
        """Send a NOTIFY with ``probe`` as its note in the newest subscription, and say what becomes of it."""
        now = self._loop.time()
        subscription = self._notifier.newest(now=now)
        if subscription is None:
            Report(self._channel, probe, "notify").say("failed", None, reason="no-subscription")
        else:
            self._notify(subscription, now, probe=probe, within=within)

    def probe(self, kind: str, probe: str, within: float, hold: float | None = None) -> None:
        """Send OPTIONS or MESSAGE outside any dialog, or make a call and hold it; say what becomes of it."""
        self._probes.send(kind, probe, self._whom(), within=within, hold=hold)

    def _notify(
        self, subscription: Subscription, now: float, *, probe: str | None = None, within: float | None = None
    ) -> None:
        report = None if probe is None else Report(self._channel, probe, "notify")
        flow = self.route(subscription.flow, subscription.dialog.next_hop)
        if isinstance(flow, str):
            if report is not None:
                report.say("failed", None, reason=flow, lost=subscription.flow)
            return
        via, key = self.via(flow.transport, "NOTIFY")
        subscription, request = subscription.notify(
            now=now, note=probe or "", via=via, contact=self.contact(flow.transport)
        )
        self._notifier.keep(subscription)
        asker = _NotifySent(report, partial(self._refused, subscription.dialog.id))
        self.exchanges.begin(Exchange(request, key, asker), flow, within)

    def _refused(self, key: DialogId) -> None:
        """The client knows of no such subscription."""
        subscription = self._notifier.remove(key)
        if subscription is not None:
            self._subscription_ends.pop(key).cancel()
            self._emit_subscription(subscription, "terminated", 0)
            self._in_use()

    def via(self, transport: str, method: str) -> tuple[str, Key]:
        """A Via value with a new branch, and what answers to it carry."""
        branch = f"{COOKIE}{self.new('b')}"
        sent_by = f"{self._settings.address}:{self._ports[transport]}"
        return f"SIP/2.0/{transport.upper()} {sent_by};rport;branch={branch}", (branch, method)

    def route(self, flow: str, next_hop: Uri) -> Flow | str:
        """The flow a request takes, perhaps not ready yet, or why there is none."""
        if self._down:
            return "server-down"
        bound = self._outbound and "ob" in dict(next_hop.parameters)  # RFC 5626 §5.3: its flow or none
        if self._settings.notify_route == "flow" or bound:
            return self._flows.get(flow, "flow-gone")
        transport, peer = next_hop.transport, next_hop.endpoint
        if (known := self._find_flow(transport, peer)) is not None:
            return known
        if transport not in self._ports:
            return f"no {transport} here"
        try:
            socket.inet_aton(peer[0])
        except OSError:
            return "contact is not an address"
        if transport == "udp":
            assert self._udp is not None
            return self._udp_flow(self._udp, peer, outgoing=True)
        tls = Tls(self._contexts[False], server_side=False) if transport == "tls" else None
        stream = StreamFlow(self, transport, peer=peer, tls=tls)
        task = self._loop.create_task(self._connect(stream))
        self._connecting.add(task)
        task.add_done_callback(self._connecting.discard)
        return stream

    async def _connect(self, flow: StreamFlow) -> None:
        try:
            await asyncio.wait_for(self._loop.create_connection(lambda: flow, *flow.peer), TIMER_F)
        except (OSError, asyncio.TimeoutError) as error:
            reason = why(error) or "timeout"
            self._channel.emit(
                "flow", id="", state="failed", transport=flow.transport, peer=_text(flow.peer), reason=reason
            )
            self.exchanges.flow_ended(flow, reason)


class _NotifySent:
    """What becomes of a NOTIFY: it may be a probe, and may end the subscription."""

    def __init__(self, report: Report | None, on_refused: Callable[[], None]) -> None:
        self._report = report
        self._on_refused = on_refused

    def sent(self, flow: Flow) -> None:
        if self._report is not None:
            self._report.say("sent", flow)

    def answered(self, flow: Flow, response: Response, *, in_time: bool) -> None:
        if self._report is not None and in_time:
            self._report.say("answered", flow, code=response.code)
        if response.code in _ENDS_SUBSCRIPTION:
            self._on_refused()

    def failed(self, flow: Flow | None, reason: str) -> None:
        if self._report is not None:
            self._report.say("failed", flow, reason=reason)


class _OptionsSent:
    """What becomes of a mitigation's OPTIONS."""

    def __init__(self, say: Callable[..., None]) -> None:
        self._say = say

    def sent(self, flow: Flow) -> None:
        self._say("options", "sent", flow)

    def answered(self, flow: Flow, response: Response, *, in_time: bool) -> None:
        if in_time:
            self._say("options", "answered", flow, code=response.code)

    def failed(self, flow: Flow | None, reason: str) -> None:
        if flow is not None:
            self._say("options", "failed", flow, reason=reason)


def _dialog(request: Request) -> DialogId | None:
    """The dialog a request is sent within; None also where that cannot be read, which ``check`` then says."""
    try:
        return dialog_id(request)
    except MalformedMessage:
        return None


def _text(peer: Address) -> str:
    return f"{peer[0]}:{peer[1]}"


def _client_context() -> ssl.SSLContext:
    """For connections to a phone's own listener, which has no certificate anybody could check."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


class _Actor:
    """The process: commands in, the server's life."""

    def __init__(self, sock: socket.socket, loop: asyncio.AbstractEventLoop) -> None:
        self._sock = sock
        self._loop = loop
        self._lines = Lines()
        self._server: SipServer | None = None
        self._over: asyncio.Future[bool] = loop.create_future()  # True: in order
        self._starting: asyncio.Task[None] | None = None

    async def run(self) -> None:
        """Serve until told to stop, or the runner is gone.

        Raises:
            Exception: whatever went wrong in a callback; a defect of the server must not pass as a silent client.
        """
        self._loop.set_exception_handler(self._defect)
        self._loop.add_reader(self._sock, self._readable)
        if await self._over and self._server is not None:
            self._server.close()
            await asyncio.sleep(0)  # transports close their sockets in the next turn of the loop

    def _defect(self, _: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        if not self._over.done():
            error = context.get("exception")
            self._over.set_exception(error or LabFault("serving SIP", detail=str(context.get("message"))))

    def _readable(self) -> None:
        try:
            data = self._sock.recv(65536)
        except ConnectionResetError:
            data = b""
        if not data:
            self._end(in_order=False)
            return
        for command in self._lines.feed(data):
            self._do(command)

    def _end(self, *, in_order: bool) -> None:
        self._loop.remove_reader(self._sock)
        if not self._over.done():
            self._over.set_result(in_order)

    def _do(self, command: dict[str, Any]) -> None:
        match command, self._server:
            case {"do": "start"}, None:
                self._server = SipServer(Settings.read(command), Channel(self._sock), self._loop)
                self._begin(self._server.listen())
            case {"do": "notify", "probe": str(probe), "within": within}, SipServer() as server:
                server.notify(probe, within)
            case {"do": "options" | "message" as kind, "probe": str(probe), "within": within}, SipServer() as server:
                server.probe(kind, probe, within)
            case {"do": "invite", "probe": str(probe), "within": within, "hold": hold}, SipServer() as server:
                server.probe("invite", probe, within, hold)
            case {"do": "close"}, SipServer() as server:
                server.close_newest()
            case {"do": "answer", "mode": "at-once" | "late" | "mute" as mode, "by": by}, SipServer() as server:
                server.answer(Answers(mode, by or 0.0))
            case {"do": "go-down", "keeps_state": bool(keeps_state)}, SipServer() as server:
                server.go_down(keeps_state=keeps_state)
            case {"do": "come-up"}, SipServer() as server:
                self._begin(server.come_up())
            case {"do": "stop"}, _:
                self._end(in_order=True)
            case _:
                raise LabFault("commanding the SIP server", detail=repr(command))

    def _begin(self, listening: Coroutine[Any, Any, None]) -> None:
        self._starting = self._loop.create_task(listening)
        self._starting.add_done_callback(self._started)

    def _started(self, task: asyncio.Task[None]) -> None:
        if not task.cancelled() and (error := task.exception()) is not None and not self._over.done():
            self._over.set_exception(error)


def main(sock: socket.socket) -> None:
    """Be the server: read commands from ``sock``, write events to it. Returns after ``stop`` or end of file.

    Raises:
        LabFault: a command makes no sense.
        OSError: an address cannot be bound, or a file cannot be read.
    """

    async def run() -> None:
        await _Actor(sock, asyncio.get_running_loop()).run()

    asyncio.run(run())
