"""How the server tries to reach the client: NOTIFY, OPTIONS, MESSAGE, or a silent call; and what it says of each.

A probe is ``sent`` once, and ``answered`` or ``failed`` once. A call in between is ``ringing`` (the client's 180, if
it rings), ``talking`` (the client's 200 was there in time, ACK is sent) and ``ending`` (BYE is sent); it is
``answered`` when the BYE is.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from math import inf
from typing import Protocol

from lab.actors.channel import Channel
from lab.errors import LabFault
from lab.record.events import ProbeKindName
from lab.servers.probe_report import FROZEN, SENT_LATE_S, ProbeReport
from lab.servers.scripted.exchanges import Exchange
from lab.servers.scripted.flows import Flow, why
from lab.servers.scripted.origin import Origin
from lab.sip.call import RING, SDP, TIMER, session_timer, silent_sdp
from lab.sip.dialog import Dialog, DialogId
from lab.sip.fields import NameAddr, Uri, parse_cseq
from lab.sip.message import Headers, MalformedMessage, Request, Response
from lab.sip.status import FAILED_FROM, is_success
from lab.sip.transaction import Key


class Target(Protocol):
    """Where requests outside any dialog go: a binding or a subscriber."""

    @property
    def contact(self) -> str:
        """The Request-URI."""

    @property
    def flow(self) -> str:
        """The flow it came on."""

    @property
    def aor(self) -> str:
        """The URI for To."""


class SingleRequest:
    """A probe that one request and its answer are all of."""

    def __init__(self, report: ProbeReport) -> None:
        self._report = report

    def sent(self, flow: Flow) -> None:
        """Asker."""
        self._report.say("sent", flow)

    def answered(self, flow: Flow, response: Response, *, in_time: bool) -> None:
        """Asker."""
        if in_time:
            self._report.say("answered", flow, code=response.code)

    def failed(self, flow: Flow | None, reason: str) -> None:
        """Asker."""
        self._report.say("failed", flow, reason=reason)


class Probes:
    """Requests outside any dialog, and the calls that have been made."""

    def __init__(self, origin: Origin, channel: Channel, loop: asyncio.AbstractEventLoop) -> None:
        self._origin = origin
        self._channel = channel
        self._loop = loop
        self._calls: dict[DialogId, Call] = {}

    def send(
        self, kind: ProbeKindName, probe: str, target: Target | None, *, within: float, hold: float | None, ring: float
    ) -> None:
        """Send ``message``, ``options`` or ``invite``, and say what becomes of it."""
        report = ProbeReport(self._channel, probe, kind)
        if target is None:
            report.say("failed", None, reason="no-subscription")
            return
        flow = self._origin.route(target.flow, Uri.parse(target.contact))
        if isinstance(flow, str):
            report.say("failed", None, reason=flow, lost=target.flow)
            return
        if kind == "invite":
            if hold is None:
                raise LabFault("commanding the SIP server", detail="an invite without `hold`")
            call = Call(self._origin, self._loop, report, self._calls, within=within, hold=hold)
            rings: Headers = ((RING, f"{ring:g}"),) if ring else ()
            headers = (("Supported", TIMER), *rings, ("Content-Type", SDP))
            request, key = self.request("INVITE", target, flow, headers, silent_sdp(self._origin.address))
            call.invite = request
            self._origin.exchanges.begin(Exchange(request, key, call, on_provisional=call.rings), flow, ring + within)
            return
        text: Headers = (("Content-Type", "text/plain"),) if kind == "message" else ()
        request, key = self.request(kind.upper(), target, flow, text, probe.encode() if text else b"")
        self._origin.exchanges.begin(Exchange(request, key, SingleRequest(report)), flow, within)

    def request(
        self, method: str, target: Target, flow: Flow, headers: Headers = (), body: bytes = b""
    ) -> tuple[Request, Key]:
        """Build a request outside any dialog."""
        origin = self._origin
        via, key = origin.via(flow, method)
        own = NameAddr("", f"sip:{origin.address}")
        fixed = (
            ("Via", via), ("Max-Forwards", "70"), ("From", str(own.with_tag(origin.new("t")))),
            ("To", str(NameAddr("", target.aor))), ("Call-ID", origin.new("c")), ("CSeq", f"1 {method}"),
            ("Contact", f"<{origin.contact(flow)}>"),
        )  # fmt: skip
        return Request(method=method, uri=target.contact, headers=(*fixed, *headers), body=body), key

    def call(self, dialog: DialogId | None) -> Call | None:
        """The call a request of the peer belongs to."""
        return None if dialog is None else self._calls.get(dialog)

    def stray(self, flow: Flow, response: Response) -> None:
        """Take an answer to nothing that is under way: a 200 to INVITE that was sent again, as its ACK got lost."""
        if not is_success(response.code) or parse_cseq(response.first("CSeq") or "")[1] != "INVITE":
            return
        call = self._calls.get(Dialog.accepted(response).id)
        if call is not None:
            call.acknowledge(flow)


class Call:
    """One silent call, from our INVITE to our BYE."""

    def __init__(
        self,
        origin: Origin,
        loop: asyncio.AbstractEventLoop,
        report: ProbeReport,
        calls: dict[DialogId, Call],
        *,
        within: float,
        hold: float,
    ) -> None:
        self._origin = origin
        self._loop = loop
        self._report = report
        self._calls = calls
        self._within = within
        self._hold = hold
        self.invite: Request | None = None
        self._dialog: Dialog | None = None
        self._confirmed: Dialog | None = None  # as the ACK needs it
        self._flow = ""
        self._rang = False
        self._hang_up_at = inf

    def sent(self, flow: Flow) -> None:
        """Asker, of the INVITE."""
        self._report.say("sent", flow)

    def answered(self, flow: Flow, response: Response, *, in_time: bool) -> None:
        """Asker, of the INVITE."""
        if response.code >= FAILED_FROM:
            self._refused(flow, response)
            self._report.say("failed", flow, code=response.code, reason=f"{response.code} {response.reason}".strip())
            return
        try:
            self._dialog = self._confirmed = Dialog.accepted(response)
        except MalformedMessage as error:
            self._report.say("failed", flow, code=response.code, reason=error.reason)
            raise
        self._flow = flow.id
        self._calls[self._dialog.id] = self
        self.acknowledge(flow)
        if in_time:
            self._report.say("talking", flow, code=response.code)
            self._hang_up_at = self._loop.time() + self._hold
            self._loop.call_at(self._hang_up_at, self._hang_up)
        else:
            self._hang_up()

    def rings(self, flow: Flow, response: Response) -> None:
        """Take a provisional answer: say once that the client rings."""
        if response.code == 180 and not self._rang:
            self._rang = True
            self._report.say("ringing", flow, code=response.code)

    def failed(self, flow: Flow | None, reason: str) -> None:
        """Asker, of the INVITE."""
        self._report.say("failed", flow, reason=reason)

    def acknowledge(self, flow: Flow) -> None:
        """Send ACK (RFC 3261 §13.2.2.4), again if need be."""
        assert self._confirmed is not None
        via, _ = self._origin.via(flow, "ACK")
        self._send(flow, self._confirmed.request("ACK", via=via)[1])

    def _send(self, flow: Flow, ack: Request) -> None:
        try:
            flow.send(ack.encode())
        except OSError as error:
            self._report.say("failed", flow, reason=why(error))

    def _refused(self, flow: Flow, response: Response) -> None:
        """Send the ACK that belongs to the INVITE's own transaction (RFC 3261 §17.1.1.3)."""
        assert self.invite is not None
        copied = [(name, value) for name, value in self.invite.headers if name in ("Via", "Max-Forwards", "From")]
        rest = (("To", response.first("To") or ""), ("Call-ID", self.invite.first("Call-ID") or ""), ("CSeq", "1 ACK"))
        self._send(flow, Request(method="ACK", uri=self.invite.uri, headers=(*copied, *rest)))

    def request(self, flow: Flow, request: Request) -> None:
        """Take a request of the peer within the call: it ends the call, or refreshes it.

        Raises:
            Refused: 500, it is out of order.
            MalformedMessage: its Contact cannot be read.
        """
        if self._dialog is None or request.method == "ACK":
            return
        self._dialog = self._dialog.receive(request)
        self._flow = flow.id
        contact = (("Contact", f"<{self._origin.contact(flow)}>"),)
        if request.method == "BYE":
            self._origin.respond(flow, request, 200)
            self._over()
            self._report.say("failed", flow, reason="the client hung up")
        elif request.method == "INVITE":
            headers = (*contact, *session_timer(request), ("Content-Type", SDP))
            self._origin.respond(flow, request, 200, *headers, body=silent_sdp(self._origin.address))
        elif request.method == "UPDATE":
            self._origin.respond(flow, request, 200, *contact, *session_timer(request))
        else:
            self._origin.respond(flow, request, 200, *contact)

    def _hang_up(self) -> None:
        if self._dialog is None:
            return
        if self._loop.time() > self._hang_up_at + SENT_LATE_S:
            self._report.say("failed", None, reason=FROZEN, lost=self._flow, at=self._hang_up_at)
        flow = self._origin.route(self._flow, self._dialog.next_hop)
        if isinstance(flow, str):
            self._report.say("failed", None, reason=flow, lost=self._flow)
            self._over()
            return
        via, key = self._origin.via(flow, "BYE")
        self._dialog, bye = self._dialog.request("BYE", via=via)
        self._origin.exchanges.begin(Exchange(bye, key, _Farewell(self._report, self._over)), flow, self._within)

    def _over(self) -> None:
        if self._dialog is not None:
            self._calls.pop(self._dialog.id, None)
        self._dialog = None


class _Farewell:
    """What becomes of the BYE decides about the whole call."""

    def __init__(self, report: ProbeReport, over: Callable[[], None]) -> None:
        self._report = report
        self._over = over

    def sent(self, flow: Flow) -> None:
        self._report.say("ending", flow)

    def answered(self, flow: Flow, response: Response, *, in_time: bool) -> None:
        self._over()
        if response.code >= FAILED_FROM:
            self._report.say("failed", flow, code=response.code, reason=f"{response.code} {response.reason}".strip())
        elif in_time:
            self._report.say("answered", flow, code=response.code)

    def failed(self, flow: Flow | None, reason: str) -> None:
        self._over()
        self._report.say("failed", flow, reason=reason)
