"""Forks a request outside any dialog to all contacts of an address (RFC 3261 §16.6 and §16.7).

The first acceptance wins; the other branches of a call are cancelled. If nobody accepts, the best of the answers
decides: one from 600 on before any other, else the one of the lowest class, and of equals that of the contact that
registered last. A contact that does not answer counts as 408, one whose connection is gone as 430 (RFC 5626 §11.5), or
its request is kept until the phone registers anew. A request that is held for a push message (RFC 8599) counts as 480
if the phone does not register in time.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from functools import partial

from lab.actors.channel import Channel
from lab.record.events import GIVEN_UP, BranchState, ProbeBranch
from lab.servers.probe_report import ProbeReport
from lab.servers.scripted.client_transactions import ClientTransaction
from lab.servers.scripted.flows import Flow, why
from lab.servers.scripted.server_context import ServerContext
from lab.servers.scripted.target import Target
from lab.sip.best_response import GLOBAL_FAILURE, GONE, NOT_REGISTERED, PUSH_REFUSED, rank
from lab.sip.fields import Uri
from lab.sip.message import Request, Response
from lab.sip.push import PushTarget
from lab.sip.status import FAILED_FROM, is_success
from lab.sip.transaction import Key

RINGING = 180


Make = Callable[[Target, Flow], tuple[Request, Key]]
"""Builds the request to a contact, and what its answers carry."""
OnAccepted = Callable[[Flow, Response, ProbeReport], None]
"""Takes a call that was accepted, and says what becomes of it. If the report is over, nobody wants the call."""


class Branch:
    """The request to one contact: an `Asker`."""

    def __init__(self, fork: Fork, number: int, target: Target) -> None:
        self.number = number
        self.target = target
        self.flow: Flow | None = None
        self.request: Request | None = None
        self.key: Key = ()
        self.response: Response | None = None
        self.reason = ""
        self.over = False
        self.unwanted = False  # another has won
        self.held: asyncio.TimerHandle | None = None  # for a push, until then
        self._fork = fork
        self._provisional = self._cancelled = False

    @property
    def rank(self) -> tuple[bool, int]:
        """The rank of its answer for the caller; the least is the best."""
        return rank(None if self.response is None else self.response.code, self.reason)

    def sent(self, flow: Flow) -> None:
        """Handle a result, as `Asker`."""
        self._fork.branch_sent(self, flow)

    def answered(self, flow: Flow, response: Response, *, in_time: bool) -> None:
        """Handle a result, as `Asker`."""
        self.flow = flow
        if in_time:
            self.over, self.response = True, response
        self._fork.branch_answered(self, flow, response, in_time=in_time)

    def failed(self, flow: Flow | None, reason: str) -> None:
        """Handle a failure, as `Asker`; also if the request could not be sent."""
        self.over, self.flow, self.reason = True, flow, reason
        self._fork.branch_failed(self)

    def provisional(self, flow: Flow, response: Response) -> None:
        """Take a provisional answer to INVITE: now it can be cancelled (RFC 3261 §9.1)."""
        self._provisional = True
        if self.unwanted:
            self.cancel()
        elif response.code == RINGING:
            self._fork.branch_rings(self, flow)

    def cancel(self) -> None:
        """Cancel it, once there is a provisional response; do not send it if it was not sent yet."""
        self.unwanted = True
        if self.flow is None:
            self._fork.withdraw(self)
        elif self._provisional and not self._cancelled:
            self._cancelled = True
            self._fork.cancel(self, self.flow)


class Fork:
    """One probe outside any dialog, and its branches.

    Args:
        report: says how the probe stands.
        make: builds the request to a contact.
        on_accepted: takes a call that was accepted; None: this is no call.
        patience: seconds from now in which an answer counts.
        wait: seconds for which contacts whose connection is gone may register anew; 0: none does.
        nobody: what is said if there is no contact.
    """

    def __init__(
        self,
        origin: ServerContext,
        channel: Channel,
        loop: asyncio.AbstractEventLoop,
        report: ProbeReport,
        make: Make,
        *,
        on_accepted: OnAccepted | None,
        patience: float,
        wait: float,
        nobody: str,
    ) -> None:
        self.report = report
        self._nobody = nobody
        self._origin = origin
        self._channel = channel
        self._loop = loop
        self._make = make
        self._on_accepted = on_accepted
        self._ends = loop.time() + patience
        self._wait = wait
        self._waiting: asyncio.TimerHandle | None = None
        self._pushed: set[PushTarget] = set()
        self._branches: list[Branch] = []
        self._beginning = True
        self._won = self._rang = self._connecting = False

    @property
    def over(self) -> bool:
        """True if only late answers can still come."""
        return self._won or self.report.over

    def begin(self, targets: Iterable[Target]) -> None:
        """Send the request to all contacts, the newest first."""
        for target in targets:
            self._add(target)
        gone = [branch for branch in self._branches if branch.reason == GONE]
        if self._wait and not self._won and (gone or not self._branches):
            self._waiting = self._loop.call_later(self._wait, self._waited)
            for branch in gone:
                self._say(branch, "waiting")
        else:
            for branch in gone:
                self._say(branch, "failed")
        self._beginning = False
        self._settle()

    def registered(self, target: Target) -> None:
        """Handle a new registration: send what waits for that contact."""
        held = [one for one in self._branches if one.held is not None and one.target.push == target.push]
        if held:
            for branch in held:
                self._end_hold(branch, "registered-anew")
            self._add(target, awake=True)
            self._settle()
            return
        if self._waiting is None or self.over:
            return
        self._end_waiting("registered-anew")
        self._add(target)
        self._settle()

    def forget(self) -> None:
        """Wait no more; the process that did is gone."""
        self._end_holds("server-down")
        self._end_waiting("server-down")
        self.report.say("failed", None, reason="server-down")

    # What branches report

    def branch_sent(self, branch: Branch, flow: Flow) -> None:
        """Record it; for the first one also record that the probe is sent."""
        branch.flow = flow
        if not any(one.flow for one in self._branches if one is not branch):
            self.report.say("sent", flow)
        self._say(branch, "sent")

    def branch_rings(self, branch: Branch, flow: Flow) -> None:
        """Record it; for the first one also record that the call rings."""
        self._say(branch, "ringing", code=RINGING)
        if not self._rang:
            self._rang = True
            self.report.say("ringing", flow, code=RINGING)

    def branch_answered(self, branch: Branch, flow: Flow, response: Response, *, in_time: bool) -> None:
        """Take the winner, or what another has come to."""
        self._say(branch, "answered", code=response.code)
        if self._on_accepted is not None and response.code >= FAILED_FROM:
            self._acknowledge(branch, flow, response)
        if is_success(response.code):
            wins = in_time and not self.over
            if wins:
                self._win(branch)
            if self._on_accepted is not None:
                self._on_accepted(flow, response, self.report if wins else self.report.silenced())
            elif wins:
                self.report.say("answered", flow, code=response.code)
        elif response.code >= GLOBAL_FAILURE:
            self._cancel_others(branch)
        self._settle()

    def branch_failed(self, branch: Branch) -> None:
        """Record it, unless it may still be sent."""
        if branch.reason != GONE or not self._beginning:
            self._say(branch, "failed")
        self._settle()

    def withdraw(self, branch: Branch) -> None:
        """Do not send what waits for its connection."""
        branch.over, branch.reason = True, "another-answered"
        self._origin.exchanges.withdraw(branch.key)
        self._say(branch, "failed")

    def cancel(self, branch: Branch, flow: Flow) -> None:
        """Send CANCEL (RFC 3261 §9.1)."""
        invite = branch.request
        assert invite is not None
        copied = [pair for pair in invite.headers if pair[0] in ("Via", "Max-Forwards", "From", "To", "Call-ID")]
        request = Request(method="CANCEL", uri=invite.uri, headers=(*copied, ("CSeq", "1 CANCEL")))
        self._say(branch, "cancelled")
        self._origin.exchanges.begin(ClientTransaction(request, (branch.key[0], "CANCEL"), _Nobody()), flow, None)

    # How it is done

    def _add(self, target: Target, *, awake: bool = False) -> None:
        """Send the request to a contact, or hold it for a push.

        Args:
            target: the contact.
            awake: it has just registered.
        """
        branch = Branch(self, len(self._branches) + 1, target)
        self._branches.append(branch)
        if not awake and self._origin.pushes.wanted(target) is not None:
            self._hold(branch)
            return
        marked = self._origin.is_marked(target.flow)
        flow = GIVEN_UP if marked else self._origin.route(target.flow, Uri.parse(target.contact))
        if isinstance(flow, str):
            branch.failed(None, flow)
            return
        branch.request, branch.key = self._make(target, flow)
        exchange = ClientTransaction(branch.request, branch.key, branch, on_provisional=branch.provisional)
        if not flow.ready and not self._connecting:
            self._connecting = True
            self.report.connecting(target.flow)
        self._origin.exchanges.begin(exchange, flow, max(0.0, self._ends - self._loop.time()))

    def _hold(self, branch: Branch) -> None:
        """Hold the request, and ask for one push for all contacts of the same app."""
        push = branch.target.push
        assert push is not None
        until = min(self._loop.time() + self._origin.pushes.wait, self._ends)
        branch.held = self._loop.call_at(until, self._unregistered, branch, NOT_REGISTERED)
        self._say(branch, "waiting")
        if not self._pushed:
            self.report.say("held", None, lost=branch.target.flow)
        if push not in self._pushed:
            self._pushed.add(push)
            self._origin.pushes.ask(branch.target, self.report.probe, partial(self._refused, push))

    def _refused(self, push: PushTarget) -> None:
        for branch in [one for one in self._branches if one.target.push == push and one.held is not None]:
            self._unregistered(branch, PUSH_REFUSED)

    def _unregistered(self, branch: Branch, reason: str) -> None:
        self._end_hold(branch, reason)
        self._settle()

    def _end_hold(self, branch: Branch, reason: str) -> None:
        if branch.held is not None:
            branch.held.cancel()
            branch.held = None
            branch.over, branch.reason = True, reason
            self._say(branch, "failed")

    def _end_holds(self, reason: str) -> None:
        for branch in self._branches:
            self._end_hold(branch, reason)

    def _win(self, branch: Branch) -> None:
        self._won = True
        self._end_holds("another-answered")
        self._end_waiting("another-answered")
        self._cancel_others(branch)

    def _cancel_others(self, branch: Branch) -> None:
        for other in self._branches:
            if other is not branch and not other.over and self._on_accepted is not None:
                other.cancel()

    def _waited(self) -> None:
        self._end_waiting(GONE)
        self._settle()

    def _end_waiting(self, reason: str) -> None:
        if self._waiting is None:
            return
        self._waiting.cancel()
        self._waiting = None
        for branch in self._branches:
            if branch.reason == GONE:
                self._say(branch, "failed", reason=reason)

    def _settle(self) -> None:
        """Use the best result as the probe's, if all branches are over and none was accepted."""
        if self._beginning or self.over or self._waiting is not None or not all(one.over for one in self._branches):
            return
        if not self._branches:
            self.report.say("failed", None, reason=self._nobody)
            return
        best = min(self._branches, key=lambda branch: branch.rank)
        if best.response is None:
            self.report.say("failed", best.flow, reason=best.reason, lost=best.target.flow)
        elif self._on_accepted is None:
            self.report.say("answered", best.flow, code=best.response.code)
        else:
            reason = f"{best.response.code} {best.response.reason}".strip()
            self.report.say("failed", best.flow, code=best.response.code, reason=reason)

    def _acknowledge(self, branch: Branch, flow: Flow, response: Response) -> None:
        """Send the ACK that belongs to the INVITE's own transaction (RFC 3261 §17.1.1.3)."""
        invite = branch.request
        assert invite is not None
        copied = [pair for pair in invite.headers if pair[0] in ("Via", "Max-Forwards", "From")]
        rest = (("To", response.first("To") or ""), ("Call-ID", invite.first("Call-ID") or ""), ("CSeq", "1 ACK"))
        ack = Request(method="ACK", uri=invite.uri, headers=(*copied, *rest))
        try:
            flow.send(ack.encode())
        except OSError as error:
            self.report.say("failed", flow, reason=why(error))

    def _say(self, branch: Branch, state: BranchState, *, code: int | None = None, reason: str = "") -> None:
        since = branch.target.registered_at
        if since is None:
            return
        event = ProbeBranch(
            probe=self.report.probe,
            branch=branch.number,
            state=state,
            binding=branch.target.id,
            contact=branch.target.contact,
            age=round(self._loop.time() - since, 3),
            flow=(branch.flow and branch.flow.id) or branch.target.flow,  # no id: it could not connect
            code=code,
            reason=reason or branch.reason if state == "failed" else "",
        )
        self._channel.emit(event)


class _Nobody:
    """Wants to know nothing of a CANCEL: the INVITE's own answer tells."""

    def sent(self, flow: Flow) -> None:
        """Handle a result, as `Asker`."""

    def answered(self, flow: Flow, response: Response, *, in_time: bool) -> None:
        """Handle a result, as `Asker`."""

    def failed(self, flow: Flow | None, reason: str) -> None:
        """Handle a result, as `Asker`."""
