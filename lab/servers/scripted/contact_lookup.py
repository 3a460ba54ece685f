"""Finds the contacts that the server can reach outside any dialog: registered ones, or else subscribers."""

from __future__ import annotations

from typing import NamedTuple

from lab.servers.scripted.bindings import Bindings
from lab.servers.scripted.subscriptions import Subscriptions
from lab.sip.push import PushTarget
from lab.sip.registrar import Binding


class ReachableContact(NamedTuple):
    """A binding or a subscriber; see `lab.servers.scripted.target.Target`."""

    contact: str
    flow: str
    aor: str
    id: str
    registered_at: float | None = None
    push: PushTarget | None = None

    @classmethod
    def bound(cls, binding: Binding) -> ReachableContact:
        """Return the one of a binding."""
        push = PushTarget.of(binding.contact)
        return cls(binding.contact, binding.flow, binding.aor, binding.id, binding.registered_at, push)


def on_flow(flow: str, bindings: Bindings, subscriptions: Subscriptions) -> ReachableContact | None:
    """Return the binding that was registered last on a flow, or else its newest subscriber."""
    known = [*_subscribers(subscriptions), *map(ReachableContact.bound, bindings.all())]
    return next((one for one in reversed(known) if one.flow == flow), None)


def all_contacts(bindings: Bindings, subscriptions: Subscriptions, *, bindings_only: bool) -> list[ReachableContact]:
    """Return all contacts of the address that was registered last, the newest first; else the newest subscriber.

    Args:
        bindings: who has registered.
        subscriptions: who has subscribed.
        bindings_only: whether a subscriber will not do.
    """
    bound = bindings.all()
    if bound or bindings_only:
        return [ReachableContact.bound(one) for one in reversed(bound) if one.aor == bound[-1].aor]
    return _subscribers(subscriptions)[-1:]


def _subscribers(subscriptions: Subscriptions) -> list[ReachableContact]:
    live = subscriptions.live()
    return [ReachableContact(one.dialog.remote_target, one.flow, one.dialog.remote.uri, one.id) for one in live]
