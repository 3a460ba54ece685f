"""The actor protocol: one JSON object per line, in both directions, over one stream socket.

Runner to actor: ``{"do": "start", …}`` once, then whatever the actor understands, at last ``{"do": "stop"}``.
Actor to runner: ``{"at": 1234.567890, "ev": "ready", …}``; ``at`` is CLOCK_MONOTONIC in seconds, which all actors of
one kernel share. ``ready`` is sent once, when the actor can do what it is for. End of file: the other side is gone.
"""

from __future__ import annotations

import json
import socket
import time
from typing import Any


class Lines:
    """Cuts a byte stream into JSON objects; keeps what is not yet complete."""

    def __init__(self) -> None:
        self._rest = b""

    def feed(self, data: bytes) -> list[dict[str, Any]]:
        """Return the objects completed by ``data``.

        Raises:
            ValueError: a line is not a JSON object.
        """
        *lines, self._rest = (self._rest + data).split(b"\n")
        messages = [json.loads(line) for line in lines if line.strip()]
        if not all(isinstance(message, dict) for message in messages):
            raise ValueError("an actor message is a JSON object")
        return messages


class Channel:
    """An actor's end of its socket: emits events at once, in order."""

    def __init__(self, sock: socket.socket) -> None:
        self.sock = sock

    def emit(self, ev: str, *, at: float | None = None, **fields: Any) -> None:
        """Send one event; ``at`` defaults to now."""
        event = {"at": round(time.monotonic() if at is None else at, 6), "ev": ev, **fields}
        data = json.dumps(event, separators=(",", ":")).encode() + b"\n"
        self.sock.settimeout(None)
        self.sock.sendall(data)
