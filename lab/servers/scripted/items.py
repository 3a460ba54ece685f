"""Lists what the scripted server can read from a flow: SIP messages, keep-alives, and frames of a WebSocket."""

from __future__ import annotations

from typing import NamedTuple

from lab.sip.stream import Item


class PingFrame(NamedTuple):
    """A ping frame (RFC 6455 §5.5.2), which asks for a pong with the same payload."""

    payload: bytes


class PongFrame(NamedTuple):
    """A pong frame (RFC 6455 §5.5.3)."""

    payload: bytes


Received = Item | PingFrame | PongFrame
