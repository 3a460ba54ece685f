"""Runs baresip as Debian has it, a program of its own (BSD-3-Clause)."""

from __future__ import annotations

import shutil
import subprocess
from functools import cache
from importlib import import_module
from pathlib import Path

from lab import digests
from lab.backends.base import Main, Program
from lab.clients.base import ClientProgram
from lab.model.scenario import Cell

_ACTOR = "lab.clients.baresip.client"
PROGRAM = "baresip"


class Baresip(ClientProgram):
    """baresip."""

    name = "baresip"
    what = "baresip 1.0.0 of Debian 12, as shipped"
    modules = (_ACTOR,)
    offers = frozenset({"register", "outbound"})
    registers_for_s = 3600.0  # REG_INTERVAL, src/account.c

    def program(self, cell: Cell) -> Program:
        """See `ClientProgram`."""
        main: Main = import_module(_ACTOR).main
        return main

    def image(self, cell: Cell) -> str:
        """See `ClientProgram`."""
        return "client"

    def identity(self, cell: Cell) -> str | None:
        """See `ClientProgram`."""
        return None

    @staticmethod
    @cache
    def version() -> str:
        """Return what it says of itself; empty: it is not installed."""
        if shutil.which(PROGRAM) is None:
            return ""
        said = subprocess.run([PROGRAM, "-h"], capture_output=True, text=True, check=False).stdout
        return said.partition(" v")[2].partition(" ")[0]


CLIENT = Baresip()
