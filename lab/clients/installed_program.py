"""Describes a client that is a program of the machine: whether it is there, and what identifies it."""

from __future__ import annotations

import dataclasses
import shutil
import subprocess
from collections.abc import Callable
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import ClassVar

from lab import digests
from lab.backends.base import Main, Program
from lab.clients.base import ClientProgram
from lab.model.scenario import Cell

TRANSPORTS = ("udp", "tcp", "tls")
"""Those of baresip 1.0.0 and linphone 5.1: neither has SIP over WebSocket."""


class InstalledProgram(ClientProgram):
    """A program that Debian's package manager installs, and that an actor of the lab drives."""

    executable: ClassVar[str] = ""
    """Its name in PATH; empty: it is a library, and `is_there` looks for that."""
    packages: ClassVar[tuple[str, ...]]
    """Debian's packages that are to be installed, the program's own first."""
    parts: ClassVar[tuple[str, ...]]
    """The packages that its SIP is in: these and those above decide what it does."""
    actor: ClassVar[str]
    """The module whose ``main`` drives it."""

    def unsupported(self, cell: Cell) -> str:
        """See `ClientProgram`."""
        if cell.transport.value not in TRANSPORTS:
            return f"{self.name} has no WebSocket"
        return super().unsupported(cell)

    @property
    def modules(self) -> tuple[str, ...]:  # type: ignore[override]  # a constant of other clients
        """See `ClientProgram`."""
        return (self.actor,)

    def program(self, cell: Cell) -> Program:
        """See `ClientProgram`."""
        main: Main = import_module(self.actor).main
        return main

    def image(self, cell: Cell) -> str:
        """See `ClientProgram`: the image has the client's name."""
        return self.name

    def installed(self) -> tuple[str, ...]:
        """See `ClientProgram`."""
        return () if self.lack() else (self.name,)

    def prepare(self, cell: Cell, report: Callable[[str], None]) -> Cell:
        """See `ClientProgram`: a cell whose client is not installed is unsupported, and says what installs it."""
        lack = self.lack()
        return dataclasses.replace(cell, unsupported=lack) if lack else cell

    def identity(self, cell: Cell) -> str | None:
        """See `ClientProgram`: the program, the files of its packages, and the versions of what it is linked with."""
        return None if self.lack() else _identity((*self.packages, *self.parts))

    def lack(self) -> str:
        """Say that it is not installed, and what installs it; empty: it is."""
        return "" if self.is_there() else f"{self.name} is not installed; `{self.installing}`"

    @property
    def installing(self) -> str:
        """The command that installs it."""
        return f"apt-get install --no-install-recommends {' '.join(self.packages)}"

    def is_there(self) -> bool:
        """Return whether the machine has it."""
        return shutil.which(self.executable) is not None

    def version(self) -> str:
        """Return the version of its package, as Debian names it; empty: unknown."""
        return _version(self.packages[0])


@cache
def _version(package: str) -> str:
    """Return a Debian package's version without epoch and Debian's own revision; empty: it is not installed."""
    said = _dpkg("dpkg-query", "-W", "-f", "${Version}", package)
    return said.rpartition(":")[2].partition("-")[0].partition("+")[0]


@cache
def _identity(packages: tuple[str, ...]) -> str | None:
    """Return what changes with the packages and with those they need; None: Debian's tools do not know them.

    Files of the packages are digested, for somebody may have put another build in their place. Of the libraries below
    them the versions are enough, as for the C library that the lab itself uses.
    """
    files = sorted({Path(line) for name in packages for line in _dpkg("dpkg-query", "-L", name).splitlines()})
    code = [file for file in files if file.is_file() and not str(file).startswith("/usr/share/doc")]
    versions = sorted({each for name in packages for each in _dependencies(name)})
    if not code or not versions:
        return None
    return " ".join([digests.of_files(code, below=Path("/")), *versions])


def _dependencies(package: str) -> list[str]:
    """Return the names and versions of the packages that a package depends on, directly."""
    needed = _dpkg("dpkg-query", "-W", "-f", "${Depends}", package)
    names = [
        each.strip().split()[0].partition(":")[0] for part in needed.split(",") if (each := part.partition("|")[0])
    ]
    return [f"{name}={_dpkg('dpkg-query', '-W', '-f', '${Version}', name)}" for name in names if name]


def _dpkg(*command: str) -> str:
    try:
        return subprocess.run(command, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL).stdout
    except OSError:  # no Debian
        return ""
