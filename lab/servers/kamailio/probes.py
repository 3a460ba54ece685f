"""How Kamailio is made to reach the client, and what its log says becomes of it.

NOTIFY comes from its presence module, made to by a PUBLISH that ``tm`` sends to Kamailio itself; OPTIONS, MESSAGE and
the requests of a silent call come from ``tm`` (``tm.t_uac_start``). What is said of each is as in
``lab.servers.scripted.probes``.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Coroutine
from math import inf
from typing import Any, Literal, Protocol

from lab.actors.channel import Channel
from lab.model.endpoint import Endpoint
from lab.record.events import KeepAlive, KeepAliveState, ProbeState
from lab.servers.kamailio.clients import Clients, Known
from lab.servers.kamailio.flows import Flow, Flows
from lab.servers.kamailio.forking import Fork
from lab.servers.kamailio.log import Told
from lab.servers.kamailio.rpc import Rpc
from lab.servers.probe_report import FROZEN, SENT_LATE_S, ProbeReport
from lab.sip.call import RING, SDP, TIMER, silent_sdp
from lab.sip.fields import NameAddr, Uri
from lab.sip.message import MalformedMessage
from lab.sip.pidf import CONTENT_TYPE, pidf
from lab.sip.status import FAILED_FROM, is_success
from lab.sip.subscription import PACKAGE

NO_VALUE = "."
"""What ``tm.t_uac_start`` takes for a parameter that is not given."""

STALE_ETAG = 412  # RFC 3903 §11.2.1
RINGING = 180


class Origin(Protocol):
    """What probes need of the server."""

    address: str
    by_flow: bool
    bindings_only: bool
    connects: bool
    wait: float
    channel: Channel
    clients: Clients
    flows: Flows
    rpc: Rpc

    def own(self, transport: str, flow: str = "") -> str:
        """The server's own URI; on a flow, as that has it."""

    def socket(self, transport: str, flow: str = "") -> str:
        """From where a request leaves: with UDP it is the flow's own end; a connection knows its own."""

    def new(self, prefix: str) -> str:
        """A new Call-ID."""

    def do(self, work: Coroutine[Any, Any, None]) -> None:
        """Do it in the background; its failure is the server's."""


class Sent:
    """One request that Kamailio has been told to send, from then to its fate.

    Args:
        origin: the server.
        call_id: of the request.
        method: of the request.
        target: whom it is for.
        within: seconds until it counts as unanswered.
        on_sent, on_answered, on_failed: called with the flow (None: unknown), the moment, and the reply or the reason.
    """

    def __init__(
        self,
        origin: Origin,
        call_id: str,
        method: str,
        target: Known,
        within: float,
        *,
        on_sent: Callable[[Flow | None, float], None],
        on_answered: Callable[[Flow, Told, float], None],
        on_failed: Callable[[Flow | None, str, str | None], None],
    ) -> None:
        self.call_id = call_id
        self.method = method
        self.target = target
        self.cseq: int | None = None  # not sent yet
        self._origin = origin
        self.flow: Flow | None = None
        self._on_sent = on_sent
        self._on_answered = on_answered
        self._on_failed = on_failed
        self._over = False
        self._began = asyncio.get_running_loop().time()
        self._timer = asyncio.get_running_loop().call_later(within, self.fail, "timeout")

    def sending(self, cseq: int, uri: str, *, at: float) -> None:
        """Kamailio is about to send it."""
        self.cseq = cseq
        self.flow = self._way(uri)
        if at > self._began + SENT_LATE_S:
            self.fail(FROZEN)
            return
        if self.flow is None and not self._origin.connects and self.target.transport != "udp":
            self._timer.cancel()
            self._on_failed(None, "flow-gone", self.target.flow)
        else:
            self._on_sent(self.flow, at)

    def answered(self, flow: Flow, reply: Told, *, at: float) -> bool:
        """Take a final answer; False if it was read too late, as the server stood still: then it has failed."""
        if at > self._timer.when() and not self._over:
            self.fail("timeout")
            return False
        self._timer.cancel()
        self._on_answered(flow, reply, at)
        return True

    def fail(self, reason: str) -> None:
        """It will not be answered, or too late."""
        self._timer.cancel()
        self._over = True
        self._on_failed(self.flow, reason, None)

    def _way(self, uri: str) -> Flow | None:
        """The flow that a request to this URI takes; by flow, it is the one of the target."""
        if self._origin.by_flow:
            return self._origin.flows.get(self.target.flow)
        try:
            hop = Uri.parse(uri)
        except MalformedMessage:
            return None
        return self._origin.flows.find(hop.transport, Endpoint.of(hop.endpoint))


