"""Every event of a record: one frozen type each, which writers construct and judges read.

A line of ``record.jsonl`` is an event with three things beside it: ``t`` (seconds after time zero, negative before),
``who`` (the node it comes from, or ``runner`` for what the lab itself does and sees) and ``ev``, the event's name. The
other keys are the event's fields; times in fields are seconds, sizes bytes. ``docs/record.md`` and the JSON Schema are
generated from this module. `VERSION` grows when a line of today could be misread by a reader of yesterday.

The client's events (`ClientEvent`) are also the public protocol: what a client of anybody's may say.
"""

from __future__ import annotations

import re
from typing import Literal

import msgspec

from lab.model.endpoint import Endpoint

VERSION = 2
"""Of the record's format. Version 1 had no types and is converted by ``lab.record.version_1``."""

SENTINEL_PORT = 5099
"""Of the server's node, for the sentinel alone: what is seen there is not counted as cost."""

ENDED_AT_CLIENT = ("disconnected", "shutdown", "destroyed")
ENDED_AT_SERVER = ("closed", "reset", "failed")
"""States of a client's transport, and of a server's flow, that is over."""

IDLE_TIMEOUT = "idle-timeout"
"""Why a server's flow ended, if its own idle timeout ended it."""

GIVEN_UP = "given-up"
"""Why a server's flow ended, a call did, or a probe was not sent: the client had not answered the server's pings."""

TransportState = Literal["connected", "disconnected", "shutdown", "destroyed"]
SubscriptionState = Literal["pending", "active", "terminated"]
CallState = Literal["incoming", "early", "connecting", "confirmed", "disconnected"]
FlowState = Literal["accepted", "connected", "secured", "closed", "reset", "failed"]
BindingState = Literal["active", "refreshed", "removed", "expired", "terminated"]
ProbeKindName = Literal["notify", "message", "options", "invite"]
ProbeState = Literal["connecting", "sent", "ringing", "talking", "ending", "answered", "failed"]
BranchState = Literal["waiting", "sent", "ringing", "answered", "cancelled", "failed"]
KeepAliveKind = Literal["options", "crlf"]
KeepAliveState = Literal["sent", "answered", "failed"]
SentinelFlow = Literal["from-inside", "from-outside"]
SentinelState = Literal["delivered", "reset", "closed", "unreachable", "silent", "failed"]


def _name(class_name: str) -> str:
    """Return the event's name: the class's in kebab-case."""
    return re.sub(r"(?<!^)(?=[A-Z])", "-", class_name).lower()


def _key(field: str) -> str:
    """Return the key of a field; a closing underscore avoids a word of Python's (``from_``) and is not part of it."""
    return field.rstrip("_")


class Event(msgspec.Struct, frozen=True, kw_only=True, tag_field="ev", tag=_name, rename=_key):
    """Base of all events."""


# What a client says


class ClientEvent(Event, frozen=True, kw_only=True):
    """Base of what clients say.

    Attributes:
        also: JSON of further fields that the client wrote and the lab does not know, as far as there are any.
    """

    also: str | msgspec.UnsetType = msgspec.UNSET


class ClientReady(ClientEvent, frozen=True, kw_only=True, tag="ready"):
    """The client has understood ``start``.

    Attributes:
        version: what it calls itself.
        mitigations: the kinds it can do when ``start`` asks for them.
    """

    version: str | None = None
    mitigations: tuple[str, ...] | None = None


class Registered(ClientEvent, frozen=True, kw_only=True):
    """The client's first REGISTER was answered with 2xx. If the account only registers, this is time zero."""


class Subscribed(ClientEvent, frozen=True, kw_only=True):
    """The client's first NOTIFY has come. If the account subscribes, this is time zero."""


class ClientTransport(ClientEvent, frozen=True, kw_only=True, tag="transport"):
    """A connection of the client changed state.

    Attributes:
        id: the client's name for it.
        state: ``disconnected``: ended by the network or the other side; ``shutdown``: not used for anything new;
            ``destroyed``: gone.
        local: the client's own end.
        remote: the other end.
        type: ``udp``, ``tcp`` or ``tls``.
        reason: why it ended, in the client's words; ``idle-timer`` names an idle timer.
    """

    id: str
    state: TransportState
    local: Endpoint
    type: str | None = None
    remote: Endpoint | None = None
    reason: str = ""


