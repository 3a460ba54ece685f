"""Makes one silent call through Kamailio, from its INVITE to its BYE."""

from __future__ import annotations

import asyncio
from math import inf
from typing import Protocol

from lab.record.events import ProbeState
from lab.servers.kamailio.clients import StoredContact
from lab.servers.kamailio.flows import Flow
from lab.servers.kamailio.log import LogLine
from lab.servers.kamailio.sent_request import SentRequest
from lab.servers.kamailio.server_context import ServerContext, bare, uri_of
from lab.servers.probe_report import FROZEN, SENT_LATE_S, ProbeReport
from lab.sip.call import RING, SDP, TIMER, silent_sdp
from lab.sip.status import FAILED_FROM, is_success

RINGING = 180
OTHER_CSEQ = 100
"""How much further the BYE to another contact counts, so that the log tells it from that of the call itself."""


class Requests(Protocol):
    """The requests that are under way, as a call sees them."""

    def expect(self, sent: SentRequest) -> None:
        """Look for a request in the log, and for what becomes of it."""

    def gone(self, sent: SentRequest) -> None:
        """Look for it no more."""

    def start(self, method: str, uri: str, target: StoredContact, headers: str, body: str) -> None:
        """Send a request by ``tm``."""

    def call_over(self, call_id: str) -> None:
        """Forget a call that has ended."""


