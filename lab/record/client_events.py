"""Defines the client's events, which are also the public protocol of clients."""

from __future__ import annotations

from typing import Literal

import msgspec

from lab.model.endpoint import Endpoint
from lab.record.event import Event, MessageText, MessageWay

ENDED_AT_CLIENT = ("disconnected", "shutdown", "destroyed")
"""States of a client's transport that is over."""

TransportState = Literal["connected", "disconnected", "shutdown", "destroyed"]
SubscriptionState = Literal["pending", "active", "terminated"]
CallState = Literal["incoming", "early", "connecting", "confirmed", "disconnected"]


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


class PushReceived(ClientEvent, frozen=True, kw_only=True, tag="push"):
    """The client has read that a push message came for it."""


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


class SipMessage(ClientEvent, frozen=True, kw_only=True, omit_defaults=True):
    """A SIP message left the client, again too, or was read by it; for people, no verdict depends on it.

    Attributes:
        text: the whole message; in a record empty where ``same`` says which it is.
        cut: whether ``text`` is only its beginning: pjsip's log, from which it is, holds 4,000 bytes of a message, and
            a record has 16 Mi characters of whole texts.
        same: the digest of the text, which another line of the record has; written by the lab.
    """

    way: MessageWay
    text: MessageText
    cut: bool = False
    same: str = ""


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
