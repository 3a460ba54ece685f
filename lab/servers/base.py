"""Defines what the lab must know about a server program: its name, what it lacks, how to start it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

from lab.backends.base import Main
from lab.model.scenario import Cell


class ServerProgram(ABC):
    """A server program; its folder has one instance, ``SERVER``."""

    name: ClassVar[str]
    """In scenarios; the folder has the same name."""
    what: ClassVar[str]
    """One line: what it is."""
    modules: ClassVar[tuple[str, ...]] = ()
    """What a world imports before it forks the processes of cells, so that each has it for nothing."""

    # What it cannot do

    lacks: ClassVar[Mapping[str, str]] = {}
    """Abilities that it has not, with the reason: kinds of mitigations, what faults ask of a server (their
    ``server_needs``), and what its settings ask of it (``Server.needs``)."""

    # How it is started

    image: ClassVar[str]
    """The kind of container image it runs in, see ``lab.backends.images``."""
    needs_loopback: ClassVar[bool] = False
    """It is spoken to over the loopback of its node."""
    statistics: ClassVar[str] = ""
    """The file of the cell's folder into which it writes its counters when it is told ``statistics``; empty: none."""

    @abstractmethod
    def program(self) -> Main:
        """Return what is started in the server's node."""

    def start(self, folder: Path) -> Mapping[str, Any]:
        """Return what it is told at its start besides ``lab.servers.settings``; ``folder`` is the cell's."""
        return {}

    @abstractmethod
    def writes(self, folder: Path) -> tuple[Path, ...]:
        """Return the files it writes below the cell's folder."""

    # What it needs of the machine

    def check_host(self) -> None:  # noqa: B027  (most are part of the lab)
        """Check that this machine has it.

        Raises:
            HostNotCapable: it has not.
        """

    def identity(self) -> str | None:
        """Return what changes whenever the program may do something else, so that a record of it can be kept.

        It need not cover the lab's own sources, nor the Python that runs the lab. None: that cannot be known.
        """
        return None

    def why_unsupported(self, cell: Cell, needs: tuple[str, ...]) -> str:
        """Say why a cell cannot be had with it; empty if it can.

        Args:
            cell: what is to be run.
            needs: what the cell's faults ask of a server.
        """
        kinds = (mitigation.kind for mitigation in cell.strategy.mitigations)
        wanted = (*kinds, *needs, *cell.server.needs)
        return next((self.lacks[each] for each in wanted if each in self.lacks), "")
