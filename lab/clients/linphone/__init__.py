"""Runs linphone as Debian has it: a program of its own (GPL-3.0-or-later), which the lab starts and never links."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from lab.clients.installed_program import InstalledProgram
from lab.clients.linphone.settings import REGISTERS_FOR_S
from lab.model.scenario import Cell


class Linphone(InstalledProgram):
    """linphone."""

    name = "linphone"
    what = "linphone"
    executable = "linphone-daemon"
    packages = ("linphone-cli",)
    parts = ("liblinphone10", "libbellesip1")
    actor = "lab.clients.linphone.client"
    offers: ClassVar[frozenset[str]] = frozenset({"register", "crlf-keepalive", "udp-keepalive"})
    registers_for_s = float(REGISTERS_FOR_S)


CLIENT = Linphone()
