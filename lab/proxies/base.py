"""Defines what the lab must know about a proxy program: its settings, its configuration, what its log means."""

from __future__ import annotations

import os
import shutil
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import ClassVar, NamedTuple, Protocol

from lab import digests
from lab.errors import HostNotCapable
from lab.model.proxy import ProxyMode
from lab.record.proxy_events import ProxyConnection
from lab.sip.ports import PORTS

_PLACES = "/usr/sbin:/usr/local/sbin"
"""Where these programs are for people whose PATH has only programs for everybody."""


class Plan(NamedTuple):
    """The part of a proxy program in a cell.

    Attributes:
        folder: the cell's; all that the program writes goes there.
        address: on which it listens, as the client reaches it.
        own: the address from which it connects to the server.
        server: the server's address.
        mode: what it understands of what it passes on.
        ports: those on which it listens, each with that to which it connects.
        certificate, key: PEM files to end TLS with, where a port needs that.
        settings: fields of ``lab.model.proxy.Proxy`` that the program takes, in seconds; None: never.
    """

    folder: Path
    address: str
    own: str
    server: str
    mode: ProxyMode
    ports: Mapping[int, int]
    certificate: Path
    key: Path
    settings: Mapping[str, float | None]

    def ends_tls(self, port: int) -> bool:
        """Return whether TLS ends at the proxy on a port on which it listens."""
        return self.mode is ProxyMode.HTTP and port == PORTS["wss"]


class LogReader(Protocol):
    """Reads the log of one life of the program."""

    version: str
    """What the program has said of itself until now."""

    def listens(self, line: str) -> bool:
        """Return whether this line says that the program listens from now on."""

    def read(self, line: str) -> Iterator[ProxyConnection]:
        """Return what the line says of connections."""


class ProxyProgram(ABC):
    """A proxy program; its folder has one instance, ``PROXY``."""

    name: ClassVar[str]
    """In scenarios; the folder has the same name."""
    what: ClassVar[str]
    """One line: what it is."""
    packages: ClassVar[tuple[str, ...]]
    """Debian's packages that have it."""
    takes: ClassVar[Mapping[ProxyMode, Mapping[str, str]]]
    """In each mode the fields of ``lab.model.proxy.Proxy`` that it obeys, with the program's names of the settings."""
    writes: ClassVar[tuple[str, ...]]
    """The files that it writes or reads in the cell's folder, by name."""
    modules: ClassVar[tuple[str, ...]] = ("lab.proxies.actor",)
    """What a world imports before it forks the processes of cells."""

    @abstractmethod
    def files(self, plan: Plan) -> Mapping[str, str]:
        """Return the files that it reads, by their names in the cell's folder."""

    @abstractmethod
    def command(self, plan: Plan) -> Sequence[str]:
        """Return its arguments; it stays in the foreground and writes its log to standard output or error."""

    @abstractmethod
    def reader(self, plan: Plan) -> LogReader:
        """Return what reads its log."""

    def needed_files(self) -> tuple[str, ...]:
        """Return files it needs besides its program; absolute."""
        return ()

    # What it needs of the machine

    def program(self) -> str | None:
        """Return its path; None if it is not installed."""
        return shutil.which(self.name, path=f"{os.environ.get('PATH', os.defpath)}:{_PLACES}")

    def lack(self) -> HostNotCapable | None:
        """Return what this machine lacks for it; None: nothing."""
        missing = [] if self.program() else [self.name]
        missing += [path for path in self.needed_files() if not Path(path).exists()]
        if not missing:
            return None
        fix = f"apt-get install {' '.join(self.packages)}; systemctl disable --now {self.name}"
        return HostNotCapable(f"the proxy {self.name} needs {', '.join(missing)}", fix=fix)

    def check_host(self) -> None:
        """Check that this machine has it.

        Raises:
            HostNotCapable: it has not.
        """
        if (lack := self.lack()) is not None:
            raise lack

    def identity(self) -> str | None:
        """Return what changes when the program is replaced; None if it is not installed."""
        found = self.program()
        files = [Path(path) for path in self.needed_files() if Path(path).exists()]
        return None if found is None else repr(digests.marks([Path(found), *files]))
