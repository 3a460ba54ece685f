"""Tracks Kamailio's subscriptions and bindings from its log."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from lab.actors.channel import Channel
from lab.model.endpoint import Endpoint
from lab.record.events import Binding, BindingState, ClientGivenUp, ServerSubscription
from lab.sip.fields import NameAddr, parse_expires, split
from lab.sip.message import MalformedMessage
from lab.sip.push import PushTarget

REMOVES = frozenset((404, 481))
"""The answers to NOTIFY upon which Kamailio's presence module forgets the subscription. (408 is switched off.)"""


EARLY_S = 2.0
"""A binding that Kamailio removes this long before its time has not come to its end: usrloc looks once a second."""


class PendingRequest(NamedTuple):
    """A SUBSCRIBE or REGISTER that is being answered.

    Attributes:
        flow: id of the flow it came on.
        peer: the client's end of it.
        aor: the To URI.
        contact: the Contact header, empty if there is none.
        expires: the Expires header, empty if there is none.
        at: when it came (CLOCK_MONOTONIC).
    """

    flow: str
    transport: str
    peer: Endpoint
    call_id: str
    aor: str
    contact: str
    expires: str
    at: float


class StoredContact(NamedTuple):
    """A subscription or a binding.

    Attributes:
        id: ``s1`` or ``b1``.
        key: its Call-ID, or its address of record and contact.
        transport, peer: of the flow it came on.
        contact: as the client wrote it.
        aor: of a binding; of a subscription whose state it is about.
        expires_at: CLOCK_MONOTONIC.
        registered_at: when its last REGISTER or SUBSCRIBE came, likewise.
    """

    id: str
    key: str
    flow: str
    transport: str
    peer: Endpoint
    contact: str
    aor: str
    expires_at: float
    registered_at: float = 0.0

    @property
    def push(self) -> PushTarget | None:
        """The address for push messages; None: it asks for none."""
        return PushTarget.of(self.contact)