class Registration(ClientEvent, frozen=True, kw_only=True):
    """A REGISTER of the client was answered, or failed.

    Attributes:
        code: status code; pjsip makes one itself where none came (408 after Timer F, 503 if it could not be sent).
        reason: the phrase beside it.
        expires: seconds granted.
    """

    code: int
    reason: str = ""
    expires: float | None = None


class RegistrationRefused(ClientEvent, frozen=True, kw_only=True):
    """The client's own library refused to send a REGISTER, as while another one is under way."""

    reason: str = ""


class ClientSubscription(ClientEvent, frozen=True, kw_only=True, tag="subscription"):
    """The client's subscription changed state.

    Attributes:
        code: status code of what ended it; 0: none did.
        reason: the phrase beside it.
    """

    state: SubscriptionState
    reason: str | None = None
    code: int = 0


class NotifyReceived(ClientEvent, frozen=True, kw_only=True, tag="notify"):
    """The client has understood a NOTIFY; ``note`` is the text in its presence document."""

    note: str | None = None


class MessageReceived(ClientEvent, frozen=True, kw_only=True, tag="message"):
    """The client has understood a MESSAGE."""

    text: str | None = None


class ClientCall(ClientEvent, frozen=True, kw_only=True, tag="call"):
    """A call changed state at the client; ``confirmed``: the ACK has come. ``code`` is the last status code."""

    state: CallState
    call_id: str | None = None
    code: int = 0


class IpChanged(ClientEvent, frozen=True, kw_only=True):
    """The client has taken note of its new address; ``code`` is its library's result, 0: no error."""

    code: int


class RequestSent(ClientEvent, frozen=True, kw_only=True):
    """A request left the client, or left it again.

    Attributes:
        via: host and port in its topmost Via, as written.
        contact: host and port of its first Contact, as written.
    """

    method: str
    call_id: str
    cseq: int
    via: str | None = None
    contact: str | None = None


class OptionsSent(ClientEvent, frozen=True, kw_only=True):
    """The client sent its ``n``-th OPTIONS ping."""

    n: int | None = None


class OptionsAnswer(ClientEvent, frozen=True, kw_only=True):
    """The client's ``n``-th OPTIONS ping was answered, or failed."""

    code: int
    n: int | None = None
    reason: str = ""


class Unanswered(ClientEvent, frozen=True, kw_only=True):
    """The client gave a connection up because nothing was answered on it for ``patience`` seconds."""

    id: str | None = None
    patience: float | None = None


class TransportReference(ClientEvent, frozen=True, kw_only=True, tag="ref"):
    """A mitigation took a reference to a transport (``held``), or gave it back."""

    id: str
    held: bool | None = None


class SettingMade(ClientEvent, frozen=True, kw_only=True, tag="setting"):
    """A mitigation set something for the whole client; the values it set stand beside its name, in seconds."""

    name: str
    t1: float | None = None
    t2: float | None = None
    interval: float | None = None
    time: float | None = None
    expires: float | None = None


class SocketOptionSet(ClientEvent, frozen=True, kw_only=True, tag="socket-option"):
    """The kernel's value of a socket option on a connection of the client."""

    id: str
    name: str
    value: int


class IntervalTried(ClientEvent, frozen=True, kw_only=True):
    """An adaptive keep-alive tried an interval and found it ``safe`` or not."""

    interval: float
    safe: bool


class IntervalUsed(ClientEvent, frozen=True, kw_only=True):
    """An adaptive keep-alive uses this interval from now on."""

    interval: float


class Other(ClientEvent, frozen=True, kw_only=True):
    """An event that the lab does not know; it proves nothing.

    Attributes:
        said: its name.
        fields: its fields as JSON.
    """

    said: str
    fields: str


class Aborted(Event, frozen=True, kw_only=True):
    """An actor's process has ended.

    Attributes:
        how: a signal's name, or an exit status.
        last: the last lines of its log.
    """

    how: str
    last: str


# What a server says


class ServerReady(Event, frozen=True, kw_only=True):
    """The server listens; ``ports`` by transport."""

    ports: dict[str, int]


