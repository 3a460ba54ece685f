"""Finds the server programs: a folder each."""

from __future__ import annotations

from functools import cache
from importlib import import_module
from pathlib import Path
from typing import cast

from lab.model.scenario import Cell
from lab.servers.base import ServerProgram

DEFAULT = "scripted"


@cache
def names() -> tuple[str, ...]:
    """Return their names in scenarios, the default first."""
    found = sorted(path.parent.name for path in Path(__file__).parent.glob("*/__init__.py"))
    return tuple(sorted(found, key=lambda name: name != DEFAULT))


@cache
def find(name: str) -> ServerProgram:
    """Return the program of that name; imports nothing of it but its description."""
    return cast("ServerProgram", import_module(f"{__package__}.{name}").SERVER)


def server_of(cell: Cell) -> ServerProgram:
    """Return the server program of a cell."""
    return find(cell.server.software)
