"""Sends probes (NOTIFY, OPTIONS, MESSAGE, or a silent call) and records their results.

A probe is ``sent`` once, and ``answered`` or ``failed`` once. A call in between is ``ringing`` (the client's 180, if
it rings), ``talking`` (the client's 200 was there in time, ACK is sent) and ``ending`` (BYE is sent); it is
``answered`` when the BYE is.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from functools import partial
from math import inf

from lab.actors.channel import Channel
from lab.errors import LabFault
from lab.record.events import GIVEN_UP, ProbeKindName
from lab.servers.probe_report import FROZEN, SENT_LATE_S, ProbeReport
from lab.servers.scripted.client_transactions import ClientTransaction
from lab.servers.scripted.flows import Flow, why
from lab.servers.scripted.forking import Fork, OnAccepted
from lab.servers.scripted.server_context import ServerContext
from lab.servers.scripted.target import Target
from lab.sip.call import RING, SDP, TIMER, session_timer, silent_sdp
from lab.sip.dialog import Dialog, DialogId
from lab.sip.fields import NameAddr, parse_cseq
from lab.sip.message import Headers, MalformedMessage, Request, Response
from lab.sip.status import FAILED_FROM, is_success
from lab.sip.transaction import Key


class Probes:
    """Requests outside any dialog, and the calls that have been made.

    Args:
        wait: seconds for which a request is kept for a contact whose connection is gone.
    """

    def __init__(
        self, origin: ServerContext, channel: Channel, loop: asyncio.AbstractEventLoop, *, wait: float
    ) -> None:
        self._origin = origin
        self._channel = channel
        self._loop = loop
        self._wait = wait
        self._calls: dict[DialogId, Call] = {}
        self._forks: list[Fork] = []  # those that are under way

    def send(
        self,
        kind: ProbeKindName,
        probe: str,
        targets: Sequence[Target],
        *,
        nobody: str,
        within: float,
        hold: float | None,
        ring: float,
    ) -> None:
        """Send ``message``, ``options`` or ``invite`` to all these contacts, and say what becomes of it.

        Args:
            kind: of the request.
            probe: its name.
            targets: for whom.
            nobody: what is said if there is none.
            within: seconds that an answer may take.
            hold: seconds, of a call.
            ring: seconds, of a call.
        """
        report = ProbeReport(self._channel, probe, kind)
        text: Headers = (("Content-Type", "text/plain"),) if kind == "message" else ()
        body = probe.encode() if text else b""
        accepted: OnAccepted | None = None
        if kind == "invite":
            if hold is None:
                raise LabFault("commanding the SIP server", detail="an invite without `hold`")
            accepted = partial(self._accepted, within=within, hold=hold)
            rings: Headers = ((RING, f"{ring:g}"),) if ring else ()
            text, body = (("Supported", TIMER), *rings, ("Content-Type", SDP)), silent_sdp(self._origin.address)
        make = partial(self._branch, kind.upper(), self._origin.new("t"), self._origin.new("c"), text, body)
        fork = Fork(
            self._origin, self._channel, self._loop, report, make,
            on_accepted=accepted, patience=within + ring, wait=self._wait, nobody=nobody,
        )  # fmt: skip
        self._forks = [one for one in self._forks if not one.over]
        self._forks.append(fork)
        fork.begin(targets)

    def registered(self, target: Target) -> None:
        """Handle a new registration, for which requests may wait."""
        for fork in self._forks:
            fork.registered(target)

    def _accepted(self, flow: Flow, response: Response, report: ProbeReport, *, within: float, hold: float) -> None:
        Call(self._origin, self._loop, report, self._calls, within=within, hold=hold).accepted(flow, response)

    def _branch(
        self, method: str, tag: str, call_id: str, headers: Headers, body: bytes, target: Target, flow: Flow
    ) -> tuple[Request, Key]:
        return self.request(method, target, flow, headers, body, tag=tag, call_id=call_id)

    def request(
        self,
        method: str,
        target: Target,
        flow: Flow,
        headers: Headers = (),
        body: bytes = b"",
        *,
        tag: str = "",
        call_id: str = "",
    ) -> tuple[Request, Key]:
        """Build a request outside any dialog; ``tag`` and ``call_id`` are those of its other branches, if any."""
        origin = self._origin
        via, key = origin.via(flow, method)
        own = NameAddr("", f"sip:{origin.address}")
        fixed = (
            ("Via", via), ("Max-Forwards", "70"), ("From", str(own.with_tag(tag or origin.new("t")))),
            ("To", str(NameAddr("", target.aor))), ("Call-ID", call_id or origin.new("c")), ("CSeq", f"1 {method}"),
            ("Contact", f"<{origin.contact(flow)}>"),
        )  # fmt: skip
        return Request(method=method, uri=target.contact, headers=(*fixed, *headers), body=body), key

    def call(self, dialog: DialogId | None) -> Call | None:
        """Return the call of a request from the peer."""
        return None if dialog is None else self._calls.get(dialog)

    def forget(self) -> None:
        """Lose all calls and what waits, with the process that had them: nobody ends them."""
        for fork in self._forks:
            if not fork.over:
                fork.forget()
        self._forks.clear()
        for call in list(self._calls.values()):
            call.forget()
        self._calls.clear()

    def give_up(self, flow: str) -> None:
        """End the calls on a flow, whose client does not answer."""
        for call in list(self._calls.values()):
            call.give_up(flow)

    def stray(self, flow: Flow, response: Response) -> None:
        """Take an answer to nothing that is under way: a 200 to INVITE that was sent again, as its ACK got lost."""
        if not is_success(response.code) or parse_cseq(response.first("CSeq") or "")[1] != "INVITE":
            return
        call = self._calls.get(Dialog.accepted(response).id)
        if call is not None:
            call.acknowledge(flow)


class Call:
    """One silent call, from the client's acceptance to our BYE. If the report is over, it is ended at once."""

    def __init__(
        self,
        origin: ServerContext,
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
        self._dialog: Dialog | None = None
        self._confirmed: Dialog | None = None  # as the ACK needs it
        self._flow = ""
        self._holding: asyncio.TimerHandle | None = None
        self._hang_up_at = inf

    def accepted(self, flow: Flow, response: Response) -> None:
        """Take the client's 2xx: acknowledge it, and hold the call if it is wanted.

        Raises:
            MalformedMessage: it makes no dialog.
        """
        try:
            self._dialog = self._confirmed = Dialog.accepted(response)
        except MalformedMessage as error:
            self._report.say("failed", flow, code=response.code, reason=error.reason)
            raise
        self._flow = flow.id
        self._calls[self._dialog.id] = self
        self._report.call_id = self._dialog.call_id
        self.acknowledge(flow)
        if self._report.over:
            self._hang_up()
        else:
            self._report.say("talking", flow, code=response.code)
            self._hang_up_at = self._loop.time() + self._hold
            self._holding = self._loop.call_at(self._hang_up_at, self._hang_up)

    def acknowledge(self, flow: Flow) -> None:
        """Send ACK (RFC 3261 §13.2.2.4), again if need be."""
        assert self._confirmed is not None
        via, _ = self._origin.via(flow, "ACK")
        try:
            flow.send(self._confirmed.request("ACK", via=via)[1].encode())
        except OSError as error:
            self._report.say("failed", flow, reason=why(error))

    def forget(self) -> None:
        """Lose the call: it is not ended, and requests within it are unknown."""
        if self._holding is not None:
            self._holding.cancel()
        self._dialog = None
        self._report.say("failed", None, reason="server-down", lost=self._flow)

    def give_up(self, flow: str) -> None:
        """End the call at once if it talks on this flow, whose client does not answer."""
        if flow == self._flow and self._holding is not None:
            self._holding.cancel()
            self._report.say("failed", None, reason=GIVEN_UP, lost=flow)
            self._hang_up()

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
        self._holding = None
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
        self._origin.exchanges.begin(
            ClientTransaction(bye, key, _FinalRequest(self._report, self._over)), flow, self._within
        )

    def _over(self) -> None:
        if self._dialog is not None:
            self._calls.pop(self._dialog.id, None)
        self._dialog = None


class _FinalRequest:
    """The BYE of a call; its result decides about the whole call."""

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
