"""Implements the actor protocol: one JSON object per line, in both directions, over one stream socket.

Runner to actor: ``{"do": "start", …}`` once, then whatever the actor understands, at last ``{"do": "stop"}``.
Actor to runner: ``{"at": 1234.567890, "ev": "ready", …}``, an event of ``lab.record.events``; ``at`` is CLOCK_MONOTONIC
in seconds, which all actors of one kernel share. End of file: the other side is gone.
"""

from __future__ import annotations

import json
import socket
import time
from typing import Any, NamedTuple

from lab.record import codec
from lab.record.events import Event


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


class Message(NamedTuple):
    """An event of an actor of the lab's own.

    Attributes:
        at: CLOCK_MONOTONIC in seconds.
        event: what happened.
    """

    at: float
    event: Event


class Messages:
    """Cuts what an actor of the lab's own writes into events; keeps what is not yet complete."""

    def __init__(self) -> None:
        self._rest = b""

    def feed(self, data: bytes) -> list[Message]:
        """Return the events completed by ``data``.

        Raises:
            ValueError: a line is not an event.
        """
        *lines, self._rest = (self._rest + data).split(b"\n")
        return [Message(*codec.from_message(line)) for line in lines]


class RunnerGone(BrokenPipeError):
    """Nobody hears an actor any more."""


class Channel:
    """An actor's end of its socket: sends events at once, in order."""

    def __init__(self, sock: socket.socket) -> None:
        self.sock = sock

    def emit(self, event: Event, *, at: float | None = None) -> None:
        """Send one event; ``at`` defaults to now.

        Raises:
            RunnerGone: the runner has closed its end.
        """
        data = codec.to_message(event, at=round(time.monotonic() if at is None else at, 6))
        self.sock.settimeout(None)
        try:
            self.sock.sendall(data)
        except (BrokenPipeError, ConnectionResetError) as gone:
            raise RunnerGone(*gone.args) from gone
