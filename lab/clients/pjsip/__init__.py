"""Runs the real pjsip, from the package pjsua2-python; the default client."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Callable
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

from lab import digests
from lab.backends.base import Command, Main, Program
from lab.clients.base import ClientProgram
from lab.clients.pjsip import interpreters, wheels
from lab.clients.pjsip.releases import DEFAULT, RELEASES
from lab.errors import HostNotCapable
from lab.interpreter import module_command
from lab.model.scenario import Cell, Transport
from lab.sip.ports import FRAMED

IMAGE = "client"
MEMORY_FILE = "client-memory.json"
"""In the cell's folder: what mitigations remember beyond the client's life."""
_OUTBOUND = ("outbound", "server-outbound", "flow-timer")
"""Of no use where pjsua does not ask for SIP outbound: pjsua_acc.c, update_regc_contact."""
_ACTOR = "lab.clients.pjsip.client"
_LIBRARY = "lab.clients.pjsip.agent"


class Pjsip(ClientProgram):
    """pjsip."""

    name = "pjsip"
    what = "the real pjsip through pjsua2, one process driven by events alone"
    asks_for_s = 600.0  # PJSIP_PRES_DEFAULT_EXPIRES
    registers_for_s = 300.0  # PJSUA_REG_INTERVAL
    does_more_than_asked = False
    tells_failures = True
    tells_new_address = True
    releases = tuple(number for number in RELEASES if number != DEFAULT)

    @property
    def modules(self) -> tuple[str, ...]:  # type: ignore[override]
        """The library is imported only where it can be had in this interpreter."""
        return (_ACTOR, _LIBRARY) if interpreters.is_own() else (_ACTOR,)

    @property
    def offers(self) -> frozenset[str]:  # type: ignore[override]  # worked out when asked for: it imports every mitigation
        """All mitigations of the client's side, as far as its release has them."""
        from lab.mitigations.catalog import client_kinds

        return client_kinds()

    def unsupported(self, cell: Cell) -> str:
        """Say what the release lacks: a transport, or what a mitigation needs."""
        release = RELEASES[cell.pjsip]
        packaged = f"pjsip {cell.pjsip}, as pjsua2-python {release.package} has it,"
        if cell.transport.value in FRAMED:
            return "pjsip has no WebSocket transport"
        if cell.transport.value not in release.transports:
            return f"{packaged} is built without {cell.transport.value.upper()}"
        authentication = cell.server.authentication
        if authentication is not None and authentication.algorithm not in release.digests:
            return f"{packaged} does not authenticate with {authentication.algorithm.value}"
        for one in cell.strategy.mitigations:
            if one.kind in _OUTBOUND and cell.transport is Transport.UDP:
                return f"{one.kind} does nothing here: pjsua asks for SIP outbound over TCP and TLS only"
            if one.kind in release.lacks:
                return f"{one.kind} cannot be had with pjsip {cell.pjsip}: {release.lacks[one.kind]}"
        return ""

    def program(self, cell: Cell) -> Program:
        """See `ClientProgram`; another release, or interpreter, needs a process of its own."""
        if not cell.wheel:
            main: Main = import_module(_ACTOR).main
            return main
        argv = module_command("lab.actors.stdio", f"{_ACTOR}:main", first=(cell.wheel,), python=cell.interpreter)
        return Command(tuple(argv), dict(os.environ))

    def image(self, cell: Cell) -> str:
        """See `ClientProgram`."""
        return IMAGE

    def writes(self, folder: Path) -> tuple[Path, ...]:
        """See `ClientProgram`."""
        return (folder / MEMORY_FILE,)

    def variant(self, cell: Cell) -> str:
        """See `ClientProgram`: a variant is a release."""
        return f"{self.name} {cell.pjsip}"

    def installed(self) -> tuple[str, ...]:
        """See `ClientProgram`."""
        try:
            interpreter = interpreters.find()
        except HostNotCapable:
            return ()
        return tuple(
            f"{self.name} {number}"
            for number, release in RELEASES.items()
            if (number == DEFAULT and not interpreter.path) or wheels.folder_of(release.package, interpreter).is_dir()
        )

    def prepare(self, cell: Cell, report: Callable[[str], None]) -> Cell:
        """See `ClientProgram`: fetch the release, unless it is the one installed with the lab."""
        interpreter = interpreters.find()
        if cell.pjsip == DEFAULT and not interpreter.path:
            return cell
        folder = wheels.find_or_fetch(RELEASES[cell.pjsip].package, interpreter, report)
        return dataclasses.replace(cell, wheel=str(folder), interpreter=interpreter.path)

    def identity(self, cell: Cell) -> str | None:
        """See `ClientProgram`: the library's files, and the interpreter if it is not the lab's."""
        found = None if cell.wheel else find_spec("pjsua2")
        places = (
            [Path(cell.wheel)]
            if cell.wheel
            else [Path(each) for each in (found and found.submodule_search_locations) or ()]
        )
        if not places:
            return None
        other = [digests.of_file(Path(cell.interpreter).resolve())] if cell.interpreter else []
        return " ".join([*(digests.of_folder(place) for place in places), *other])

    def visible(self, cell: Cell) -> tuple[Path, ...]:
        """See `ClientProgram`."""
        folders = (Path(cell.wheel),) if cell.wheel else ()
        return (*folders, Path(cell.interpreter).parent.parent) if cell.interpreter else folders


CLIENT = Pjsip()
