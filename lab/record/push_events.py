"""Defines the events of push messages: what the push service and the device do with them."""

from __future__ import annotations

from typing import Literal

from lab.record.event import Event

PushPriorityName = Literal["high", "normal"]


class PushRequested(Event, frozen=True, kw_only=True):
    """The server asked the push service to wake a client (RFC 8599); ``who`` is the server's node.

    Attributes:
        id: ``n1``, ``n2``, … in the order in which they were asked for.
        probe: the request that is held for it.
        binding: ``b1``, whose Contact has the ``pn-`` parameters.
        provider: its ``pn-provider``.
        prid: its ``pn-prid``, the device's token.
    """

    id: str
    probe: str
    binding: str
    provider: str
    prid: str
    priority: PushPriorityName


class PushDelivered(Event, frozen=True, kw_only=True):
    """A push reached the client's app, which the system wakes if it can; ``who`` is the client's node.

    Attributes:
        id: of the push.
        took: seconds since the server asked for it.
    """

    id: str
    took: float


class PushHeld(Event, frozen=True, kw_only=True):
    """A push has reached the device, which keeps it from the app for now; ``who`` is the client's node.

    A device that dozes does so with a push of normal priority.
    """

    id: str


class PushLost(Event, frozen=True, kw_only=True):
    """The push service lost a push; nobody is told."""

    id: str


class PushRefused(Event, frozen=True, kw_only=True):
    """The push service refused a push, and told the server.

    Attributes:
        id: of the push.
        code: 410: the device's token is no longer active (APNs: Unregistered).
    """

    id: str
    code: int