class Clients:
    """All of them, the newest of each kind last.

    Args:
        channel: takes what becomes of them.
        registration_expires: granted at most, seconds.
        by_device: whether a binding is that of a device and its flow, where the client names them.
        only_one: whether a contact takes the place of all others of its address.
        on_change: called after each change.
        on_registered: called with each binding that was made or refreshed.
        gives_up_after: how many OPTIONS without an answer end a binding before its time; None: none do.
    """

    def __init__(
        self,
        channel: Channel,
        *,
        registration_expires: int,
        by_device: bool,
        only_one: bool,
        on_change: Callable[[], None],
        on_registered: Callable[[StoredContact], None] = lambda _known: None,
        gives_up_after: int | None = None,
    ) -> None:
        self._channel = channel
        self._longest = registration_expires
        self._by_device = by_device
        self._only_one = only_one
        self._on_change = on_change
        self._on_registered = on_registered
        self._gives_up_after = gives_up_after
        self._subscriptions: dict[str, StoredContact] = {}
        self._bindings: dict[str, StoredContact] = {}
        self._count = {"s": 0, "b": 0}
        self._last: StoredContact | None = None

    def newest_subscription(self) -> StoredContact | None:
        """Return the newest existing subscription."""
        return next(reversed(self._subscriptions.values()), None)

    def newest_binding(self, now: float) -> StoredContact | None:
        """Return the binding that was registered last, of those that have not expired.

        Kamailio looks for expired contacts once a second, and uses none in between (``VALID_CONTACT`` in usrloc).
        """
        for key in [key for key, one in self._bindings.items() if one.expires_at <= now]:
            self._unbind(key, "expired", at=self._bindings[key].expires_at)
        return next(reversed(self._bindings.values()), None)

    def of_flow(self, flow: str) -> StoredContact | None:
        """Return the newest binding on a flow, or else the newest subscriber on it."""
        known = (*reversed(self._bindings.values()), *reversed(self._subscriptions.values()))
        return next((one for one in known if one.flow == flow), None)

    def address(self, now: float) -> str | None:
        """Return the address of record with the newest binding that has not expired; None: there is none."""
        newest = self.newest_binding(now)
        return None if newest is None else newest.aor

    def last_registered(self) -> StoredContact | None:
        """Return the newest binding, even if it has ended; None: there never was one."""
        return self._last

    def bindings(self, aor: str) -> list[StoredContact]:
        """Return the bindings of an address, the newest first."""
        return [one for one in reversed(self._bindings.values()) if one.aor == aor]

    def binding(self, aor: str, contact: str) -> StoredContact | None:
        """Return the newest binding of an address with this contact."""
        found = (one for one in reversed(self._bindings.values()) if (one.aor, one.contact) == (aor, contact))
        return next(found, None)

    def flows(self) -> set[str]:
        """Return the ids of their flows."""
        return {one.flow for one in (*self._subscriptions.values(), *self._bindings.values())}

    def subscribed(self, asked: PendingRequest, granted: int, *, at: float) -> None:
        """Handle an accepted SUBSCRIBE with its granted seconds; 0: the subscription has ended."""
        contact = _contact(asked)
        known = self._subscriptions.get(asked.call_id)
        name = known.id if known else self._new("s")
        one = self._known(asked, name, asked.call_id, contact.uri, at + granted)
        if granted:
            self._subscriptions[asked.call_id] = one
        else:
            self._subscriptions.pop(asked.call_id, None)
        self._say_subscription(one, "terminated" if not granted else "refreshed" if known else "active", granted, at=at)
        self._on_change()

    def unsubscribed(self, call_id: str, state: BindingState, *, at: float) -> None:
        """Handle the end of a subscription: ``expired`` or ``terminated``."""
        one = self._subscriptions.pop(call_id, None)
        if one is not None:
            self._say_subscription(one, state, 0, at=at)
            self._on_change()

    def registered(self, asked: PendingRequest) -> None:
        """Handle an accepted REGISTER."""
        for address in _contacts(asked):
            if address.uri == "*":
                for key in [key for key, one in self._bindings.items() if one.aor == asked.aor]:
                    self._unbind(key, "removed", at=asked.at)
                continue
            key = f"{asked.aor} {(_device(address) if self._by_device else None) or address.uri}"
            granted = self._granted(asked, address)
            known = self._bindings.get(key)
            if granted:
                self._bindings.pop(key, None)  # the newest is last
                one = self._known(asked, known.id if known else self._new("b"), key, address.uri, asked.at + granted)
                self._bindings[key] = one
                for other in [each for each in self._bindings if self._only_one and each != key]:
                    self._unbind(other, "removed", at=asked.at)
                self._say_binding(one, "refreshed" if known else "active", granted, at=asked.at)
                self._last = one
                self._on_registered(one)
            else:
                self._unbind(key, "removed", at=asked.at)
        self._on_change()

    def unregistered(self, aor: str, contact: str, *, at: float) -> None:
        """Handle the end of a binding.

        Args:
            aor: the user alone, as Kamailio's registrar keeps it.
            contact: the URI.
            at: when.
        """
        ended = [
            key
            for key, one in self._bindings.items()
            if one.contact == contact and f":{aor}@" in one.aor.replace(";", "@")
        ]
        for key in ended:
            one = self._bindings[key]
            early = at < one.expires_at - EARLY_S  # then its connection has ended, or it was given up
            if early and self._gives_up_after is not None:
                self._channel.emit(ClientGivenUp(flow=one.flow, misses=self._gives_up_after), at=at)
            self._unbind(key, "removed" if early else "expired", at=at)
        self._on_change()

    def forget(self) -> None:
        """Forget everything, because Kamailio has ended."""
        self._subscriptions.clear()
        self._bindings.clear()
        self._last = None
        self._on_change()

    def _unbind(self, key: str, state: BindingState, *, at: float) -> None:
        one = self._bindings.pop(key, None)
        if one is not None:
            self._say_binding(one, state, 0, at=at)

    def _granted(self, asked: PendingRequest, address: NameAddr) -> int:
        own = dict(address.parameters).get("expires")
        try:
            return min(self._longest, parse_expires(own or asked.expires))
        except MalformedMessage:
            return self._longest

    def _known(self, asked: PendingRequest, name: str, key: str, contact: str, expires_at: float) -> StoredContact:
        where = (asked.flow, asked.transport, asked.peer)
        return StoredContact(name, key, *where, contact, asked.aor, expires_at, registered_at=asked.at)

    def _new(self, kind: str) -> str:
        self._count[kind] += 1
        return f"{kind}{self._count[kind]}"

    def _say_subscription(self, one: StoredContact, state: BindingState, expires: int, *, at: float) -> None:
        event = ServerSubscription(id=one.id, state=state, expires=expires, flow=one.flow, contact=one.contact)
        self._channel.emit(event, at=at)

    def _say_binding(self, one: StoredContact, state: BindingState, expires: int, *, at: float) -> None:
        event = Binding(id=one.id, state=state, expires=expires, flow=one.flow, contact=one.contact, aor=one.aor)
        self._channel.emit(event, at=at)


def _contacts(asked: PendingRequest) -> list[NameAddr]:
    if asked.contact.strip() == "*":
        return [NameAddr("", "*")]
    found = []
    for value in split(asked.contact, ","):
        try:
            found.append(NameAddr.parse(value))
        except MalformedMessage:  # noqa: PERF203  (Kamailio has accepted what we cannot read; the others count)
            continue
    return found


def _contact(asked: PendingRequest) -> NameAddr:
    return next(iter(_contacts(asked)), NameAddr("", ""))


def _device(address: NameAddr) -> str | None:
    """Return the device and its flow (RFC 5626 §4.2), if the Contact names them."""
    own = dict(address.parameters)
    return f"{own['+sip.instance']} {own['reg-id']}" if own.get("+sip.instance") and own.get("reg-id") else None
