"""Defines every event of a record, one frozen type each; writers construct them and judges read them.

A line of ``record.jsonl`` is an event with three things beside it: ``t`` (seconds after time zero, negative before),
``who`` (the node it comes from, or ``runner`` for what the lab itself does and sees) and ``ev``, the event's name. The
other keys are the event's fields; times in fields are seconds, sizes bytes. ``docs/record.md`` and the JSON Schema are
generated from this module. `VERSION` grows when a line of today could be misread by a reader of yesterday.

The client's events (`ClientEvent`) are also the public protocol: what a client of anybody's may say.

The types stand in modules by who writes them (``client_events``, ``server_events``, ``proxy_events``,
``lab_events``), and those of push messages in ``push_events``; readers import them from here.
"""

from __future__ import annotations

from lab.record.client_events import (
    ENDED_AT_CLIENT,
    CallState,
    ClientCall,
    ClientEvent,
    ClientReady,
    ClientSubscription,
    ClientTransport,
    IntervalTried,
    IntervalUsed,
    IpChanged,
    MessageReceived,
    NotifyReceived,
    OptionsAnswer,
    OptionsSent,
    Other,
    PushReceived,
    Registered,
    Registration,
    RegistrationRefused,
    RequestSent,
    SettingMade,
    SipMessage,
    SocketOptionSet,
    Subscribed,
    SubscriptionState,
    TransportReference,
    TransportState,
    Unanswered,
)
from lab.record.event import (
    Event,
    MessageText,
    MessageWay,
    name_of,
)
from lab.record.lab_events import (
    SENTINEL_PORT,
    Aborted,
    ClientAddresses,
    ClientNetwork,
    ClientProcess,
    ClientRadio,
    FaultBegan,
    FaultEnded,
    FaultMoot,
    LimitPassed,
    Mapping,
    NeverSilent,
    Packet,
    ProtocolError,
    RecordBegan,
    RunEnded,
    SentinelChallenged,
    SentinelFlow,
    SentinelOpened,
    SentinelOutcome,
    SentinelState,
    Step,
)
from lab.record.proxy_events import TIMEOUT, ProxyConnection, ProxyReady
from lab.record.push_events import PushDelivered, PushHeld, PushLost, PushRefused, PushRequested
from lab.record.server_events import (
    CLOSE_FRAME,
    ENDED_AT_SERVER,
    GIVEN_UP,
    IDLE_TIMEOUT,
    Binding,
    BindingState,
    BranchState,
    ClientBack,
    ClientGivenUp,
    CrlfPing,
    FlowState,
    FramePing,
    Held,
    Ignored,
    KeepAlive,
    KeepAliveKind,
    KeepAliveState,
    Malformed,
    Obeyed,
    Probe,
    ProbeBranch,
    ProbeKindName,
    ProbeState,
    Query,
    Request,
    ResponseLost,
    ResponseSent,
    ServerFlow,
    ServerReady,
    ServerSipMessage,
    ServerSubscription,
    Statistics,
)

VERSION = 2
"""Of the record's format. Version 1 had no types and is converted by ``lab.record.version_1``."""

CLIENT_EVENTS: tuple[type[ClientEvent], ...] = (
    ClientReady, Registered, Subscribed, ClientTransport, Registration, RegistrationRefused, ClientSubscription,
    NotifyReceived, MessageReceived, ClientCall, IpChanged, RequestSent, OptionsSent, OptionsAnswer, Unanswered,
    TransportReference, SettingMade, SocketOptionSet, IntervalTried, IntervalUsed, SipMessage, PushReceived,
)  # fmt: skip
"""What a client may say; any other event of its is kept as `Other`."""

SERVER_EVENTS: tuple[type[Event], ...] = (
    ServerReady, ServerFlow, Request, ResponseSent, ResponseLost, ServerSubscription, Binding, Probe, ProbeBranch,
    KeepAlive, ClientGivenUp, ClientBack, CrlfPing, FramePing, Ignored, Held, Malformed, Obeyed, Query, Statistics,
    ServerSipMessage, PushRequested,
)  # fmt: skip
"""What a server says."""

