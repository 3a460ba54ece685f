"""Finds the client programs: a folder each."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import cast

from lab.clients.base import ClientProgram
from lab.model.scenario import Cell

DEFAULT = "pjsip"
OWN = "own"
"""The author's program, which a scenario names by its command or image."""


@cache
def names() -> tuple[str, ...]:
    """Return their names in scenarios, the default first."""
    found = sorted(path.parent.name for path in Path(__file__).parent.glob("*/__init__.py"))
    return tuple(sorted(found, key=lambda name: name != DEFAULT))


@cache
def with_releases() -> tuple[str, ...]:
    """Return what a scenario can call a client of the lab's: its name, or that with a release, as `pjsip-2.10`."""
    named = [name for name in names() if name != OWN]
    return tuple(each for name in named for each in (name, *(f"{name}-{one}" for one in find(name).releases)))


@cache
def find(name: str) -> ClientProgram:
    """Return the program of that name; imports nothing of it but its description."""
    return cast("ClientProgram", import_module(f"{__package__}.{name}").CLIENT)


def client_of(cell: Cell) -> ClientProgram:
    """Return the client program of a cell."""
    return find(cell.client.kind)


def image_files(kinds: Iterable[str]) -> dict[str, Path]:
    """Return the folders that images of clients are made of, by their names in the build context.

    Args:
        kinds: of the images that are to be built; those of clients have the clients' names.

    Raises:
        HostNotCapable: one of them cannot be had.
    """
    clients = (find(name) for name in kinds if name in names())
    return {name: path for client in clients for name, path in client.image_files().items()}
