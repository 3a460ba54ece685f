"""Runs the client actor: a baresip as a child process, understood by its own trace of SIP messages."""

from __future__ import annotations

import os
import socket
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from lab.actors.channel import Lines
from lab.clients import driven_program
from lab.clients.baresip.settings import LIBKEEPALIVE, REGISTERS_FOR_S, Settings
from lab.clients.baresip.trace import Trace
from lab.clients.message_events import MessageEvents
from lab.clients.phone_settings import common, mitigations
from lab.record.events import ClientEvent, ClientReady, Registered, Subscribed

FOLDER = "baresip"
"""Beside the client's log: baresip's configuration."""


def main(sock: socket.socket) -> None:
    """Run the client until ``stop`` or the end of the socket."""
    lines = Lines()
    start, others = driven_program.first_command(sock, lines)
    driven_program.run(sock, lines, Baresip(start), start["log"], others)


class Baresip(driven_program.Driver):
    """Drives Debian's baresip.

    Args:
        start: the command.
    """

    def __init__(self, start: dict[str, Any]) -> None:
        wanted = mitigations(start)
        self._settings = Settings(**common(start, registers_for_s=REGISTERS_FOR_S), outbound="outbound" in wanted)
        self._keepalive = wanted.get("tcp-keepalive")
        self._ping_s = wanted.get("options-ping", {}).get("interval")
        self._ping_at: float | None = None
        registers, subscribes = self._settings.registers, self._settings.subscribes
        self._unsaid = {*([Registered] * registers), *([Subscribed] * subscribes)}
        self._log = Path(start["log"])
        self._trace = Trace(start["port"])
        self._events = MessageEvents(has_password=start["password"] is not None)

    def ready(self) -> ClientEvent:
        """See `Driver`."""
        from lab.clients.baresip import CLIENT

        return ClientReady(version=f"baresip {CLIENT.version()}", mitigations=tuple(sorted(CLIENT.offers)))

    def command(self) -> Sequence[str]:
        """See `Driver`; ``stdbuf`` has baresip write each line at once, not whenever 4 KiB have come together."""
        folder = self._log.parent / FOLDER
        if not os.access(folder.parent, os.W_OK):  # a container has only its own /tmp
            folder = Path(tempfile.mkdtemp(prefix="baresip-"))
        self._settings.write(folder)
        return ("stdbuf", "-oL", "baresip", "-4", "-s", "-f", str(folder))

    def environment(self) -> dict[str, str]:
        """See `Driver`: baresip sets no option of its sockets, so libkeepalive does (its README names these)."""
        if self._keepalive is None:
            return {}
        values = {"KEEPIDLE": "idle", "KEEPINTVL": "interval", "KEEPCNT": "count"}
        told = {name: self._keepalive[key] for name, key in values.items() if self._keepalive[key] is not None}
        return {"LD_PRELOAD": LIBKEEPALIVE, **{name: f"{value:.0f}" for name, value in told.items()}}

    def due(self) -> float | None:
        """See `Driver`."""
        return self._ping_at

    def act(self) -> bytes:
        """See `Driver`: the command of baresip's menu for an OPTIONS request, outside any dialog."""
        assert self._ping_at is not None
        assert self._ping_s is not None
        self._ping_at += self._ping_s
        return f"/options sip:{self._settings.peer}@{self._settings.domain}\n".encode()

    def read(self, output: bytes) -> Iterator[ClientEvent]:
        """See `Driver`."""
        for message in self._trace.feed(output):
            yield message.whole()
            for event in self._events.see(message):
                self._told(event)
                yield event

    def _told(self, event: ClientEvent) -> None:
        """Begin to send OPTIONS once the account is set up."""
        if self._unsaid and type(event) in self._unsaid:
            self._unsaid.remove(type(event))
            if not self._unsaid and self._ping_s is not None:
                self._ping_at = time.monotonic() + self._ping_s