class Probes:
    """Requests that are under way, and the published state that makes Kamailio send NOTIFYs."""

    def __init__(self, origin: Origin) -> None:
        self._origin = origin
        self._under_way: list[Sent] = []
        self._calls: dict[str, Call] = {}
        self._notes: dict[str, Sent] = {}  # by note
        self._forks: dict[str, Fork] = {}  # by Call-ID
        self._publishing: dict[str, asyncio.Future[Told]] = {}  # by Call-ID
        self._etags: dict[str, str] = {}  # by whose state it is

    # What is asked for

    def notify(self, probe: str, within: float) -> None:
        """Have a NOTIFY with ``probe`` as its note sent in the newest subscription."""
        report = ProbeReport(self._origin.channel, probe, "notify")
        subscription = self._origin.clients.newest_subscription()
        if subscription is None:
            report.say("failed", None, reason="no-subscription")
            return
        sent = self._reporting(report, subscription.key, "NOTIFY", subscription, within)
        self._notes[probe] = sent
        self._origin.do(self._publish(subscription.aor, probe))

    def single(self, kind: Literal["options", "message"], probe: str, within: float) -> None:
        """Have OPTIONS or MESSAGE sent to all bindings, or else to the newest subscriber."""
        report = ProbeReport(self._origin.channel, probe, kind)
        aor = self._address()
        if aor is not None:
            call_id = self._origin.new("c")
            text, body = ("Content-Type: text/plain\r\n", probe) if kind == "message" else ("", "")
            self.fork(Fork(self._origin, report, call_id, kind.upper(), aor, patience=within, on_accepted=None))
            self._start_fork(kind.upper(), aor, call_id, text, body)
            return
        target = self._target()
        if isinstance(target, str):
            report.say("failed", None, reason=target)
            return
        call_id = self._origin.new("c")
        text, body = ("Content-Type: text/plain\r\n", probe) if kind == "message" else ("", "")
        self._reporting(report, call_id, kind.upper(), target, within)
        self._start(kind.upper(), target, call_id, headers=text, body=body)

    def invite(self, probe: str, within: float, hold: float, ring: float) -> None:
        """Have a call made, which rings first, held and ended."""
        report = ProbeReport(self._origin.channel, probe, "invite")
        aor, target = self._address(), self._target()
        if isinstance(target, str) and aor is not None:  # it waits
            target = self._origin.clients.last_registered() or target
        if isinstance(target, str):
            report.say("failed", None, reason=target)
            return
        call = Call(self, self._origin, report, target, within=within, hold=hold, ring=ring)
        self._calls[call.call_id] = call
        if aor is None:
            call.begin()
        else:
            patience = ring + within
            accepted = call.accepted
            self.fork(Fork(self._origin, report, call.call_id, "INVITE", aor, patience=patience, on_accepted=accepted))
            self._start_fork("INVITE", aor, call.call_id, call.headers, silent_sdp(self._origin.address).decode())

    def _target(self) -> Known | str:
        """Return the contact that registered last, else the newest subscriber if that will do; or why there is none."""
        clients = self._origin.clients
        bound = clients.newest_binding(time.monotonic())
        if self._origin.bindings_only:
            return bound or "no-binding"
        return bound or clients.newest_subscription() or "no-subscription"

    def options(self, flow: Flow, within: float) -> None:
        """Have a keep-alive sent on a flow; ``keep-alive`` says what becomes of it."""
        target = self._origin.clients.of_flow(flow.id)
        assert target is not None  # it is in use

        def say(
            state: KeepAliveState, flow: Flow | None, *, code: int | None = None, reason: str = "", at: float | None
        ) -> None:
            if flow is not None:
                event = KeepAlive(kind="options", state=state, flow=flow.id, code=code, reason=reason)
                self._origin.channel.emit(event, at=at)

        call_id = self._origin.new("c")
        self.expect(
            Sent(
                self._origin, call_id, "OPTIONS", target, within,
                on_sent=lambda flow, at: say("sent", flow, at=at),
                on_answered=lambda flow, reply, at: say("answered", flow, code=reply.number("code"), at=at),
                on_failed=lambda flow, reason, _: say("failed", flow, reason=reason, at=None),
            )
        )  # fmt: skip
        self._start("OPTIONS", target, call_id)

    def expect(self, sent: Sent) -> None:
        """Look for a request in the log, and for what becomes of it."""
        self._under_way.append(sent)

    def fork(self, fork: Fork) -> None:
        """Look for the branches of a request in the log, and for what becomes of them."""
        self._forks[fork.call_id] = fork

    def stored(self, told: Told) -> None:
        """Kamailio keeps a request for contacts that come."""
        fork = self._forks.get(told.get("call_id"))
        if fork is not None:
            fork.stored = f"{told.number('branch')} {told.number('connection')}"

    def registered(self, binding: Known) -> None:
        """A contact has registered: what waits for it is sent there."""
        for fork in self._forks.values():
            if fork.registered(binding):
                self._origin.do(self._append(fork))

    async def _append(self, fork: Fork) -> None:
        """Have Kamailio add the contacts that are new to a request that it keeps."""
        itself = self._origin.address
        headers = f"From: <sip:{itself}>\r\nTo: <sip:{itself}>\r\nContent-Type: text/plain\r\n"
        way = (self._origin.own("udp"), self._origin.socket("udp"))
        body = f"{fork.stored} {'waits' if fork.suspended else 'runs'} {_bare(fork.aor)}"
        await self._call("tm.t_uac_start", "MESSAGE", f"sip:lab-append@{itself}", *way, headers, body)

    def branch(self, told: Told, *, at: float) -> None:
        """Kamailio makes a branch of a request."""
        fork = self._forks.get(told.get("call_id"))
        if fork is not None:
            fork.branch(told, at=at)

    def _address(self) -> str | None:
        """The address whose contacts a request goes to, or waits for; None: it goes to a subscriber, or nobody."""
        known = self._origin.clients
        last = known.last_registered() if self._origin.wait else None
        return known.address(time.monotonic()) or (None if last is None else last.aor)

    def _start_fork(self, method: str, aor: str, call_id: str, headers: str, body: str) -> None:
        own = self._origin.own("udp")
        fixed = (
            f"From: <sip:{self._origin.address}>\r\nTo: <{_bare(aor)}>\r\nCall-ID: {call_id}\r\nContact: <{own}>\r\n"
        )
        way = (own, self._origin.socket("udp"))
        waits = "X-Lab-Wait: yes\r\n" if self._forks[call_id].begin() else ""
        arguments = [method, _bare(aor), *way, fixed + waits + headers, *([body] if body else [])]
        self._origin.do(self._call("tm.t_uac_start", *arguments))

    def start(self, method: str, uri: str, target: Known, headers: str, body: str) -> None:
        """Have ``tm`` send a request."""
        way = (_next_hop(self._origin, target), self._origin.socket(target.transport, target.flow))
        arguments = [method, uri, *way, headers, *([body] if body else [])]
        self._origin.do(self._call("tm.t_uac_start", *arguments))

    # What the log says

    def sending(self, told: Told, *, at: float) -> None:
        """Kamailio is about to send a request."""
        method, call_id = told.get("method"), told.get("call_id")
        for sent in self._under_way:
            if sent.cseq is None and (sent.method, sent.call_id) == (method, call_id):
                if method == "NOTIFY" and not self._is_for(sent, told.get("body")):
                    continue
                sent.sending(told.number("cseq"), told.get("uri"), at=at)
                break
        self._tidy()

    def reply(self, flow: Flow, told: Told, *, at: float) -> bool:
        """Take a reply of a client; False if it is a final one to an OPTIONS that the lab has not asked for."""
        method, call_id, code = told.get("method"), told.get("call_id"), told.number("code")
        fork = self._forks.get(call_id)
        if fork is not None and method in (fork.method, "CANCEL"):
            fork.reply(flow, told, at=at)
            return True
        if code < 200:
            if code == RINGING and call_id in self._calls:
                self._calls[call_id].rings(flow, at)
            return True
        for sent in self._under_way:
            if (sent.method, sent.call_id, sent.cseq) == (method, call_id, told.number("cseq")):
                self._under_way.remove(sent)
                if not sent.answered(flow, told, at=at) and call_id in self._calls:
                    self._calls[call_id].late(flow, told)
                break
        else:
            if method == "INVITE" and call_id in self._calls:
                self._calls[call_id].late(flow, told)
            return method != "OPTIONS"
        return True

    def own_reply(self, told: Told) -> None:
        """Take Kamailio's reply to a request that it has sent to itself."""
        fork = self._forks.get(told.get("call_id"))
        if fork is not None and told.get("method") == fork.method:
            fork.own_reply(told.number("code"))
            return
        future = self._publishing.pop(told.get("call_id"), None)
        if future is not None and not future.done():
            future.set_result(told)

    def request(self, flow: Flow, told: Told) -> None:
        """A request of the client has come; it may be within a call."""
        call = self._calls.get(told.get("call_id"))
        if call is not None:
            call.request(flow, told.get("method"))

    def flow_ended(self, flow: Flow) -> None:
        """Fail what was under way on a flow, but for a ringing INVITE.

        The client sends its final answer over another connection if this one is gone (RFC 3261 §18.2.2).
        """
        for sent in list(self._under_way):
            rings = sent.method == "INVITE" and sent.call_id in self._calls and self._calls[sent.call_id].has_rung
            if sent.flow == flow and not rings:
                self._under_way.remove(sent)
                sent.fail("flow-gone")
        for fork in self._forks.values():
            fork.flow_ended(flow)

    def forget(self) -> None:
        """Kamailio is gone: what was under way is lost, and so is what was published."""
        for sent in list(self._under_way):
            sent.fail("server-down")
        for fork in self._forks.values():
            fork.end("server-down")
        self._forks.clear()
        for call in list(self._calls.values()):
            call.forget()
        self._under_way.clear()
        self._calls.clear()
        self._notes.clear()
        self._etags.clear()

    # How it is done

    def call_over(self, call_id: str) -> None:
        """A call is no more."""
        self._calls.pop(call_id, None)

    def gone(self, sent: Sent) -> None:
        """Look for it no more."""
        if sent in self._under_way:
            self._under_way.remove(sent)

    def _tidy(self) -> None:
        self._notes = {note: sent for note, sent in self._notes.items() if sent in self._under_way}

    def _is_for(self, sent: Sent, body: str) -> bool:
        return any(one is sent and f"<note>{note}</note>" in body for note, one in self._notes.items())

    def _reporting(self, report: ProbeReport, call_id: str, method: str, target: Known, within: float) -> Sent:
        def failed(flow: Flow | None, reason: str, lost: str | None) -> None:
            self.gone(sent)
            report.say("failed", flow, reason=reason, lost=lost)

        sent = Sent(
            self._origin, call_id, method, target, within,
            on_sent=lambda flow, at: report.say("sent", flow, at=at),
            on_answered=lambda flow, reply, at: report.say("answered", flow, code=reply.number("code"), at=at),
            on_failed=failed,
        )  # fmt: skip
        self.expect(sent)
        return sent

    def _start(self, method: str, target: Known, call_id: str, *, headers: str = "", body: str = "") -> None:
        own = self._origin.own(target.transport, target.flow)
        fixed = (
            f"From: <sip:{self._origin.address}>\r\nTo: <{_bare(target.aor)}>\r\nCall-ID: {call_id}\r\n"
            f"Contact: <{own}>\r\n"
        )
        self.start(method, target.contact, target, fixed + headers, body)

    async def _call(self, method: str, *parameters: str) -> None:
        await self._origin.rpc.call(method, *parameters)

    async def _publish(self, aor: str, note: str) -> None:
        """Publish a state with this note; if the one before is forgotten by now, as a new one."""
        told = await self._published(aor, note)
        if told is not None and told.number("code") == STALE_ETAG:
            self._etags.pop(aor, None)
            told = await self._published(aor, note)
        if told is None:
            return
        if told.get("etag"):
            self._etags[aor] = told.get("etag")
        sent = self._notes.get(note)
        if sent is not None and sent.cseq is None:  # NOTIFYs are sent before PUBLISH is answered
            sent.fail("no-subscription")

    async def _published(self, aor: str, note: str) -> Told | None:
        call_id = self._origin.new("p")
        future: asyncio.Future[Told] = asyncio.get_running_loop().create_future()
        self._publishing[call_id] = future
        presentity = _bare(aor)
        known = f"SIP-If-Match: {self._etags[aor]}\r\n" if aor in self._etags else ""
        headers = (
            f"From: <{presentity}>\r\nTo: <{presentity}>\r\nCall-ID: {call_id}\r\nEvent: {PACKAGE}\r\n"
            f"Expires: 86400\r\n{known}Content-Type: {CONTENT_TYPE}\r\n"
        )
        body = pidf(presentity, note).decode()
        way = (self._origin.own("udp"), self._origin.socket("udp"))
        await self._call("tm.t_uac_start", "PUBLISH", presentity, *way, headers, body)
        return await future


