"""Runs Kamailio as the SIP server: a child process, its log, and its JSON-RPC interface.

``actor`` is the process the runner talks to, ``server`` turns commands into requests to Kamailio and its log into
events; ``config`` writes its configuration, ``log`` reads its log, ``rpc`` speaks to it, ``child`` starts and kills it.

Commands and events are those of ``lab.servers.scripted``, but for what Kamailio cannot do or does not tell:

- ``answer`` and ``certificate`` do not exist, nor ``go-down`` with ``keeps_state``; see ``lacks`` below.
- A flow is noticed by its first SIP message; one that carries none has no ``flow`` events. ``crlf-ping`` is not told:
  the pong is sent by Kamailio's core.
- ``statistics`` {file} is a command of its own: counters and open connections, into a file of the cell's folder.

Times are Kamailio's own, taken where it logs.
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from typing import Any, ClassVar

from lab.backends.base import Main
from lab.model.scenario import Account, Cell, Transport
from lab.servers.base import ServerProgram

_ACTOR = "lab.servers.kamailio.actor"
CONFIGURATION, TLS_CONFIGURATION, LOG = "kamailio.cfg", "tls.cfg", "server.log"
"""In the cell's folder."""


class Kamailio(ServerProgram):
    """Kamailio."""

    name = "kamailio"
    what = "Kamailio, as installed on the host; see docs/kamailio.md"
    modules = (_ACTOR,)
    lacks: ClassVar[Mapping[str, str]] = {
        "server-crlf": "Kamailio sends no CRLF of its own over a connection, it only answers the client's",
        "mute": "Kamailio cannot be told to leave requests unanswered",
        "late": "Kamailio cannot be told to answer late",
        "gives-up-again": "Kamailio's nathelper, which gives contacts up, sends each OPTIONS once",
        "gives-up-marks": "Kamailio's nathelper removes a contact that it gives up; it marks none",
        "gives-up-closes": "Kamailio's nathelper gives contacts up over UDP only, which has no connection to close",
        "gives-up-calls": "Kamailio's nathelper ends contacts, not calls; its dialog module ends those that it relays",
        "options-once": "Kamailio's tm, which sends OPTIONS here, sends it again over UDP until it is answered",
        "idle-rst": "Kamailio ends idle connections with FIN",
        "idle-without-crlf": "Kamailio counts every byte, CRLF too, as traffic",
        "keep-state": "Kamailio keeps its state in memory here, so a restart loses it",
        "match-by-connection": "Kamailio compares contacts by URI, instance, Call-ID or Path, not by connection",
        "remove-oldest-of-several": "Kamailio refuses a contact too many, or keeps one alone; it removes no oldest one",
        "push-when-quiet": "Kamailio does not tell when a client's keep-alive came, so not how long one has been quiet",
        "connect-by-flow": "Kamailio keeps where a contact came from, and would connect there, not to the Contact",
        "connect-from-moved-address": "Kamailio listens on both addresses, but is not told from which to connect",
    }
    image = "kamailio"
    needs_loopback = True
    statistics = "kamailio.json"

    def why_unsupported(self, cell: Cell, needs: tuple[str, ...]) -> str:
        """See `ServerProgram`."""
        lacking = super().why_unsupported(cell, needs)
        if any(one.kind == "server-ws-ping" and one.interval % 1 for one in cell.strategy.mitigations):
            return "Kamailio sends its ping frames every so many whole seconds"
        outbound = any(one.kind in ("server-outbound", "flow-timer") for one in cell.strategy.mitigations)
        if outbound and cell.transport is Transport.UDP:
            return "Kamailio answers STUN, which SIP outbound needs over UDP, with a module that is not loaded here"
        if lacking or "gives-up" not in needs:
            return lacking
        if cell.transport is not Transport.UDP:
            return "Kamailio 5.6 gives contacts up over UDP only (nathelper's keepalive_timeout)"
        if cell.client.account is Account.SUBSCRIBE:
            return "Kamailio gives up contacts that have registered, not subscribers"
        if any(
            "gives-up" in one.server_needs and one.interval % 1
            for one in cell.strategy.mitigations
            if one.side == "server"
        ):
            return "Kamailio sends its OPTIONS every so many whole seconds"
        return ""

    def program(self) -> Main:
        """See `ServerProgram`."""
        main: Main = import_module(_ACTOR).main
        return main

    def start(self, folder: Path) -> dict[str, Any]:
        """See `ServerProgram`."""
        return {"folder": str(folder)}

    def writes(self, folder: Path) -> tuple[Path, ...]:
        """See `ServerProgram`."""
        return tuple(folder / name for name in (CONFIGURATION, TLS_CONFIGURATION, LOG, self.statistics))

    def identity(self) -> str | None:
        """See `ServerProgram`: the program and its modules."""
        from lab.servers.kamailio.child import identity

        return identity()

    def check_host(self) -> None:
        """See `ServerProgram`."""
        from lab.servers.kamailio.child import check_host

        check_host()


SERVER = Kamailio()
