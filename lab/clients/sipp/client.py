"""Runs the client actor: a SIPp as a child process that plays the author's script, understood by its own trace."""

from __future__ import annotations

import socket
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from lab.actors.channel import Lines
from lab.clients import driven_program
from lab.clients.message_events import MessageEvents
from lab.clients.sipp.trace import Trace
from lab.model.endpoint import Endpoint
from lab.record.events import ClientEvent, ClientReady

ANSWERS = Path(__file__).with_name("answers.xml")
"""The scenario of SIPp's for requests of the server's: outside the call of the script."""
PORT = 5060
"""On which it listens, over UDP; over TCP it connects from it. A client's node has no other user of it."""
_TRANSPORTS = {"udp": "u1", "tcp": "t1"}
_NEVER_S = 1_000_000
"""Between two looks of SIPp's at its own statistics."""


def main(sock: socket.socket, *, script: Path) -> None:
    """Run the client until ``stop`` or the end of the socket."""
    lines = Lines()
    start, others = driven_program.first_command(sock, lines)
    driven_program.run(sock, lines, Sipp(start, script), start["log"], others)


class Sipp(driven_program.Driver):
    """Drives Debian's SIPp.

    Args:
        start: the command.
        script: SIPp's scenario.
    """

    def __init__(self, start: dict[str, Any], script: Path) -> None:
        self._start, self._script = start, script
        self._address = _own_address(start["server"])
        remote = Endpoint(start["server"], start["port"])
        self._trace = Trace(Endpoint(self._address, PORT), remote)
        self._events = MessageEvents(has_password=start["password"] is not None)

    def ready(self) -> ClientEvent:
        """See `Driver`: what it does is the script's affair, so it offers no mitigation."""
        from lab.clients.sipp import CLIENT

        return ClientReady(version=f"SIPp {CLIENT.version()}, {self._script.name}", mitigations=())

    def command(self) -> Sequence[str]:
        """See `Driver`: one call, which is the script, and all messages on standard output."""
        told = {name: self._start[name] for name in ("user", "peer", "domain")}
        keys = [word for name, value in told.items() for word in ("-key", name, value)]
        password = self._start["password"]
        credentials = [] if password is None else ["-au", told["user"], "-ap", password]
        return (
            *("sipp", "-sf", str(self._script), "-oocsf", str(ANSWERS), "-t", _TRANSPORTS[self._start["transport"]]),
            *("-i", self._address, "-p", str(PORT), "-m", "1", "-l", "1", "-nostdin", "-f", str(_NEVER_S)),
            *("-watchdog_interval", "0", "-trace_msg", "-message_file", "/dev/stdout", *keys, *credentials),
            f"{self._start['server']}:{self._start['port']}",
        )

    def read(self, output: bytes) -> Iterator[ClientEvent]:
        """See `Driver`."""
        for message in self._trace.feed(output):
            yield message.whole()
            yield from self._events.see(message)


def _own_address(server: str) -> str:
    """Return the address from which packets to the server leave."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.connect((server, PORT))
        address: str = probe.getsockname()[0]
        return address
