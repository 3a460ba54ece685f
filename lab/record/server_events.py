"""Defines the server's events."""

from __future__ import annotations

from typing import Literal

from lab.model.endpoint import Endpoint
from lab.record.event import Event, MessageText, MessageWay

ENDED_AT_SERVER = ("closed", "reset", "failed")
"""States of a server's flow that is over."""

IDLE_TIMEOUT = "idle-timeout"
"""Why a server's flow ended, if its own idle timeout ended it."""

GIVEN_UP = "given-up"
"""Why a server's flow ended, a call did, or a probe was not sent: the client had not answered the server's pings."""

CLOSE_FRAME = "close-frame"
"""Why a WebSocket of the server ended, if the client's Close frame ended it; its code follows."""

FlowState = Literal["accepted", "connected", "secured", "upgraded", "closed", "reset", "failed"]
BindingState = Literal["active", "refreshed", "removed", "expired", "terminated"]
ProbeKindName = Literal["notify", "message", "options", "invite"]
ProbeState = Literal["held", "connecting", "sent", "ringing", "talking", "ending", "answered", "failed"]
BranchState = Literal["waiting", "sent", "ringing", "answered", "cancelled", "failed"]
KeepAliveKind = Literal["options", "crlf", "ws-ping"]
KeepAliveState = Literal["sent", "answered", "failed"]


class ServerReady(Event, frozen=True, kw_only=True):
    """The server listens; ``ports`` by transport."""

    ports: dict[str, int]


class ServerFlow(Event, frozen=True, kw_only=True, tag="flow"):
    """A transport association of the server changed state.

    Attributes:
        id: the server's name for it, ``f1``.
        state: ``secured``: the TLS handshake is done; ``upgraded``: the connection is a WebSocket.
        transport: ``udp``, ``tcp``, ``tls``, ``ws`` or ``wss``.
        peer: the client's end as the server sees it.
        own: the server's end.
        reason: why it ended; empty: it has not, or nobody says. ``idle-timeout`` is the server's own, and
            ``close-frame 1001`` a client's Close frame with that code.
        subject: who the peer is by the certificate it showed; empty: none was asked for.
    """

    id: str
    state: FlowState
    transport: str
    peer: Endpoint
    own: Endpoint
    reason: str
    subject: str = ""


class Request(Event, frozen=True, kw_only=True):
    """A request reached the server.

    Attributes:
        flow: id of the flow it came on.
        peer: the other end of that.
        via: host and port in its topmost Via, as it came.
        contact: host and port of its first Contact, as it came.
        cseq: None: the request is malformed.
    """

    method: str
    flow: str
    peer: Endpoint
    call_id: str | None
    cseq: int | None
    via: str | None
    contact: str | None


class ResponseSent(Event, frozen=True, kw_only=True):
    """The server answered a request."""

    method: str
    code: int
    flow: str


class ResponseLost(Event, frozen=True, kw_only=True):
    """The server's kernel refused to send an answer; ``reason`` is its error."""

    method: str
    code: int
    flow: str
    reason: str


class ServerSipMessage(Event, frozen=True, kw_only=True, omit_defaults=True):
    """A SIP message left the server, again too, or was read by it; for people, no verdict depends on it.

    Attributes:
        flow: id of the flow on which it was sent or came.
        text: the whole message; empty where ``same`` says which it is.
        cut: whether ``text`` is only its beginning: Kamailio's log has 5,000 bytes of a message, and a record has 16 Mi
            characters of whole texts.
        same: the digest of the text, which another line of the record has.
    """

    way: MessageWay
    flow: str
    text: MessageText
    cut: bool = False
    same: str = ""


class ServerSubscription(Event, frozen=True, kw_only=True):
    """A subscription changed at the server, which is its notifier (RFC 6665).

    Attributes:
        id: ``s1``.
        expires: seconds granted; 0: it has ended.
        flow: id of the flow the SUBSCRIBE came on.
        contact: the subscriber's.
    """

    id: str
    state: BindingState
    expires: int
    flow: str
    contact: str


class Binding(Event, frozen=True, kw_only=True):
    """A binding changed at the server, which is the registrar (RFC 3261 §10.3).

    Attributes:
        id: ``b1``.
        expires: seconds granted; 0: it has ended.
        flow: id of the flow the REGISTER came on.
        aor: the address of record.
    """

    id: str
    state: BindingState
    expires: int
    flow: str
    contact: str
    aor: str


