"""Runs the client actor: a baresip as a child process, understood by its own trace of SIP messages."""

from __future__ import annotations

import os
import socket
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from lab.actors.channel import Lines
from lab.clients import driven_program
from lab.clients.baresip.settings import REGISTERS_FOR_S, Settings
from lab.clients.baresip.trace import Trace
from lab.clients.message_events import MessageEvents
from lab.model.scenario import Account
from lab.record.events import ClientEvent, ClientReady

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
        account = Account(start["account"])
        mitigations = {each["kind"]: each for each in start["mitigations"]}
        asks = mitigations.get("register", {}).get("expiry", REGISTERS_FOR_S)
        self._settings = Settings(
            **{key: start[key] for key in ("server", "port", "transport", "user", "peer", "domain", "password", "ca")},
            certificate=start.get("certificate"),
            key=start.get("key"),
            registers=account.registers or "register" in mitigations,
            subscribes=account.subscribes,
            expires=int(asks),
            outbound="outbound" in mitigations,
        )
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

    def read(self, output: bytes) -> Iterator[ClientEvent]:
        """See `Driver`."""
        for message in self._trace.feed(output):
            yield message.whole()
            yield from self._events.see(message)