class ServerFlow(Event, frozen=True, kw_only=True, tag="flow"):
    """A transport association of the server changed state.

    Attributes:
        id: the server's name for it, ``f1``.
        transport: ``udp``, ``tcp`` or ``tls``.
        peer: the client's end as the server sees it.
        own: the server's end.
        reason: why it ended; empty: it has not, or nobody says. ``idle-timeout`` is the server's own.
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
        state: ``connecting``: the flow is gone, and the server first connects to the Contact; of a call: ``ringing`` is
            the client's 180, ``talking`` its 200, ``ending`` the server's BYE.
        code: status code of the answer; None: there was none.
        flow: id of the flow it took or should have taken; None: there was none.
        peer: the other end of that.
        reason: why it failed: ``timeout``, ``flow-gone``, ``no-subscription``, ``no-binding``, ``given-up``,
            ``server-frozen``, ``server-down``, or the text of an error.
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
    """What became of a probe outside any dialog at one of the contacts that it was sent to (RFC 3261 §16.6).

    Attributes:
        probe: ``p1``, ``p2``, …, as in `Probe`, which says what became of it all.
        branch: 1 is the contact that registered last.
        state: ``waiting``: the contact's connection is gone, and the server waits for a new registration; ``answered``:
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
        how: ``removed``: they are gone; ``marked``: nothing is sent to them until the client is back.
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


class Ignored(Event, frozen=True, kw_only=True):
    """The server read something and leaves it unanswered: a method, ``crlf-ping`` or ``malformed``."""

    what: str
    flow: str


class Held(Event, frozen=True, kw_only=True):
    """The server read something and will answer it late: a method, ``crlf-ping`` or ``malformed``."""

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


# What the lab sees and does


class Mapping(Event, frozen=True, kw_only=True):
    """A mapping of a middlebox came or went; ``who`` is the middlebox.

    Attributes:
        inside: the endpoint behind the middlebox.
        outside: as which endpoint that appears outside.
        remote: with whom it talks.
        id: conntrack's number for it.
        tcp_state: conntrack's state of it; empty of UDP.
        seen: how many seconds after the fact the lab noticed.
    """

    state: Literal["new", "destroyed"]
    proto: Literal["tcp", "udp"]
    inside: Endpoint
    outside: Endpoint
    remote: Endpoint
    id: int
    tcp_state: str
    seen: float


class Packet(Event, frozen=True, kw_only=True):
    """An IPv4 packet passed a link; ``who`` is the node at whose end it was captured.

    Attributes:
        from_: the node that sent it onto the link.
        bytes: length of the IP packet.
        payload: bytes above TCP, UDP or IP.
        flags: of TCP: letters of ``FSRPAUEC``.
        seq: of TCP: its sequence number.
    """

    link: str
    from_: str
    proto: Literal["tcp", "udp", "icmp", "other"]
    src: Endpoint
    dst: Endpoint
    bytes: int
    payload: int
    flags: str = ""
    seq: int | None = None


class SentinelOpened(Event, frozen=True, kw_only=True):
    """A flow of the sentinel is established; from now on it is silent.

    Attributes:
        flow: by the side from which it will be challenged.
        local: the client node's end.
        remote: the server node's end, as the client node sees it.
    """

    flow: SentinelFlow
    local: Endpoint
    remote: Endpoint


class SentinelChallenged(Event, frozen=True, kw_only=True):
    """Something was sent on a flow of the sentinel.

    Attributes:
        idle: for how many seconds nothing had been sent on it.
        found: how the sender's end was found: ``open``, ``reset``, or ``closed`` by a FIN.
    """

    flow: SentinelFlow
    idle: float
    found: Literal["open", "reset", "closed"]


class SentinelOutcome(Event, frozen=True, kw_only=True):
    """What came of a challenge, as the sender sees it.

    Attributes:
        state: ``unreachable``: ICMP said so; ``silent``: nothing came of it within 3 s.
        reason: of ``failed``: the error.
        peer: ``reset`` if the receiver's end was reset as well, else empty.
        took: seconds.
    """

    flow: SentinelFlow
    state: SentinelState
    reason: str
    peer: Literal["", "reset"]
    took: float