class Call:
    """One silent call, from its INVITE to its BYE."""

    def __init__(
        self,
        requests: Requests,
        origin: ServerContext,
        report: ProbeReport,
        target: StoredContact,
        *,
        within: float,
        hold: float,
        ring: float,
    ) -> None:
        self.call_id = origin.new("c")
        self._requests = requests
        self._origin = origin
        self._report = report
        self._target = target
        self._within = within
        self._hold = hold
        self._ring = ring
        self._rang = False
        self._hang_up_at = inf
        self._accepted: LogLine | None = None
        self._others: set[str] = set()  # tags of contacts that have accepted the call besides
        self._cseq = 0
        self._holding: asyncio.TimerHandle | None = None

    def begin(self) -> None:
        """Send the INVITE."""
        invite = SentRequest(
            self._origin, self.call_id, "INVITE", self._target, self._ring + self._within,
            on_sent=lambda flow, at: self._report.say("sent", flow, at=at),
            on_answered=self._answered,
            on_failed=self._failed,
        )  # fmt: skip
        self._invite = invite
        self._requests.expect(invite)
        headers = (
            f"From: <sip:{self._origin.address}>\r\nTo: <{bare(self._target.aor)}>\r\nCall-ID: {self.call_id}\r\n"
            f"Contact: <{self._origin.own(self._target.transport, self._target.flow)}>\r\n"
        )
        body = silent_sdp(self._origin.address).decode()
        self._requests.start("INVITE", self._target.contact, self._target, headers + self.headers, body)

    @property
    def headers(self) -> str:
        """The headers of its INVITE besides those of every request."""
        rings = f"{RING}: {self._ring:g}\r\n" if self._ring else ""
        return f"Supported: {TIMER}\r\n{rings}Content-Type: {SDP}\r\n"

    def accepted(self, flow: Flow, reply: LogLine, at: float, wins: bool) -> None:  # noqa: FBT001  (a callback's)
        """Take the 2xx of a branch of the INVITE; Kamailio has sent the ACK to the first."""
        if wins:
            self._answered(flow, reply, at)
        elif self._accepted is None:
            self.late(flow, reply)
        elif reply.get("to_tag") != self._accepted.get("to_tag"):
            self._end_other(flow, reply)

    def _end_other(self, flow: Flow, reply: LogLine) -> None:
        """End the dialog with another contact that has accepted the call (RFC 3261 §13.2.2.4)."""
        target = self._target._replace(flow=flow.id, transport=flow.transport, peer=flow.peer)
        self._start_within("ACK", reply, target, reply.number("cseq"))
        if reply.get("to_tag") not in self._others:
            self._others.add(reply.get("to_tag"))
            self._start_within("BYE", reply, target, reply.number("cseq") + OTHER_CSEQ)

    def rings(self, flow: Flow, at: float) -> None:
        """Handle the INVITE's 180; report it once."""
        if not self._rang:
            self._rang = True
            self._report.say("ringing", flow, code=RINGING, at=at)

    @property
    def has_rung(self) -> bool:
        """True if the client has answered the INVITE with 180."""
        return self._rang

    def late(self, flow: Flow, reply: LogLine) -> None:
        """Handle a late or repeated 200 to the INVITE; Kamailio has sent the ACK."""
        if self._accepted is None and is_success(reply.number("code")):
            self._accept(flow, reply)
            self._hang_up()

    def forget(self) -> None:
        """Lose the call with the process that had it: nobody ends it."""
        if self._holding is not None:
            self._holding.cancel()
        self._report.say("failed", None, reason="server-down", lost=self._target.flow)

    def request(self, flow: Flow, method: str) -> None:
        """Handle a request of the client within the call; Kamailio has answered it."""
        self._target = self._target._replace(flow=flow.id, transport=flow.transport, peer=flow.peer)
        if method == "BYE":
            self._requests.call_over(self.call_id)
            self._report.say("failed", flow, reason="the client hung up")

    def _answered(self, flow: Flow, reply: LogLine, at: float) -> None:
        code = reply.number("code")
        if code >= FAILED_FROM:
            self._report.say("failed", flow, code=code, reason=str(code), at=at)
            self._requests.call_over(self.call_id)
            return
        self._accept(flow, reply)
        self._report.say("talking", flow, code=code, at=at)
        self._hang_up_at = asyncio.get_running_loop().time() + self._hold
        self._holding = asyncio.get_running_loop().call_at(self._hang_up_at, self._hang_up)

    def _accept(self, flow: Flow, reply: LogLine) -> None:
        self._accepted = reply
        self._report.call_id = self.call_id
        self._cseq = reply.number("cseq")
        self._target = self._target._replace(flow=flow.id, transport=flow.transport, peer=flow.peer)

    def _failed(self, flow: Flow | None, reason: str, lost: str | None) -> None:
        self._requests.gone(self._invite)  # a late 200 is for `late`
        self._report.say("failed", flow, reason=reason, lost=lost)

    def _hang_up(self) -> None:
        if self._report.over and self._accepted is None:
            return
        assert self._accepted is not None
        if asyncio.get_running_loop().time() > self._hang_up_at + SENT_LATE_S:
            self._report.say("failed", None, reason=FROZEN, lost=self._target.flow, at=self._hang_up_at)
        if self._origin.by_flow and self._origin.flows.get(self._target.flow) is None:
            self._report.say("failed", None, reason="flow-gone", lost=self._target.flow)
            self._requests.call_over(self.call_id)
            return

        def over(
            state: ProbeState, flow: Flow | None, *, code: int | None = None, reason: str, at: float | None
        ) -> None:
            self._requests.gone(bye)
            self._requests.call_over(self.call_id)
            self._report.say(state, flow, code=code, reason=reason, at=at)

        def answered(flow: Flow, reply: LogLine, at: float) -> None:
            code = reply.number("code")
            accepted = is_success(code)
            over("answered" if accepted else "failed", flow, code=code, reason="" if accepted else str(code), at=at)

        bye = SentRequest(
            self._origin, self.call_id, "BYE", self._target, self._within,
            on_sent=lambda flow, at: self._report.say("ending", flow, at=at),
            on_answered=answered,
            on_failed=lambda flow, reason, _: over("failed", flow, reason=reason, at=None),
            expects=self._cseq + 1,
        )  # fmt: skip
        self._requests.expect(bye)
        self._start_within("BYE", self._accepted, self._target, self._cseq + 1)

    def _start_within(self, method: str, reply: LogLine, target: StoredContact, cseq: int) -> None:
        """Have a request sent within the dialog that a 2xx has made."""
        headers = (
            f"From: <sip:{self._origin.address}>;tag={reply.get('from_tag')}\r\n"
            f"To: <{bare(target.aor)}>;tag={reply.get('to_tag')}\r\n"
            f"Call-ID: {self.call_id}\r\nCSeq: {cseq} {method}\r\n"
        )
        uri = uri_of(reply.get("contact")) or target.contact
        self._requests.start(method, uri, target, headers, "")
