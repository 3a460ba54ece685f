"""Runs linphone as Debian has it: a library under the GPL, which only the client's own process loads."""

from __future__ import annotations

import ctypes.util
from collections.abc import Mapping
from typing import ClassVar

from lab.clients.installed_program import InstalledProgram
from lab.clients.linphone.settings import KEEP_ALIVE_S, REGISTERS_FOR_S
from lab.model.scenario import Cell


class Linphone(InstalledProgram):
    """linphone."""

    name = "linphone"
    what = "liblinphone, the library of the linphone apps, as Debian ships it, driven by its own events"
    packages = ("liblinphone10",)
    parts = ("libbellesip1",)
    actor = "lab.clients.linphone.client"
    offers: ClassVar[frozenset[str]] = frozenset(
        {"register", "crlf-keepalive", "udp-keepalive", "tcp-keepalive", "reconnect"}
    )
    how: ClassVar[Mapping[str, str]] = {
        "register": "`reg_expires`",
        "crlf-keepalive": "`keepalive_period` with `tcp_tls_keepalive`: a CRLF pair, whatever else is sent",
        "udp-keepalive": "`keepalive_period`: a CRLF pair; `never` switches it off",
        "tcp-keepalive": "linphone sets no option of a socket: the application does, when it has connected",
        "reconnect": "`linphone_core_refresh_registers` with these pauses; by itself it retries after 60 s",
    }
    registers_for_s = float(REGISTERS_FOR_S)
    facts: ClassVar[tuple[tuple[str, str], ...]] = (
        ("release", "5.1.65 on Debian 12, with belle-sip 5.1.64"),
        ("licence", "GPL-3.0-or-later, belle-sip too; loaded by the client's process alone"),
        ("settings", "its own, but no IPv6, and names in certificates are not compared, which are addresses here"),
        (
            "registers for",
            f"{REGISTERS_FOR_S} s unless told (account-params.cpp); once more with the address seen outside",
        ),
        ("keep-alives", f"a CRLF pair every {KEEP_ALIVE_S} s on each transport (keepalive_period, linphonecore.c)"),
        ("pong", "not waited for: belle-sip 5.1 knows none"),
        ("gives up", "a connection or transaction after 63 s (transport_timeout, linphonecore.c)"),
        ("retries", "a failed REGISTER after 60 s (refresher_retry_after, linphonecore.c)"),
        ("messages", "answers MESSAGE with a MESSAGE of its own, a receipt (IMDN)"),
        ("wakes up", "on its own events and once a second; the apps call it every 20 ms"),
    )

    def unsupported(self, cell: Cell) -> str:
        """See `ClientProgram`."""
        if cell.server.by_name:
            return "linphone is told the server's address here, not its name"
        if not cell.registers and any(one.kind == "reconnect" for one in cell.strategy.mitigations):
            return "linphone reconnects by registering, and this account does not"
        return super().unsupported(cell)

    def is_there(self) -> bool:
        """See `InstalledProgram`."""
        return ctypes.util.find_library("linphone") is not None


CLIENT = Linphone()
