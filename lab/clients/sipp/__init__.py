"""Runs SIPp as Debian has it: it plays the author's script, for messages that no phone sends."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import ClassVar

from lab import digests
from lab.backends.base import Program
from lab.clients.installed_program import InstalledProgram
from lab.model.scenario import Cell


class Sipp(InstalledProgram):
    """SIPp."""

    name = "sipp"
    what = "SIPp with a script of your own (`script: FILE`), for messages that no phone sends; over UDP and TCP"
    executable = "sipp"
    packages = ("sip-tester",)
    parts = ()
    actor = "lab.clients.sipp.client"
    takes_script = True
    not_in_virtual_time = (
        "SIPp reads CLOCK_MONOTONIC_COARSE, which stands still while a guest's clock jumps; use `--clock real`"
    )
    runs_in_containers = False
    offers: ClassVar[frozenset[str]] = frozenset()
    how: ClassVar[Mapping[str, str]] = {}
    facts: ClassVar[tuple[tuple[str, str], ...]] = (
        ("release", "3.6.1 on Debian 12"),
        ("licence", "GPL-2.0-or-later"),
        ("settings", "one call (`-m 1`), from port 5060; `[user]`, `[peer]`, `[domain]` are keywords of the script"),
        ("probes", "answered by a script of the lab's, whatever yours does (lab/clients/sipp/answers.xml, `-oocsf`)"),
        ("end of the script", "ends SIPp, which the cell does not survive: let it end with a long pause"),
        ("clock", "CLOCK_MONOTONIC_COARSE, looked at every millisecond: it runs in real time only"),
    )

    def unsupported(self, cell: Cell) -> str:
        """See `ClientProgram`."""
        if cell.transport.value not in ("udp", "tcp"):
            return "Debian's SIPp has UDP and TCP only"
        if cell.server.by_name:
            return "SIPp is told the server's address here, not its name"
        return super().unsupported(cell)

    def program(self, cell: Cell) -> Program:
        """See `ClientProgram`."""
        from lab.clients.sipp.client import main

        return partial(main, script=_script(cell))

    def missing(self, cell: Cell) -> str:
        """See `ClientProgram`: the script."""
        return "" if _script(cell).is_file() else str(_script(cell))

    def identity(self, cell: Cell) -> str | None:
        """See `ClientProgram`: the script decides what it does."""
        program = super().identity(cell)
        return None if program is None or self.missing(cell) else f"{program} {digests.of_file(_script(cell))}"

    def visible(self, cell: Cell) -> tuple[Path, ...]:
        """See `ClientProgram`."""
        return (_script(cell).resolve().parent,)


def _script(cell: Cell) -> Path:
    return Path(cell.folder) / cell.client.script


CLIENT = Sipp()
