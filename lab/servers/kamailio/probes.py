"""Sends probes through Kamailio, and follows them in its log.

NOTIFY comes from its presence module, made to by a PUBLISH that ``tm`` sends to Kamailio itself; OPTIONS, MESSAGE and
the requests of a silent call come from ``tm`` (``tm.t_uac_start``). What is said of each is as in
``lab.servers.scripted.probes``.
"""

from __future__ import annotations

import time
from typing import Literal

from lab.record.events import KeepAlive, KeepAliveState
from lab.servers.kamailio.call import RINGING, Call
from lab.servers.kamailio.clients import StoredContact
from lab.servers.kamailio.flows import Flow
from lab.servers.kamailio.forking import Fork
from lab.servers.kamailio.log import LogLine
from lab.servers.kamailio.published_state import Published
from lab.servers.kamailio.sent_request import SentRequest
from lab.servers.kamailio.server_context import ServerContext, bare, next_hop
from lab.servers.probe_report import ProbeReport
from lab.sip.call import silent_sdp


class Probes:
    """Requests that are under way, and the published state that makes Kamailio send NOTIFYs."""

    def __init__(self, origin: ServerContext) -> None:
        self._origin = origin
        self._under_way: list[SentRequest] = []
        self._calls: dict[str, Call] = {}
        self._notes: dict[str, SentRequest] = {}  # by note
        self._forks: dict[str, Fork] = {}  # by Call-ID
        self._published = Published(origin)

    # What is asked for

    def notify(self, probe: str, within: float) -> None:
        """Send a NOTIFY with ``probe`` as its note in the newest subscription."""
        report = ProbeReport(self._origin.channel, probe, "notify")
        subscription = self._origin.clients.newest_subscription()
        if subscription is None:
            report.say("failed", None, reason="no-subscription")
            return
        sent = self._reporting(report, subscription.key, "NOTIFY", subscription, within)
        self._notes[probe] = sent
        self._origin.do(self._publish(subscription.aor, probe))

    def single(self, kind: Literal["options", "message"], probe: str, within: float) -> None:
        """Send OPTIONS or MESSAGE to all bindings, or else to the newest subscriber."""
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
        """Make a call: it rings, is held, and ends."""
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

    def _target(self) -> StoredContact | str:
        """Return the contact that registered last, else the newest subscriber if that will do; or why there is none."""
        clients = self._origin.clients
        bound = clients.newest_binding(time.monotonic())
        if self._origin.bindings_only:
            return bound or "no-binding"
        return bound or clients.newest_subscription() or "no-subscription"

    def options(self, flow: Flow, within: float) -> None:
        """Send a keep-alive on a flow; events ``keep-alive`` report the result."""
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
            SentRequest(
                self._origin, call_id, "OPTIONS", target, within,
                on_sent=lambda flow, at: say("sent", flow, at=at),
                on_answered=lambda flow, reply, at: say("answered", flow, code=reply.number("code"), at=at),
                on_failed=lambda flow, reason, _: say("failed", flow, reason=reason, at=None),
            )
        )  # fmt: skip
        self._start("OPTIONS", target, call_id)

    def expect(self, sent: SentRequest) -> None:
        """Look for a request in the log, and for what becomes of it."""
        self._under_way.append(sent)

    def fork(self, fork: Fork) -> None:
        """Look for the branches of a request in the log, and for what becomes of them."""
        self._forks[fork.call_id] = fork

    def stored(self, told: LogLine) -> None:
        """Handle that Kamailio keeps a request for later contacts."""
        fork = self._forks.get(told.get("call_id"))
        if fork is not None:
            fork.is_stored(f"{told.number('branch')} {told.number('connection')}")

    def registered(self, binding: StoredContact) -> None:
        """Handle a new registration: send what waits for that contact."""
        for fork in self._forks.values():
            if fork.registered(binding):
                self._origin.do(self._append(fork))

    async def _append(self, fork: Fork) -> None:
        """Make Kamailio add new contacts to a request that it keeps."""
        itself = self._origin.address
        headers = f"From: <sip:{itself}>\r\nTo: <sip:{itself}>\r\nContent-Type: text/plain\r\n"
        way = (self._origin.own("udp"), self._origin.socket("udp"))
        body = f"{fork.stored} {'waits' if fork.suspended else 'runs'} {bare(fork.aor)}"
        await self._call("tm.t_uac_start", "MESSAGE", f"sip:lab-append@{itself}", *way, headers, body)

    def branch(self, told: LogLine, *, at: float) -> None:
        """Handle a new branch of a request."""
        fork = self._forks.get(told.get("call_id"))
        if fork is not None:
            fork.branch(told, at=at)

    def _address(self) -> str | None:
        """Return the address to whose contacts a request goes or will go; None: it goes to a subscriber, or nobody."""
        known = self._origin.clients
        last = known.last_registered() if self._origin.wait else None
        return known.address(time.monotonic()) or (None if last is None else last.aor)

    def _start_fork(self, method: str, aor: str, call_id: str, headers: str, body: str) -> None:
        own = self._origin.own("udp")
        fixed = f"From: <sip:{self._origin.address}>\r\nTo: <{bare(aor)}>\r\nCall-ID: {call_id}\r\nContact: <{own}>\r\n"
        way = (own, self._origin.socket("udp"))
        waits = "X-Lab-Wait: yes\r\n" if self._forks[call_id].begin() else ""
        arguments = [method, bare(aor), *way, fixed + waits + headers, *([body] if body else [])]
        self._origin.do(self._call("tm.t_uac_start", *arguments))

    def start(self, method: str, uri: str, target: StoredContact, headers: str, body: str) -> None:
        """Send a request by ``tm``."""
        way = (next_hop(self._origin, target), self._origin.socket(target.transport, target.flow))
        arguments = [method, uri, *way, headers, *([body] if body else [])]
        self._origin.do(self._call("tm.t_uac_start", *arguments))

    # What the log says

    def sending(self, told: LogLine, *, at: float) -> None:
        """Handle that Kamailio is about to send a request."""
        method, call_id = told.get("method"), told.get("call_id")
        for sent in self._under_way:
            if sent.is_it(method, call_id, told.number("cseq")):
                if method == "NOTIFY" and not self._is_for(sent, told.get("body")):
                    continue
                sent.sending(told.number("cseq"), told.get("uri"), at=at)
                break
        self._tidy()

    def reply(self, flow: Flow, told: LogLine, *, at: float) -> bool:
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

    def own_reply(self, told: LogLine) -> None:
        """Take Kamailio's reply to a request that it has sent to itself."""
        fork = self._forks.get(told.get("call_id"))
        if fork is not None and told.get("method") == fork.method:
            fork.own_reply(told.number("code"))
            return
        self._published.answered(told)

    def request(self, flow: Flow, told: LogLine) -> None:
        """Handle a request of the client, perhaps within a call."""
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
        """Fail all requests in progress and forget the published state, because Kamailio has ended."""
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
        self._published.forget()

    # How it is done

    def call_over(self, call_id: str) -> None:
        """Forget a call that has ended."""
        self._calls.pop(call_id, None)

    def gone(self, sent: SentRequest) -> None:
        """Look for it no more."""
        if sent in self._under_way:
            self._under_way.remove(sent)

    def _tidy(self) -> None:
        self._notes = {note: sent for note, sent in self._notes.items() if sent in self._under_way}

    def _is_for(self, sent: SentRequest, body: str) -> bool:
        return any(one is sent and f"<note>{note}</note>" in body for note, one in self._notes.items())

    def _reporting(
        self, report: ProbeReport, call_id: str, method: str, target: StoredContact, within: float
    ) -> SentRequest:
        def failed(flow: Flow | None, reason: str, lost: str | None) -> None:
            self.gone(sent)
            report.say("failed", flow, reason=reason, lost=lost)

        sent = SentRequest(
            self._origin, call_id, method, target, within,
            on_sent=lambda flow, at: report.say("sent", flow, at=at),
            on_answered=lambda flow, reply, at: report.say("answered", flow, code=reply.number("code"), at=at),
            on_failed=failed,
        )  # fmt: skip
        self.expect(sent)
        return sent

    def _start(self, method: str, target: StoredContact, call_id: str, *, headers: str = "", body: str = "") -> None:
        own = self._origin.own(target.transport, target.flow)
        fixed = (
            f"From: <sip:{self._origin.address}>\r\nTo: <{bare(target.aor)}>\r\nCall-ID: {call_id}\r\n"
            f"Contact: <{own}>\r\n"
        )
        self.start(method, target.contact, target, fixed + headers, body)

    async def _call(self, method: str, *parameters: str) -> None:
        await self._origin.rpc.call(method, *parameters)

    async def _publish(self, aor: str, note: str) -> None:
        await self._published.publish(aor, note)
        sent = self._notes.get(note)
        if sent is not None and sent.cseq is None:  # NOTIFYs are sent before PUBLISH is answered
            sent.fail("no-subscription")
