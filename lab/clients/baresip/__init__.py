"""Runs baresip as Debian has it: a program of its own (BSD-3-Clause), which the lab starts and never links."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import ClassVar

from lab.clients.baresip.settings import LIBKEEPALIVE, REGISTERS_FOR_S
from lab.clients.installed_program import InstalledProgram
from lab.model.scenario import Cell


class Baresip(InstalledProgram):
    """baresip."""

    name = "baresip"
    what = "baresip, a softphone on the stack re, as Debian ships it; the lab starts the program and reads its trace"
    executable = "baresip"
    packages = ("baresip-core",)
    parts = ("libre0", "librem0")
    actor = "lab.clients.baresip.client"
    offers: ClassVar[frozenset[str]] = frozenset({"register", "outbound", "tcp-keepalive", "options-ping"})
    how: ClassVar[Mapping[str, str]] = {
        "register": "`regint`; baresip registers again after 90 % of the time granted (sipreg_set_rwait, re reg.c)",
        "outbound": "`sipnat=outbound`, with the instance id of its module uuid, over UDP too; keep-alives below",
        "tcp-keepalive": "baresip sets no option of a socket: libkeepalive (LD_PRELOAD) does",
        "options-ping": "`/options` of its menu, which the lab writes to its standard input",
    }
    registers_for_s = float(REGISTERS_FOR_S)
    facts: ClassVar[tuple[tuple[str, str], ...]] = (
        ("release", "1.0.0 on Debian 12, with re 1.1.0"),
        ("licence", "BSD-3-Clause"),
        (
            "settings",
            "the template's (src/config.c, modules/account), with sound without a device (aubridge), sip_cafile",
        ),
        ("registers for", "3600 s unless told (REG_INTERVAL, src/account.c), and again after 90 % of what is granted"),
        (
            "after a failure",
            "registers again after 60 s, 120 s, … 30 min, times 50 % to 100 % at random (failwait, re reg.c)",
        ),
        ("keep-alives", "none, unless `outbound` is on and the registrar answers with it (start_outbound, re reg.c)"),
        (
            "",
            "then STUN over UDP every 29 s, CRLF over TCP and TLS every 120 s, or as Flow-Timer says; less up to 20 %",
        ),
        (
            "",
            "one without an answer (CRLF: within 10 s) ends the flow: it registers again (keepalive_udp.c, transp.c)",
        ),
        (
            "end of a connection",
            "not noticed before its next request (1.0.0 says nothing of it, and has no command to register again)",
        ),
        ("idle timer", "ends a connection without traffic after 900 s (TCP_IDLE_TIMEOUT, re transp.c)"),
        ("address", "looks for a new address of its own every 60 s (src/ua.c)"),
    )

    def unsupported(self, cell: Cell) -> str:
        """See `ClientProgram`."""
        if cell.server.by_name:
            return "baresip is told the server's address here, not its name"
        for one in cell.strategy.mitigations:
            if one.kind == "outbound" and (one.reg_id != 1 or one.instance_id is not None):
                return "baresip chooses reg-id and instance id of outbound itself"
        return super().unsupported(cell)

    def prepare(self, cell: Cell, report: Callable[[str], None]) -> Cell:
        """See `InstalledProgram`; for TCP keep-alive it needs a library besides."""
        asks = any(one.kind == "tcp-keepalive" for one in cell.strategy.mitigations)
        if asks and not Path(LIBKEEPALIVE).exists():
            lack = "baresip needs libkeepalive for tcp-keepalive; `apt-get install libkeepalive0`"
            return dataclasses.replace(cell, unsupported=lack)
        return super().prepare(cell, report)


CLIENT = Baresip()
