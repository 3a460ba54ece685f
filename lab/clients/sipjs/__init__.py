"""Runs SIP.js on Node, over WebSocket. SIP.js and ws are MIT-licensed and are installed from npm (`packages`)."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import ClassVar

from lab import digests
from lab.backends.base import CLIENT_MARK, Command, Program
from lab.clients.base import ClientProgram
from lab.clients.sipjs import packages
from lab.model.scenario import Cell
from lab.sip.ports import FRAMED

_CLIENT = Path(__file__).with_name("client.mjs")


class SipJs(ClientProgram):
    """SIP.js."""

    name = "sipjs"
    what = "SIP.js 0.21.2 on Node, over WebSocket; it neither pings nor reconnects unless it is told to"
    offers: ClassVar[frozenset[str]] = frozenset(("crlf-keepalive", "options-ping", "reconnect", "register"))
    how: ClassVar[Mapping[str, str]] = {
        "crlf-keepalive": "`keepAliveInterval`: one interval per connection, drawn from 80 to 100 %; no pong is missed",
        "options-ping": "an OPTIONS outside any dialog by UserAgentCore",
        "reconnect": "`UserAgent.reconnect()`, then REGISTER and SUBSCRIBE, with the pauses of the mitigation",
        "register": "a Registerer with these `expires`",
    }
    facts: ClassVar[tuple[tuple[str, str], ...]] = (
        ("release", "0.21.2, with ws 8.18.3, on Node 18 or later (package-lock.json)"),
        ("licence", "MIT, both"),
        ("installed by", packages.INSTALL),
        ("registers for", "600 s (Registerer.defaultExpires), and again after 99 % of what is granted"),
        ("keep-alives", "none of its own (Transport.defaultOptions); ws answers ping frames"),
        ("end of a connection", "noticed; nothing follows (reconnectionAttempts 0 in api/user-agent.js)"),
    )
    asks_for_s = 3600.0  # its Subscriber's default
    registers_for_s = 600.0  # Registerer.defaultExpires
    tells_failures = True

    def unsupported(self, cell: Cell) -> str:
        """See `ClientProgram`."""
        if cell.transport.value not in FRAMED:
            return "SIP.js has WebSocket only: `transport: ws` or `wss`"
        if cell.server.by_name:
            return "Node asks the name servers of this machine, not that of the cell"
        return super().unsupported(cell)

    def program(self, cell: Cell) -> Program:
        """See `ClientProgram`."""
        environment = {**os.environ, CLIENT_MARK[0]: CLIENT_MARK[1]}
        return Command((packages.node(), str(_CLIENT), str(packages.folder())), environment)

    def image(self, cell: Cell) -> str:
        """See `ClientProgram`: Debian's Node, and the packages."""
        return self.name

    def in_container(self, cell: Cell) -> Program:
        """See `ClientProgram`; docker/Dockerfile has put both there."""
        place = "/usr/local/lib/sipjs"
        return Command(("node", f"{place}/client/{_CLIENT.name}", f"{place}/node_modules"), dict([CLIENT_MARK]))

    def image_files(self) -> dict[str, Path]:
        """See `ClientProgram`."""
        return {"node_modules": packages.install()}

    def installed(self) -> tuple[str, ...]:
        """See `ClientProgram`."""
        return () if packages.lack() else (self.name,)

    def missing(self, cell: Cell) -> str:
        """See `ClientProgram`."""
        return str(packages.folder()) if packages.lack() else ""

    def prepare(self, cell: Cell, report: Callable[[str], None]) -> Cell:
        """See `ClientProgram`: where it is not installed its cells are unsupported, and say what installs it."""
        lack = packages.lack()
        return dataclasses.replace(cell, unsupported=lack) if lack else cell

    def identity(self, cell: Cell) -> str:
        """See `ClientProgram`: Node, and the packages."""
        node = str(digests.marks([Path(packages.node()).resolve()]))
        return f"{node} {digests.of_folder(packages.folder())}"

    def visible(self, cell: Cell) -> tuple[Path, ...]:
        """See `ClientProgram`."""
        return () if packages.lack() else (packages.folder(), Path(packages.node()).resolve().parent)


CLIENT = SipJs()
