"""Runs baresip as Debian has it: a program of its own (BSD-3-Clause), which the lab starts and never links."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from lab.clients.baresip.settings import REGISTERS_FOR_S
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
    offers: ClassVar[frozenset[str]] = frozenset({"register", "outbound"})
    how: ClassVar[Mapping[str, str]] = {
        "register": "`regint`; baresip registers again after 90 % of the time granted (sipreg_set_rwait, re reg.c)",
        "outbound": "`sipnat=outbound`, with the instance id of its module uuid, over UDP too; keep-alives below",
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


CLIENT = Baresip()
