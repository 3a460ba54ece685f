"""Runs SIP.js on Node, over WebSocket. SIP.js and ws are MIT-licensed and are installed from npm (`packages`)."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import ClassVar

from lab import digests
from lab.backends.base import CLIENT_MARK, Command, Program
from lab.clients.base import ClientProgram
from lab.clients.sipjs import packages
from lab.errors import HostNotCapable
from lab.model.scenario import Cell
from lab.sip.ports import FRAMED

_CLIENT = Path(__file__).with_name("client.mjs")


class SipJs(ClientProgram):
    """SIP.js."""

    name = "sipjs"
    what = "SIP.js 0.21.2 on Node, over WebSocket; it neither pings nor reconnects unless it is told to"
    offers: ClassVar[frozenset[str]] = frozenset(("crlf-keepalive", "options-ping", "reconnect", "register"))
    asks_for_s = 3600.0  # its Subscriber's default
    registers_for_s = 600.0  # Registerer.defaultExpires
    tells_failures = True
    runs_in_containers = False

    def unsupported(self, cell: Cell) -> str:
        """See `ClientProgram`."""
        if cell.transport.value not in FRAMED:
            return "SIP.js has WebSocket only: `transport: ws` or `wss`"
        if cell.server.by_name:
            return "Node asks the name servers of this machine, not that of the cell"
        return packages.lack() or super().unsupported(cell)

    def program(self, cell: Cell) -> Program:
        """See `ClientProgram`."""
        environment = {**os.environ, CLIENT_MARK[0]: CLIENT_MARK[1]}
        return Command((packages.node(), str(_CLIENT), str(packages.folder())), environment)

    def image(self, cell: Cell) -> str:
        """See `ClientProgram`: there is none yet."""
        return "server"

    def installed(self) -> tuple[str, ...]:
        """See `ClientProgram`."""
        return () if packages.lack() else (self.name,)

    def missing(self, cell: Cell) -> str:
        """See `ClientProgram`."""
        return str(packages.folder()) if packages.lack() else ""

    def prepare(self, cell: Cell, report: Callable[[str], None]) -> Cell:
        """See `ClientProgram`.

        Raises:
            HostNotCapable: it is not installed.
        """
        if lack := packages.lack():
            raise HostNotCapable(lack, fix=packages.INSTALL)
        return cell

    def identity(self, cell: Cell) -> str:
        """See `ClientProgram`: Node, and the packages."""
        node = str(digests.marks([Path(packages.node()).resolve()]))
        return f"{node} {digests.of_folder(packages.folder())}"

    def visible(self, cell: Cell) -> tuple[Path, ...]:
        """See `ClientProgram`."""
        return () if packages.lack() else (packages.folder(), Path(packages.node()).resolve().parent)


CLIENT = SipJs()