class RecordBegan(Event, frozen=True, kw_only=True, tag="record"):
    """The first line of a record: the version of its format."""

    version: int


class FaultBegan(Event, frozen=True, kw_only=True, tag="fault"):
    """A fault of the scenario has begun.

    Attributes:
        n: its place in the scenario, from 0.
        fault: its kind, as scenarios write it.
        proof: what shows that it took effect, as read back from the kernel or said by the actor; its fields are the
            ``Proof`` of ``lab.faults``'s module of that name.
    """

    n: int
    fault: str
    proof: msgspec.Raw


class FaultEnded(Event, frozen=True, kw_only=True, tag="fault-over"):
    """A fault of the scenario is over.

    Attributes:
        n: its place in the scenario, from 0.
        fault: its kind, as scenarios write it.
        dropped: packets that its rules have lost; None: it has no such rules.
    """

    n: int
    fault: str
    dropped: int | None = None


class FaultMoot(Event, frozen=True, kw_only=True, tag="fault-moot"):
    """A fault of the scenario did not begin, because its moment did not come, or something forbade it then.

    Attributes:
        n: its place in the scenario, from 0.
        fault: its kind, as scenarios write it.
        why: a clause.
    """

    n: int
    fault: str
    why: str


class ProtocolError(Event, frozen=True, kw_only=True):
    """An actor of the scenario's author broke the actor protocol.

    Attributes:
        actor: ``client``.
        why: what is wrong, a clause.
        wrote: the beginning of the line.
    """

    actor: str
    why: str
    wrote: str


class LimitPassed(Event, frozen=True, kw_only=True):
    """An actor took more than the lab allows; the lab ended the cell then.

    Attributes:
        actor: ``client``.
        what: what it did, a clause that follows its name: ``wrote more than 300,000 events``.
    """

    actor: str
    what: str


class Step(Event, frozen=True, kw_only=True):
    """``lab actor check`` asked the client to end: by ``stop``, or by ``hang-up``."""

    step: Literal["stop", "hang-up"]


class NeverSilent(Event, frozen=True, kw_only=True):
    """The client was never set up; times of this record count from the cell's start."""


class RunEnded(Event, frozen=True, kw_only=True, tag="end"):
    """The timeline has run to its end."""


CLIENT_EVENTS: tuple[type[ClientEvent], ...] = (
    ClientReady, Registered, Subscribed, ClientTransport, Registration, RegistrationRefused, ClientSubscription,
    NotifyReceived, MessageReceived, ClientCall, IpChanged, RequestSent, OptionsSent, OptionsAnswer, Unanswered,
    TransportReference, SettingMade, SocketOptionSet, IntervalTried, IntervalUsed,
)  # fmt: skip
"""What a client may say; any other event of its is kept as `Other`."""

SERVER_EVENTS: tuple[type[Event], ...] = (
    ServerReady, ServerFlow, Request, ResponseSent, ResponseLost, ServerSubscription, Binding, Probe, ProbeBranch,
    KeepAlive, ClientGivenUp, ClientBack, CrlfPing, Ignored, Held, Malformed, Obeyed, Query, Statistics,
)  # fmt: skip
"""What a server says."""

LAB_EVENTS: tuple[type[Event], ...] = (
    Mapping, Packet, SentinelOpened, SentinelChallenged, SentinelOutcome, RecordBegan, FaultBegan, FaultEnded,
    FaultMoot, ProtocolError, LimitPassed, Step, NeverSilent, RunEnded, Aborted, Other,
)  # fmt: skip
"""What the lab itself sees and does."""

RequestOutcome = OptionsAnswer | Registration | ClientSubscription
REQUESTS: dict[type[RequestOutcome], str] = {
    OptionsAnswer: "OPTIONS",
    Registration: "REGISTER",
    ClientSubscription: "SUBSCRIBE",
}
"""Requests of the client, by the events that tell what became of them."""

EVENTS: tuple[type[Event], ...] = (*CLIENT_EVENTS, *SERVER_EVENTS, *LAB_EVENTS)


def name_of(kind: type[Event]) -> str:
    """Return the event's name, as in ``ev``."""
    return str(kind.__struct_config__.tag)
