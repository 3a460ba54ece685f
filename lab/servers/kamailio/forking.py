"""Follows a request that Kamailio forks to all contacts of an address, branch by branch, in its log.

The lab has ``tm`` send it to Kamailio itself, whose route looks the contacts up and relays it (``lookup`` and
``t_relay``).
What is said of it is as in ``lab.servers.scripted.forking``.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from functools import partial
from typing import Protocol

from lab.actors.channel import Channel
from lab.model.endpoint import Endpoint
from lab.record.events import BranchState, ProbeBranch
from lab.servers.kamailio.clients import Clients, StoredContact
from lab.servers.kamailio.flows import Flow, Flows
from lab.servers.kamailio.log import LogLine
from lab.servers.probe_report import ProbeReport
from lab.servers.pushes import Pushes
from lab.sip.best_response import GONE, NOT_REGISTERED, PUSH_REFUSED, rank
from lab.sip.fields import Uri, Via, split
from lab.sip.message import MalformedMessage
from lab.sip.push import PushTarget
from lab.sip.status import FAILED_FROM, is_success

RINGING = 180
REGISTERED_ANEW = "registered-anew"
"""Why the waiting for a contact is over: there is a new registration."""


class ServerContext(Protocol):
    """The parts of the server that a fork needs."""

    channel: Channel
    clients: Clients
    flows: Flows
    connects: bool
    bindings_only: bool
    wait: float
    pushes: Pushes


class Branch:
    """The request to one contact."""

    def __init__(self, number: int, uri: str, binding: StoredContact | None, flow: Flow | None) -> None:
        self.number = number
        self.uri = uri
        self.binding = binding
        self.flow = flow
        self.code: int | None = None
        self.reason = ""
        self.proceeding = False  # it rings: its final answer may come over another connection (RFC 3261 §18.2.2)
        self.over = False

    @property
    def rank(self) -> tuple[bool, int]:
        """The rank of its answer for the caller; the least is the best."""
        return rank(self.code, self.reason)


class Fork:
    """One probe outside any dialog, and its branches.

    Args:
        origin: the server.
        report: says how the probe stands.
        call_id: of the request.
        method: of the request.
        aor: whose contacts it goes to.
        patience: seconds from now in which an answer counts.
        on_accepted: takes an INVITE's 2xx, and whether it wins; None: this is no INVITE.
    """

    def __init__(
        self,
        origin: ServerContext,
        report: ProbeReport,
        call_id: str,
        method: str,
        aor: str,
        *,
        patience: float,
        on_accepted: Callable[[Flow, LogLine, float, bool], None] | None,
    ) -> None:
        self.call_id = call_id
        self.method = method
        self.report = report
        self._origin = origin
        self.aor = aor
        self.stored = ""
        self.suspended = False
        self._on_accepted = on_accepted
        self._branches: dict[int, Branch] = {}  # by Kamailio's number
        self._won = self._rang = False
        self._waiting: asyncio.TimerHandle | None = None
        self._held: asyncio.TimerHandle | None = None
        self._goes_on = False  # Kamailio has been told to send what it held; no branch is there yet
        self._pushed: dict[PushTarget, StoredContact] = {}
        self._waited_for = False
        self._timer = asyncio.get_running_loop().call_later(patience, self._end, "timeout")
        self._patience = patience

    @property
    def over(self) -> bool:
        """True if the probe's result is known, or the accepted call decides it."""
        return self._won or self.report.over

    def begin(self) -> bool:
        """Return whether it waits, for a push, or as no contact has a connection; they are told."""
        bound = self._origin.clients.bindings(self.aor)
        if self._hold(bound):
            return True
        if not self._origin.wait or any(self._origin.flows.get(one.flow) for one in bound):
            return False
        now = time.monotonic()
        self.suspended = True
        self._wait()
        for number, one in enumerate(bound, start=1):
            self._branches[-number] = branch = Branch(number, one.contact, one, None)
            self._lost(branch, at=now)
        return True

    def is_stored(self, name: str) -> None:
        """Handle that Kamailio keeps the request; now the clients for which it is held can be woken."""
        self.stored = name
        for push, binding in self._pushed.items():
            self._origin.pushes.ask(binding, self.report.probe, partial(self._refused, push))

    def registered(self, binding: StoredContact) -> bool:
        """Return whether it waits for this contact; then it waits no more."""
        if self._held is not None and binding.push in self._pushed and self.stored:
            self._end_hold(REGISTERED_ANEW)
            self._goes_on = True
            return True
        if self._waiting is None or self.over or binding.aor != self.aor or not self.stored:
            return False
        self._end_waiting(REGISTERED_ANEW)
        return True

    def branch(self, told: LogLine, *, at: float) -> None:
        """Handle a new branch."""
        self._goes_on = False
        number, uri = told.number("branch"), told.get("uri")
        flow = self._way(told.get("way") or uri)
        branch = Branch(len(self._branches) + 1, uri, self._origin.clients.binding(self.aor, uri), flow)
        if flow is None and not self._origin.connects:
            if not any(one.uri == uri and one.reason == GONE for one in self._branches.values()):
                self._branches[number] = branch
                self._lost(branch, at=at)
            return
        self._branches[number] = branch
        others = (one for one in self._branches.values() if one is not branch)
        if not any(one.reason not in (GONE, REGISTERED_ANEW) for one in others):
            self.report.say("sent", flow, at=at)
        self._say(branch, "sent", at=at)

    def reply(self, flow: Flow, told: LogLine, *, at: float) -> None:
        """Handle a client's response to the request or to a CANCEL."""
        branch = self._branches.get(_branch_number(told.get("via")))
        if branch is None or branch.over:
            return
        code = told.number("code")
        branch.flow = flow
        if told.get("method") == "CANCEL":
            self._say(branch, "cancelled", at=at)
        elif code == RINGING:
            branch.proceeding = True
            self._say(branch, "ringing", code=code, at=at)
            if not self._rang:
                self._rang = True
                self.report.say("ringing", flow, code=code, at=at)
        elif code >= 200:
            branch.over, branch.code = True, code
            self._say(branch, "answered", code=code, at=at)
            if is_success(code):
                self._accepted(flow, told, at)

    def _hold(self, bound: list[StoredContact]) -> bool:
        """Hold the request if a push must wake a client first, for all contacts; return whether it is held."""
        self._pushed = {push: one for one in bound if (push := self._origin.pushes.wanted(one)) is not None}
        if not self._pushed:
            return False
        now = time.monotonic()
        self.suspended = True
        wait = min(self._origin.pushes.wait, self._patience)
        self._held = asyncio.get_running_loop().call_later(wait, self._unregistered, NOT_REGISTERED)
        for number, one in enumerate(bound, start=1):
            self._branches[-number] = branch = Branch(number, one.contact, one, None)
            self._say(branch, "waiting", at=now)
        self.report.say("held", None, lost=bound[0].flow)
        return True

    def _refused(self, push: PushTarget) -> None:
        del self._pushed[push]
        if not self._pushed:
            self._unregistered(PUSH_REFUSED)

    def _unregistered(self, reason: str) -> None:
        if self._held is not None:
            self._end_hold(reason)
            self._end(reason)

    def _end_hold(self, reason: str) -> None:
        assert self._held is not None
        self._held.cancel()
        self._held = None
        for branch in self._branches.values():
            branch.over, branch.reason = True, reason
            self._say(branch, "failed", at=time.monotonic())

    def _lost(self, branch: Branch, *, at: float) -> None:
        """Wait for a connection, because there is none."""
        branch.over, branch.reason = True, GONE
        self._wait()
        self._say(branch, "waiting" if self._waiting else "failed", at=at)

    def _wait(self) -> None:
        if self._origin.wait and not self._waited_for:
            self._waited_for = True
            self._waiting = asyncio.get_running_loop().call_later(self._origin.wait, self._waited)

    def _waited(self) -> None:
        self._end_waiting(GONE)
        if all(one.over for one in self._branches.values()):
            self._end(GONE)

    def _end_waiting(self, reason: str) -> None:
        if self._waiting is None:
            return
        self._waiting.cancel()
        self._waiting = None
        for branch in self._branches.values():
            if branch.reason == GONE:
                self._say(branch, "failed", at=time.monotonic(), reason=reason)

    def own_reply(self, code: int) -> None:
        """Handle Kamailio's own response, made from those of the branches."""
        if code >= FAILED_FROM and not self.over:
            self._end("timeout")

    def flow_ended(self, flow: Flow) -> None:
        """Handle the end of a flow: no answer can come on it any more."""
        for branch in self._branches.values():
            if branch.flow == flow and not branch.over and not branch.proceeding:
                branch.over, branch.reason = True, GONE
                self._say(branch, "failed", at=time.monotonic())
        waits = self._waiting or self._held or self._goes_on
        if self._branches and not waits and all(one.over for one in self._branches.values()):
            self._end(GONE)

    def end(self, reason: str) -> None:
        """Handle the end: nothing will be answered any more."""
        self._end(reason)

    def _accepted(self, flow: Flow, told: LogLine, at: float) -> None:
        wins = not self.over
        self._won = self._won or wins
        self._end_waiting("another-answered")
        if self._on_accepted is not None:
            self._on_accepted(flow, told, at, wins)
        elif wins:
            self.report.say("answered", flow, code=told.number("code"), at=at)

    def _end(self, reason: str) -> None:
        """Say of each branch that is not over why, and if none was accepted, of the probe what the best came to."""
        self._timer.cancel()
        if self._held is not None:
            self._end_hold(reason)
        self._end_waiting(reason)
        for branch in self._branches.values():
            if not branch.over:
                branch.over, branch.reason = True, reason
                self._say(branch, "failed", at=time.monotonic())
        if self.over:
            return
        if not self._branches:
            nobody = "no-binding" if self._origin.bindings_only else "no-subscription"
            self.report.say("failed", None, reason=nobody if reason == "timeout" else reason)
            return
        best = min(self._branches.values(), key=lambda branch: branch.rank)
        if best.code is None:
            lost = None if best.binding is None else best.binding.flow
            flow = None if best.reason == GONE else best.flow
            self.report.say("failed", flow, reason=best.reason, lost=lost)
        elif self._on_accepted is None:
            self.report.say("answered", best.flow, code=best.code)
        else:
            self.report.say("failed", best.flow, code=best.code, reason=str(best.code))

    def _way(self, uri: str) -> Flow | None:
        try:
            hop = Uri.parse(uri)
        except MalformedMessage:
            return None
        return self._origin.flows.find(hop.transport, Endpoint.of(hop.endpoint))

    def _say(self, branch: Branch, state: BranchState, *, at: float, code: int | None = None, reason: str = "") -> None:
        binding = branch.binding
        lost = None if binding is None else binding.flow
        event = ProbeBranch(
            probe=self.report.probe,
            branch=branch.number,
            state=state,
            binding="" if binding is None else binding.id,
            contact=branch.uri,
            age=0.0 if binding is None else round(at - binding.registered_at, 3),
            flow=lost if branch.flow is None else branch.flow.id,
            code=code,
            reason=(reason or branch.reason) if state == "failed" else "",
        )
        self._origin.channel.emit(event, at=at)


def _branch_number(via: str) -> int:
    """Return Kamailio's number of the branch that a reply belongs to, the end of its Via's branch; -1: none."""
    try:
        branch = Via.parse(split(via, ",")[0]).get("branch") or ""
        return int(branch.rpartition(".")[2], 16)
    except (MalformedMessage, IndexError, ValueError):
        return -1
