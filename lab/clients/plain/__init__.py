"""Runs a client in eighty lines of plain Python, the example of docs/actor-protocol.md, by a name."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import ClassVar

from lab.backends.base import Command, Program
from lab.clients.base import ClientProgram
from lab.model.scenario import Cell, Transport
from lab.sip.ports import FRAMED


class Plain(ClientProgram):
    """The example."""

    name = "plain"
    what = "eighty lines of plain Python over TCP or TLS: it refreshes nothing and holds the connection"
    offers: ClassVar[frozenset[str]] = frozenset()
    asks_for_s = registers_for_s = 600.0  # as it writes into Expires
    does_more_than_asked = False

    def unsupported(self, cell: Cell) -> str:
        """See `ClientProgram`."""
        if cell.transport is Transport.UDP:
            return "the plain client has no UDP"
        if cell.transport.value in FRAMED:
            return "the plain client has no WebSocket"
        if cell.server.by_name:
            return "the plain client asks no name server"
        return super().unsupported(cell)

    def program(self, cell: Cell) -> Program:
        """See `ClientProgram`."""
        return Command((sys.executable, "-I", str(Path(__file__).with_name("client.py"))), dict(os.environ))

    def in_container(self, cell: Cell) -> Program:
        """See `ClientProgram`: the image has the lab's modules."""
        return Command(("python3", "-m", "lab.clients.plain.client"), {})

    def identity(self, cell: Cell) -> str:
        """See `ClientProgram`: it is one of the lab's own files."""
        return ""

    def image(self, cell: Cell) -> str:
        """See `ClientProgram`: any image with Python will do."""
        return "server"


CLIENT = Plain()