class Probe(Event, frozen=True, kw_only=True):
    """The server's attempt to reach the client went one step further; ``answered`` or ``failed`` is its fate.

    Attributes:
        probe: ``p1``, ``p2``, … in the scenario's order.
        state: ``held``: the server waits until a push has woken the client; ``connecting``: the flow is gone, and the
            server first connects to the Contact; of a call: ``ringing`` is the client's 180, ``talking`` its 200,
            ``ending`` the server's BYE.
        code: status code of the answer; None: there was none.
        flow: id of the flow it took or should have taken; None: there was none.
        peer: the other end of that.
        reason: why it failed: ``timeout``, ``flow-gone``, ``no-subscription``, ``no-binding``, ``given-up``,
            ``server-frozen``, ``server-down``, ``not-registered`` (the client did not register after a push),
            ``push-refused`` (its token is no longer active), or the text of an error.
        call_id: of a call: its Call-ID, once the client has accepted it; empty: not yet, or not told.
    """

    probe: str
    kind: ProbeKindName
    state: ProbeState
    code: int | None
    flow: str | None
    peer: Endpoint | None
    reason: str
    call_id: str = ""


class ProbeBranch(Event, frozen=True, kw_only=True):
    """The result of a probe outside any dialog at one of its contacts (RFC 3261 §16.6).

    Attributes:
        probe: ``p1``, ``p2``, …, as in `Probe`, which says what became of it all.
        branch: 1 is the contact that registered last.
        state: ``waiting``: the contact's connection is gone, or a push must wake the client, and the server waits for a
            new registration; ``answered``:
            with whatever final answer; ``cancelled``: CANCEL was sent, as another contact has answered; ``failed``: no
            answer came or can come.
        binding: ``b1``, as in `Binding`.
        contact: the one that was registered.
        age: seconds since the last REGISTER for it.
        flow: id of the flow it took, or should have taken.
        code: status code of the answer; None: there was none.
        reason: why it failed, as in `Probe`; ``another-answered`` and ``registered-anew`` end the waiting.
    """

    probe: str
    branch: int
    state: BranchState
    binding: str
    contact: str
    age: float
    flow: str | None
    code: int | None
    reason: str


class KeepAlive(Event, frozen=True, kw_only=True):
    """A keep-alive that the server sends by itself was sent, answered, or failed."""

    kind: KeepAliveKind
    state: KeepAliveState
    flow: str
    code: int | None
    reason: str


class ClientGivenUp(Event, frozen=True, kw_only=True):
    """The server has given up the bindings and subscriptions that came on a flow, for want of answers.

    Attributes:
        flow: its id.
        misses: how many pings in a row were not answered in time.
        how: ``removed``: they are gone; ``marked``: no probe and no NOTIFY is sent to them until the client is back.
    """

    flow: str
    misses: int
    how: Literal["removed", "marked"] = "removed"


class ClientBack(Event, frozen=True, kw_only=True):
    """A client that the server had marked has answered on that flow, or registered or subscribed anew."""

    flow: str


class CrlfPing(Event, frozen=True, kw_only=True):
    """A double CRLF reached the server (RFC 5626 §3.5.1)."""

    flow: str
    answered: bool


class FramePing(Event, frozen=True, kw_only=True):
    """A ping frame reached the server over WebSocket (RFC 6455 §5.5.2); it is answered."""

    flow: str


class Ignored(Event, frozen=True, kw_only=True):
    """The server read something and leaves it unanswered: a method, ``crlf-ping``, ``frame-ping`` or ``malformed``."""

    what: str
    flow: str


class Held(Event, frozen=True, kw_only=True):
    """The server read something and will answer it late: a method, ``crlf-ping``, ``frame-ping`` or ``malformed``."""

    what: str
    flow: str


class Malformed(Event, frozen=True, kw_only=True):
    """The server read something that is not SIP, or not as RFC 3261 has it."""

    flow: str
    reason: str


class Obeyed(Event, frozen=True, kw_only=True):
    """The server has done what the runner told it.

    Attributes:
        do: the command.
        flow: of ``close``: the flow it closed; None: there was none.
        was: of ``move-name``: the address that the name meant before.
        mode: of ``answer`` and ``names``: how it answers from now on; of ``refuse``: method and code, such as
            ``REGISTER 503``.
        by: of ``answer``: how late, in seconds.
        forgot: of ``go-down``: it has lost its subscriptions and bindings.
    """

    do: str
    flow: str | None = None
    was: str = ""
    mode: str = ""
    by: float | None = None
    forgot: bool = False


class Query(Event, frozen=True, kw_only=True):
    """Somebody asked the name server.

    Attributes:
        name, type: of the question.
        answer: an address, ``no-data``, ``no-such-name``, ``servfail``, or ``silent``.
    """

    name: str
    type: str
    answer: str
    peer: Endpoint


class Statistics(Event, frozen=True, kw_only=True):
    """Kamailio has written its counters into a file of the cell's folder."""

    file: str
    connections: int
    requests: int
    replies: int
