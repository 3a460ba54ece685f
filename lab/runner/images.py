"""Which container images the nodes of a cell need: kinds (``lab.backends.images``), or names of the author's."""

from __future__ import annotations

from collections.abc import Iterable

from lab.model.scenario import Cell, Software

CLIENT = "client"
SERVER = "server"
KAMAILIO = "kamailio"
MIDDLEBOX = "middlebox"
"""Also of every node that has no actor."""


def of_client(cell: Cell) -> str:
    """The client's: its own, or the one of the lab's client."""
    return cell.client.image or CLIENT


def of_server(cell: Cell) -> str:
    """The server's: that of the program it is."""
    return KAMAILIO if cell.server.software is Software.KAMAILIO else SERVER


def of_all(cells: Iterable[Cell]) -> set[str]:
    """What has to be there before any of these cells can run."""
    return {image for cell in cells for image in (of_client(cell), of_server(cell), MIDDLEBOX)}
