"""Tracks the client's requests to Kamailio and their responses, from the log."""

from __future__ import annotations

from lab.actors.channel import Channel
from lab.record import events
from lab.record.events import ResponseSent
from lab.servers.kamailio.clients import Clients, PendingRequest
from lab.servers.kamailio.flows import Flow, Flows
from lab.servers.kamailio.log import LogLine
from lab.sip.claimed_source import claimed_source
from lab.sip.fields import parameters
from lab.sip.message import Request


class ClientRequests:
    """The client's requests, some of which are still to be answered.

    Args:
        channel: takes what is seen.
        flows: all that are there.
        clients: takes what Kamailio has granted.
    """

    def __init__(self, channel: Channel, flows: Flows, clients: Clients) -> None:
        self._channel = channel
        self._flows = flows
        self._clients = clients
        self._registering: dict[tuple[str, int], PendingRequest] = {}  # by Call-ID and CSeq; not answered yet
        self._subscribing: dict[str, PendingRequest] = {}  # by Call-ID; no NOTIFY has followed yet
        self._newest: dict[str, int] = {}  # CSeq of the newest SUBSCRIBE, by Call-ID

    def forget(self) -> None:
        """Kamailio is gone: what it has not answered it never will."""
        self._registering.clear()
        self._subscribing.clear()
        self._newest.clear()

    def request(self, told: LogLine, *, at: float) -> Flow:
        """Say that a request has come; return the flow it came on."""
        flow = self._flows.seen(told.get("flow"), told.number("connection"), at=at, subject=told.get("subject"))
        method, call_id, cseq = told.get("method"), told.get("call_id"), told.number("cseq")
        headers = tuple((name.capitalize(), told.get(name)) for name in ("via", "contact"))
        said = claimed_source(Request(method=method, uri=told.get("aor"), headers=headers))
        event = events.Request(
            method=method,
            flow=flow.id,
            peer=flow.peer,
            call_id=call_id,
            cseq=cseq,
            via=said.via,
            contact=said.contact,
        )
        self._channel.emit(event, at=at)
        asked = PendingRequest(
            flow.id, flow.transport, flow.peer, call_id,
            told.get("aor"), told.get("contact"), told.get("expires"), at,
        )  # fmt: skip
        if method == "REGISTER":
            self._registering[call_id, cseq] = asked
        elif method == "SUBSCRIBE" and cseq > self._newest.get(call_id, -1):  # else it was sent again, over UDP
            self._newest[call_id] = cseq
            self._subscribing[call_id] = asked
        return flow

    def response(self, told: LogLine, *, at: float) -> None:
        """Say that Kamailio has answered."""
        code, method, call_id = told.number("code"), told.get("method"), told.get("call_id")
        flow = self._flows.seen(told.get("flow"), told.number("connection"), at=at)
        self._channel.emit(ResponseSent(method=method, code=code, flow=flow.id), at=at)
        self._registering.pop((call_id, told.number("cseq")), None)
        if method == "SUBSCRIBE":
            self._subscribing.pop(call_id, None)  # what was not followed by a NOTIFY has been refused

    def registered(self, told: LogLine) -> None:
        """Kamailio has saved the contacts of a REGISTER."""
        asked = self._registering.get((told.get("call_id"), told.number("cseq")))
        if asked is not None:
            self._clients.registered(asked)

    def notify(self, told: LogLine, *, at: float) -> None:
        """Kamailio sends a NOTIFY: that after a SUBSCRIBE says what was granted, before the client knows it."""
        call_id, (state, _, rest) = told.get("call_id"), told.get("state").partition(";")
        asked = self._subscribing.pop(call_id, None)
        if asked is not None:
            granted = dict(parameters(f";{rest}")).get("expires") if state == "active" else None
            self._clients.subscribed(asked, int(granted or 0), at=at)
        elif state == "terminated":
            self._clients.unsubscribed(call_id, "expired", at=at)