PROXY_EVENTS: tuple[type[Event], ...] = (ProxyReady, ProxyConnection)
"""What a proxy says."""

LAB_EVENTS: tuple[type[Event], ...] = (
    Mapping, Packet, SentinelOpened, SentinelChallenged, SentinelOutcome, RecordBegan, FaultBegan, FaultEnded,
    FaultMoot, ClientProcess, ClientRadio, ClientNetwork, ClientAddresses, ProtocolError, LimitPassed, Step,
    NeverSilent, RunEnded, Aborted, Other, PushDelivered, PushHeld, PushLost, PushRefused,
)  # fmt: skip
"""What the lab itself sees and does."""

RequestOutcome = OptionsAnswer | Registration | ClientSubscription

REQUESTS: dict[type[RequestOutcome], str] = {
    OptionsAnswer: "OPTIONS",
    Registration: "REGISTER",
    ClientSubscription: "SUBSCRIBE",
}
"""Requests of the client, by the events that tell what became of them."""

EVENTS: tuple[type[Event], ...] = (*CLIENT_EVENTS, *SERVER_EVENTS, *PROXY_EVENTS, *LAB_EVENTS)

__all__ = [
    "CLIENT_EVENTS",
    "CLOSE_FRAME",
    "ENDED_AT_CLIENT",
    "ENDED_AT_SERVER",
    "EVENTS",
    "GIVEN_UP",
    "IDLE_TIMEOUT",
    "LAB_EVENTS",
    "PROXY_EVENTS",
    "REQUESTS",
    "SENTINEL_PORT",
    "SERVER_EVENTS",
    "TIMEOUT",
    "VERSION",
    "Aborted",
    "Binding",
    "BindingState",
    "BranchState",
    "CallState",
    "ClientAddresses",
    "ClientBack",
    "ClientCall",
    "ClientEvent",
    "ClientGivenUp",
    "ClientNetwork",
    "ClientProcess",
    "ClientRadio",
    "ClientReady",
    "ClientSubscription",
    "ClientTransport",
    "CrlfPing",
    "Event",
    "FaultBegan",
    "FaultEnded",
    "FaultMoot",
    "FlowState",
    "FramePing",
    "Held",
    "Ignored",
    "IntervalTried",
    "IntervalUsed",
    "IpChanged",
    "KeepAlive",
    "KeepAliveKind",
    "KeepAliveState",
    "LimitPassed",
    "Malformed",
    "Mapping",
    "MessageReceived",
    "MessageText",
    "MessageWay",
    "NeverSilent",
    "NotifyReceived",
    "Obeyed",
    "OptionsAnswer",
    "OptionsSent",
    "Other",
    "Packet",
    "Probe",
    "ProbeBranch",
    "ProbeKindName",
    "ProbeState",
    "ProtocolError",
    "ProxyConnection",
    "ProxyReady",
    "PushDelivered",
    "PushHeld",
    "PushLost",
    "PushReceived",
    "PushRefused",
    "PushRequested",
    "Query",
    "RecordBegan",
    "Registered",
    "Registration",
    "RegistrationRefused",
    "Request",
    "RequestOutcome",
    "RequestSent",
    "ResponseLost",
    "ResponseSent",
    "RunEnded",
    "SentinelChallenged",
    "SentinelFlow",
    "SentinelOpened",
    "SentinelOutcome",
    "SentinelState",
    "ServerFlow",
    "ServerReady",
    "ServerSipMessage",
    "ServerSubscription",
    "SettingMade",
    "SipMessage",
    "SocketOptionSet",
    "Statistics",
    "Step",
    "Subscribed",
    "SubscriptionState",
    "TransportReference",
    "TransportState",
    "Unanswered",
    "name_of",
]
