"""Says what a worker can do and what a cell needs, and whether a worker's versions are those of whoever asks.

Both are names of Dask's resources: a worker offers them, a task asks for one of each, and Dask brings a task to a
worker that offers all.
"""

from __future__ import annotations

import hashlib
import os
from functools import cache
from pathlib import Path
from typing import Any

import msgspec

import lab
from lab.clients import catalog as clients
from lab.errors import HostNotCapable
from lab.model.scenario import Cell
from lab.proxies import catalog as proxies
from lab.servers import catalog as servers
from lab.worlds import kernel, uml

DIGITS = 16
"""Of a digest: as many as of a kernel's key."""
_NOT_SOURCES = frozenset({"__pycache__", "_library"})
"""Folders of the package that differ between a checkout and an installed lab of the same release."""
INFORMATION = "lab"
"""Under this key the scheduler tells what a worker says of itself."""


class Capabilities(msgspec.Struct, frozen=True):
    """The versions and programs of a worker.

    Attributes:
        lab: the release.
        sources: a digest of the lab's files.
        kernel: the key of the virtual-time kernel.
        guests: how many cells it runs side by side.
        programs: the clients, servers and proxies that it has.
    """

    lab: str
    sources: str
    kernel: str
    guests: int
    programs: tuple[str, ...]

    def resources(self, tasks: int) -> dict[str, float]:
        """Return what it offers for so many tasks at the same time."""
        return dict.fromkeys((self.version, *self.programs), float(tasks))

    @property
    def version(self) -> str:
        """Return the name of what all cells need: the lab and the kernel."""
        return f"lab {self.sources} {self.kernel}"


def of_this_machine(guests: int | None = None) -> Capabilities:
    """Return what this process can do as a worker.

    Args:
        guests: how many cells it runs side by side; None: one for each processor.

    Raises:
        HostNotCapable: this machine cannot run cells in virtual time.
    """
    if (missing := uml.lack()) is not None:
        raise missing
    found = kernel.find()
    assert found is not None  # `lack` has looked
    return Capabilities(
        lab=lab.__version__,
        sources=sources(),
        kernel=Path(found).parent.name,
        guests=guests or len(os.sched_getaffinity(0)),
        programs=_programs(),
    )


def needs(cell: Cell) -> tuple[str, ...]:
    """Return the client, the server and the proxy that a cell needs."""
    proxy = () if cell.proxy is None else (_proxy(cell.proxy.software),)
    return (_client(clients.client_of(cell).variant(cell)), _server(cell.server.software), *proxy)


def refusal(own: Capabilities, worker: str, said: Any) -> HostNotCapable | None:
    """Return why a worker is not used; None: it can be.

    Args:
        own: of whoever asks.
        worker: its name.
        said: what it says of itself; None: nothing.
    """
    if said is None:
        fix = "start it with `lab worker`, or with `dask worker --preload lab.fleet.worker`"
        return HostNotCapable(f"worker {worker} is none of the lab's", fix=fix)
    try:
        other = msgspec.convert(said, Capabilities)
    except msgspec.ValidationError:
        return HostNotCapable(f"worker {worker} has another release of the lab", fix=f"install lab {own.lab} there")
    if other.lab != own.lab:
        return HostNotCapable(
            f"worker {worker} has lab {other.lab}, and this is lab {own.lab}", fix="install the same release"
        )
    if other.sources != own.sources:
        return HostNotCapable(
            f"worker {worker} has other files of lab {own.lab} ({other.sources}, here {own.sources})",
            fix="install the same files, and start the worker anew",
        )
    if other.kernel != own.kernel:
        return HostNotCapable(
            f"worker {worker} has the virtual-time kernel {other.kernel}, and this machine {own.kernel}",
            fix="build both from the same source with the same compiler, or copy one (docs/scale.md)",
        )
    return None


@cache
def sources() -> str:
    """Return a digest of the lab's files: code, catalogue, templates."""
    package = Path(lab.__file__).parent
    total = hashlib.sha256()
    for path in sorted(package.rglob("*")):
        name = path.relative_to(package)
        if path.is_file() and not _NOT_SOURCES & {*name.parts}:
            total.update(f"{name.as_posix()} {path.stat().st_size}\n".encode())
            total.update(path.read_bytes())
    return total.hexdigest()[:DIGITS]


def _programs() -> tuple[str, ...]:
    found = [_client(variant) for name in clients.names() for variant in clients.find(name).installed()]
    for name in servers.names():
        try:
            servers.find(name).check_host()
        except HostNotCapable:
            continue
        found.append(_server(name))
    found += [_proxy(name) for name in proxies.names() if proxies.find(name).lack() is None]
    return tuple(found)


def _client(variant: str) -> str:
    return f"client {variant}"


def _proxy(name: str) -> str:
    return f"proxy {name}"


def _server(name: str) -> str:
    return f"server {name}"
