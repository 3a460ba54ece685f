"""Tells the actor protocol's events from the SIP messages that a client program shows in its own log.

For programs that trace their messages: what left and what came, with both ends. A NOTIFY or MESSAGE counts as
understood once the program has accepted it (2xx). Pure: no I/O.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from lab.model.endpoint import Endpoint
from lab.record.events import (
    CallState,
    ClientCall,
    ClientEvent,
    ClientSubscription,
    ClientTransport,
    MessageReceived,
    MessageText,
    NotifyReceived,
    OptionsAnswer,
    Registered,
    Registration,
    RequestSent,
    SipMessage,
    Subscribed,
    SubscriptionState,
)
from lab.sip.claimed_source import claimed_source
from lab.sip.fields import NameAddr, parameters, parse_cseq, parse_expires, split
from lab.sip.message import MalformedMessage, Request, Response
from lab.sip.status import is_success

_CHALLENGES = (401, 407)
_STATES: dict[str, SubscriptionState] = {"pending": "pending", "active": "active", "terminated": "terminated"}
_NOTE = re.compile(rb"<(?:\w+:)?note[^>]*>([^<]*)</", re.ASCII)
_Transaction = tuple[str, str, int]
"""Method, Call-ID, CSeq."""


@dataclass(frozen=True, slots=True)
class TracedMessage:
    """A SIP message as a program's log shows it.

    Attributes:
        data: its bytes, as the log shows them.
        sent: it left the program; else it came.
        transport: ``udp``, ``tcp`` or ``tls``.
        local, remote: the ends, as far as the log names them.
    """

    message: Request | Response
    sent: bool
    transport: str
    local: Endpoint | None = None
    remote: Endpoint | None = None
    data: bytes = b""

    def whole(self) -> SipMessage:
        """Return the event that shows it whole."""
        text = self.data.decode("utf-8", "backslashreplace")
        return SipMessage(way="sent" if self.sent else "received", text=MessageText(text))


class MessageEvents:
    """Follows one client's messages.

    Args:
        has_password: whether it answers a challenge, so that one to a request without credentials is no result.
    """

    def __init__(self, *, has_password: bool) -> None:
        self._has_password = has_password
        self._bare: set[_Transaction] = set()  # requests that went without credentials
        self._received: dict[_Transaction, Request] = {}  # NOTIFY and MESSAGE not yet answered
        self._connections: dict[Endpoint, str] = {}
        self._calls: dict[str, CallState] = {}
        self._subscription: SubscriptionState | None = None
        self._registered = self._subscribed = False

    def see(self, traced: TracedMessage) -> Iterator[ClientEvent]:
        """Yield the events of the next message; none for one without what every message must have."""
        message = traced.message
        try:
            cseq, method = parse_cseq(message.first("CSeq") or "")
        except MalformedMessage:
            return
        call_id = message.first("Call-ID")
        if call_id is None:
            return
        key = (method, call_id, cseq)
        if traced.sent:
            yield from self._connection(traced)
        if isinstance(message, Request):
            yield from self._sent_request(message, key) if traced.sent else self._came_request(message, key)
        else:
            yield from self._sent_response(message, key) if traced.sent else self._came_response(message, key)

    def _connection(self, traced: TracedMessage) -> Iterator[ClientEvent]:
        local = traced.local
        if traced.transport == "udp" or local is None or not local.port or local in self._connections:
            return
        name = self._connections[local] = f"c{len(self._connections) + 1}"
        yield ClientTransport(id=name, state="connected", type=traced.transport, local=local, remote=traced.remote)

    def _sent_request(self, request: Request, key: _Transaction) -> Iterator[ClientEvent]:
        method, call_id, cseq = key
        if not (request.first("Authorization") or request.first("Proxy-Authorization")):
            self._bare.add(key)
        said = claimed_source(request)
        yield RequestSent(method=method, call_id=call_id, cseq=cseq, via=said.via, contact=said.contact)

    def _came_request(self, request: Request, key: _Transaction) -> Iterator[ClientEvent]:
        method, call_id, _ = key
        if method in ("NOTIFY", "MESSAGE"):
            self._received[key] = request
        elif method == "INVITE" and call_id not in self._calls:
            yield from self._call(call_id, "incoming")
        elif method == "ACK" and self._calls.get(call_id) == "connecting":
            yield from self._call(call_id, "confirmed")
        elif method in ("BYE", "CANCEL"):
            yield from self._call(call_id, "disconnected")

    def _sent_response(self, response: Response, key: _Transaction) -> Iterator[ClientEvent]:
        method, call_id, _ = key
        if method == "INVITE" and response.code > 100 and self._calls.get(call_id) in ("incoming", "early"):
            state: CallState = "early" if response.code < 200 else "connecting"
            yield from self._call(call_id, state if response.code < 300 else "disconnected", response.code)
        request = self._received.pop(key, None)
        if request is None or not is_success(response.code):
            return
        if method == "MESSAGE":
            yield MessageReceived(text=request.body.decode(errors="replace"))
        else:
            yield from self._notified(request)

    def _came_response(self, response: Response, key: _Transaction) -> Iterator[ClientEvent]:
        code = response.code
        if code < 200 or (code in _CHALLENGES and self._has_password and key in self._bare):
            return
        self._bare.discard(key)
        match key[0]:
            case "REGISTER":
                expires = _granted(response)
                yield Registration(code=code, reason=response.reason, expires=expires)
                if is_success(code) and not self._registered:
                    self._registered = True
                    yield Registered()
            case "SUBSCRIBE" if not is_success(code):
                yield from self._change("terminated", code, response.reason)
            case "OPTIONS":
                yield OptionsAnswer(code=code, reason=response.reason)

    def _notified(self, notify: Request) -> Iterator[ClientEvent]:
        word, *more = split(notify.first("Subscription-State") or "", ";")
        reason = dict(parameters(";".join(more))).get("reason")
        if (state := _STATES.get(word.lower())) is not None:
            yield from self._change(state, 200 if state == "terminated" else 0, reason)
        note = _NOTE.search(notify.body)
        yield NotifyReceived(note=note[1].decode(errors="replace") if note else None)
        if state == "active" and not self._subscribed:
            self._subscribed = True
            yield Subscribed()

    def _change(self, state: SubscriptionState, code: int, reason: str | None) -> Iterator[ClientEvent]:
        if state != self._subscription:
            self._subscription = state
            yield ClientSubscription(state=state, code=code, reason=reason)

    def _call(self, call_id: str, state: CallState, code: int = 0) -> Iterator[ClientEvent]:
        if self._calls.get(call_id) != state:
            self._calls[call_id] = state
            yield ClientCall(call_id=call_id, state=state, code=code)


def _granted(response: Response) -> float | None:
    """Return the longest time that a registrar granted (RFC 3261 §10.3), in seconds; None: it does not say."""
    said = []
    try:
        for value in response.all("Contact"):
            for each in split(value, ","):
                written = dict(NameAddr.parse(each).parameters).get("expires")
                if written is not None:
                    said.append(parse_expires(written))
        if not said and (header := response.first("Expires")) is not None:
            said.append(parse_expires(header))
    except MalformedMessage:
        return None
    return float(max(said)) if said else None