class Call:
    """One silent call, from its INVITE to its BYE."""

    def __init__(
        self,
        probes: Probes,
        origin: Origin,
        report: ProbeReport,
        target: Known,
        *,
        within: float,
        hold: float,
        ring: float,
    ) -> None:
        self.call_id = origin.new("c")
        self._probes = probes
        self._origin = origin
        self._report = report
        self._target = target
        self._within = within
        self._hold = hold
        self._ring = ring
        self._rang = False
        self._hang_up_at = inf
        self._accepted: Told | None = None
        self._cseq = 0
        self._holding: asyncio.TimerHandle | None = None

    def begin(self) -> None:
        """Have the INVITE sent."""
        invite = Sent(
            self._origin, self.call_id, "INVITE", self._target, self._ring + self._within,
            on_sent=lambda flow, at: self._report.say("sent", flow, at=at),
            on_answered=self._answered,
            on_failed=self._failed,
        )  # fmt: skip
        self._invite = invite
        self._probes.expect(invite)
        headers = (
            f"From: <sip:{self._origin.address}>\r\nTo: <{_bare(self._target.aor)}>\r\nCall-ID: {self.call_id}\r\n"
            f"Contact: <{self._origin.own(self._target.transport, self._target.flow)}>\r\n"
        )
        body = silent_sdp(self._origin.address).decode()
        self._probes.start("INVITE", self._target.contact, self._target, headers + self.headers, body)

    @property
    def headers(self) -> str:
        """What its INVITE has besides what every request has."""
        rings = f"{RING}: {self._ring:g}\r\n" if self._ring else ""
        return f"Supported: {TIMER}\r\n{rings}Content-Type: {SDP}\r\n"

    def accepted(self, flow: Flow, reply: Told, at: float, wins: bool) -> None:  # noqa: FBT001  (a callback's)
        """Take the 2xx of a branch of the INVITE; Kamailio has sent the ACK."""
        if wins:
            self._answered(flow, reply, at)
        else:
            self.late(flow, reply)

    def rings(self, flow: Flow, at: float) -> None:
        """The INVITE's 180 has come; it is said once."""
        if not self._rang:
            self._rang = True
            self._report.say("ringing", flow, code=RINGING, at=at)

    @property
    def has_rung(self) -> bool:
        """Whether the client has answered the INVITE with 180."""
        return self._rang

    def late(self, flow: Flow, reply: Told) -> None:
        """The INVITE's 200 has come after its time, or again; Kamailio has sent the ACK."""
        if self._accepted is None and is_success(reply.number("code")):
            self._accept(flow, reply)
            self._hang_up()

    def forget(self) -> None:
        """Lose the call with the process that had it: nobody ends it."""
        if self._holding is not None:
            self._holding.cancel()
        self._report.say("failed", None, reason="server-down", lost=self._target.flow)

    def request(self, flow: Flow, method: str) -> None:
        """The client says something within the call; Kamailio has answered."""
        self._target = self._target._replace(flow=flow.id, transport=flow.transport, peer=flow.peer)
        if method == "BYE":
            self._probes.call_over(self.call_id)
            self._report.say("failed", flow, reason="the client hung up")

    def _answered(self, flow: Flow, reply: Told, at: float) -> None:
        code = reply.number("code")
        if code >= FAILED_FROM:
            self._report.say("failed", flow, code=code, reason=str(code), at=at)
            self._probes.call_over(self.call_id)
            return
        self._accept(flow, reply)
        self._report.say("talking", flow, code=code, at=at)
        self._hang_up_at = asyncio.get_running_loop().time() + self._hold
        self._holding = asyncio.get_running_loop().call_at(self._hang_up_at, self._hang_up)

    def _accept(self, flow: Flow, reply: Told) -> None:
        self._accepted = reply
        self._report.call_id = self.call_id
        self._cseq = reply.number("cseq")
        self._target = self._target._replace(flow=flow.id, transport=flow.transport, peer=flow.peer)

    def _failed(self, flow: Flow | None, reason: str, lost: str | None) -> None:
        self._probes.gone(self._invite)  # a late 200 is for `late`
        self._report.say("failed", flow, reason=reason, lost=lost)

    def _hang_up(self) -> None:
        if self._report.over and self._accepted is None:
            return
        assert self._accepted is not None
        if asyncio.get_running_loop().time() > self._hang_up_at + SENT_LATE_S:
            self._report.say("failed", None, reason=FROZEN, lost=self._target.flow, at=self._hang_up_at)
        if self._origin.by_flow and self._origin.flows.get(self._target.flow) is None:
            self._report.say("failed", None, reason="flow-gone", lost=self._target.flow)
            self._probes.call_over(self.call_id)
            return

        def over(
            state: ProbeState, flow: Flow | None, *, code: int | None = None, reason: str, at: float | None
        ) -> None:
            self._probes.gone(bye)
            self._probes.call_over(self.call_id)
            self._report.say(state, flow, code=code, reason=reason, at=at)

        def answered(flow: Flow, reply: Told, at: float) -> None:
            code = reply.number("code")
            accepted = is_success(code)
            over("answered" if accepted else "failed", flow, code=code, reason="" if accepted else str(code), at=at)

        bye = Sent(
            self._origin, self.call_id, "BYE", self._target, self._within,
            on_sent=lambda flow, at: self._report.say("ending", flow, at=at),
            on_answered=answered,
            on_failed=lambda flow, reason, _: over("failed", flow, reason=reason, at=None),
        )  # fmt: skip
        self._probes.expect(bye)
        reply = self._accepted
        headers = (
            f"From: <sip:{self._origin.address}>;tag={reply.get('from_tag')}\r\n"
            f"To: <{_bare(self._target.aor)}>;tag={reply.get('to_tag')}\r\n"
            f"Call-ID: {self.call_id}\r\nCSeq: {self._cseq + 1} BYE\r\n"
        )
        uri = _uri(reply.get("contact")) or self._target.contact
        self._probes.start("BYE", uri, self._target, headers, "")


def _next_hop(origin: Origin, target: Known) -> str:
    """Where a request to a client goes: to the other end of its flow, or (``.``) where its Contact says."""
    return f"sip:{target.peer};transport={target.transport}" if origin.by_flow else NO_VALUE


def _bare(uri: str) -> str:
    """A URI without its port and parameters, as presence and To have it."""
    try:
        parsed = Uri.parse(uri)
    except MalformedMessage:
        return uri
    return str(Uri(parsed.scheme, parsed.user, parsed.host))


def _uri(contact: str) -> str:
    try:
        return NameAddr.parse(contact).uri
    except MalformedMessage:
        return ""
