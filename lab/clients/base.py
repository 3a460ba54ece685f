"""Defines what the lab must know about a client program: its name, its abilities, how to start it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import ClassVar

from lab.backends.base import Program
from lab.model.scenario import DEFAULT_PJSIP, Cell


class ClientProgram(ABC):
    """A client program; its folder has one instance, ``CLIENT``. What a derived class does not say holds as below."""

    name: ClassVar[str]
    """In scenarios; the folder has the same name."""
    what: ClassVar[str]
    """One line: what it is."""
    modules: ClassVar[tuple[str, ...]] = ()
    """What a world imports before it forks the processes of cells, so that each has it for nothing."""

    # What it can do

    how: ClassVar[Mapping[str, str]] = {}
    """How it does each mitigation, in its own settings, where its way is not the mitigation's description."""
    facts: ClassVar[tuple[tuple[str, str], ...]] = ()
    """For `lab show`: version, licence, how it is installed, what it does unasked, each with its source."""
    releases: ClassVar[tuple[str, ...]] = ()
    """Its other releases, which a scenario names `NAME-RELEASE`."""
    offers: ClassVar[frozenset[str] | None] = None
    """The kinds of mitigations it can do; None: it says so in ``ready``."""
    asks_for_s: ClassVar[float | None] = None
    """For how long it subscribes if nothing else is asked of it; None: unknown."""
    registers_for_s: ClassVar[float | None] = None
    """For how long it registers if nothing else is asked of it; None: unknown."""
    does_more_than_asked: ClassVar[bool] = True
    """It may ring, subscribe again or open connections of its own accord, so what it does is not known before a run."""
    tells_failures: ClassVar[bool] = False
    """It says in the record when a request of its has failed, so silence about one means that none has."""
    tells_new_address: ClassVar[bool] = False
    """It says ``ip-changed`` when it has been told of a new address."""
    takes_script: ClassVar[bool] = False
    """It plays a file of the author's (`script`), and does nothing without."""
    not_in_virtual_time: ClassVar[str] = ""
    """Why it does not run in virtual time; empty: it does."""
    runs_in_containers: ClassVar[bool] = True
    """There is a container image with it."""

    def unsupported(self, cell: Cell) -> str:
        """Say why a cell cannot be had with it, but for its mitigations; empty if it can."""
        return (
            ""
            if cell.pjsip in (DEFAULT_PJSIP, cell.client.release)
            else f"{cell.client.label} is not pjsip {cell.pjsip}"
        )

    # How it is started

    @abstractmethod
    def program(self, cell: Cell) -> Program:
        """Return what is started in the client's node."""

    @abstractmethod
    def image(self, cell: Cell) -> str:
        """Return the container image it runs in: a kind of ``lab.backends.images``, or the author's."""

    def in_container(self, cell: Cell) -> Program:
        """Return what is started in a container of that image, where the program is in another place."""
        return self.program(cell)

    def image_files(self) -> Mapping[str, Path]:
        """Return folders that its image is made of besides Debian's packages, by their names in the build context.

        Raises:
            HostNotCapable: one of them cannot be had.
        """
        return {}

    def writes(self, folder: Path) -> tuple[Path, ...]:
        """Return the files it writes below the cell's folder, besides its log."""
        return ()

    # What it needs of the machine

    def variant(self, cell: Cell) -> str:
        """Return which of its variants a cell needs."""
        return self.name

    def installed(self) -> tuple[str, ...]:
        """Return its variants that this machine has already."""
        return (self.name,)

    def missing(self, cell: Cell) -> str:
        """Return the path of a file of this machine that a cell needs and that is not there; empty: none is."""
        return ""

    def prepare(self, cell: Cell, report: Callable[[str], None]) -> Cell:
        """Return the cell with what must be fetched before it runs; ``report`` takes a sentence about that.

        Raises:
            HostNotCapable: it cannot be had on this machine.
        """
        return cell

    def identity(self, cell: Cell) -> str | None:
        """Return what changes whenever the program may do something else, so that a record of it can be kept.

        It need not cover the lab's own sources, nor the Python that runs the lab. None: that cannot be known.
        """
        return None

    def visible(self, cell: Cell) -> tuple[Path, ...]:
        """Return the folders of this machine that it must see."""
        return ()
