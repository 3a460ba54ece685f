"""Helps faults of the name server."""

from __future__ import annotations

from lab.faults.base import Infeasible
from lab.model.scenario import Cell

NAMES = "what the name server answers"
"""What these faults set in the name server."""


def asks_nobody(cell: Cell) -> Infeasible | None:
    """Say that the client knows the server by its address; None: it knows it by its name."""
    if cell.server.by_name:
        return None
    what = "the client knows the server's address, and asks nobody"
    return Infeasible(what=what, allowed="use `server: { by-name: true }`")
