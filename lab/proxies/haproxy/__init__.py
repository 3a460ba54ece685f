"""Runs haproxy as a proxy of TCP connections (``mode tcp``), or of HTTP with the upgrade to WebSocket (``mode http``).

It runs in the foreground (``-db``) with one thread, under the user of the world. It logs a connection once, at its end.
A line of Lua tells when the connection to the server is there, and which one it is.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import ClassVar

from lab.model.endpoint import Endpoint
from lab.model.proxy import ProxyMode
from lab.proxies.base import Plan, ProxyProgram
from lab.record.proxy_events import TIMEOUT, ProxyConnection, ProxyParty

CONFIGURATION, SCRIPT, PEM = "haproxy.cfg", "haproxy.lua", "haproxy.pem"

_SCRIPT = """\
core.register_action("lab_connected", {"tcp-res"}, function(txn)
  local f = txn.sf
  io.stdout:write(string.format("@lab connected %s:%s %s:%s %s:%s\\n",
    f:src(), f:src_port(), f:dst(), f:dst_port(), f:bc_src(), f:bc_src_port()))
  io.stdout:flush()
end, 0)
core.register_task(function()
  io.stdout:write("@lab version " .. core.get_info()["Version"] .. "\\n")
  io.stdout:flush()
end)
"""
_FORMAT = "@lab closed %ci:%cp %fi:%fp %bi:%bp %ts"
_CONNECT_S = 5
"""Debian's ``timeout connect``; a server of the lab accepts at once or not at all."""

_ENDS: Mapping[str, tuple[ProxyParty, str, str]] = {
    "C": ("client", "reset", ""),
    "S": ("server", "reset", ""),
    "c": ("proxy", TIMEOUT, "timeout_client"),
    "s": ("proxy", TIMEOUT, "timeout_server"),
    "-": ("", "", ""),
}
"""What the first letter of the termination state means (haproxy's manual, 8.5): who, why, by which setting."""


_SETTINGS: Mapping[str, str] = {
    "timeout_client": "timeout client",
    "timeout_server": "timeout server",
    "timeout_tunnel": "timeout tunnel",
}


class Haproxy(ProxyProgram):
    """HAProxy."""

    name = "haproxy"
    what = "HAProxy in TCP or HTTP mode; see docs/proxies.md"
    writes = (CONFIGURATION, SCRIPT, PEM)
    packages = ("haproxy",)
    takes: ClassVar[Mapping[ProxyMode, Mapping[str, str]]] = dict.fromkeys(ProxyMode, _SETTINGS)

    def files(self, plan: Plan) -> dict[str, str]:
        """See `ProxyProgram`."""
        timeouts = "".join(
            f"  {_SETTINGS[name]} {seconds:.0f}s\n" for name, seconds in plan.settings.items() if seconds is not None
        )
        tls = f" ssl crt {plan.folder / PEM}"
        parts = "".join(
            f"frontend phones-{port}\n  bind {plan.address}:{port}{tls if plan.ends_tls(port) else ''}\n"
            f"  default_backend sip-{port}\nbackend sip-{port}\n"
            f"  tcp-response content lua.lab_connected\n  server sip {plan.server}:{inside}\n"
            for port, inside in plan.ports.items()
        )
        head = (
            f"global\n  log stdout format raw local0\n  nbthread 1\n  lua-load {plan.folder / SCRIPT}\n"
            f"defaults\n  mode {plan.mode.value}\n  log global\n  timeout connect {_CONNECT_S}s\n{timeouts}"
            f'  log-format "{_FORMAT}"\n'
        )
        files = {CONFIGURATION: head + parts, SCRIPT: _SCRIPT}
        if any(map(plan.ends_tls, plan.ports)):  # it wants certificate and key in one file
            files[PEM] = plan.certificate.read_text("utf-8") + plan.key.read_text("utf-8")
        return files

    def command(self, plan: Plan) -> Sequence[str]:
        """See `ProxyProgram`."""
        return (self.program() or self.name, "-db", "-f", str(plan.folder / CONFIGURATION))

    def reader(self, plan: Plan) -> _Log:
        """See `ProxyProgram`."""
        return _Log(tunnel=plan.settings.get("timeout_tunnel") is not None)


class _Log:
    """Reads its log, and what the script writes.

    Args:
        tunnel: whether there is a ``timeout tunnel``, which takes the place of the other two.
    """

    def __init__(self, *, tunnel: bool) -> None:
        self.version = ""
        self._tunnel = tunnel
        self._count = 0
        self._ids: dict[tuple[Endpoint, Endpoint], str] = {}

    def listens(self, line: str) -> bool:
        """See `LogReader`: Lua's tasks begin with the event loop, when all sockets listen."""
        found = re.match(r"@lab version (\S+)", line)
        self.version = f"haproxy/{found[1]}" if found else self.version
        return found is not None

    def read(self, line: str) -> Iterator[ProxyConnection]:
        """See `LogReader`."""
        match line.split():
            case ["@lab", "connected", client, front, own]:
                ends = Endpoint.parse(client), Endpoint.parse(front)
                self._count += 1
                self._ids[ends] = str(self._count)
                yield ProxyConnection(
                    id=self._ids[ends], state="connected", client=ends[0], front=ends[1], own=Endpoint.parse(own)
                )
            case ["@lab", "closed", client, front, own, how]:
                yield self._closed(Endpoint.parse(client), Endpoint.parse(front), own, how)

    def _closed(self, client: Endpoint, front: Endpoint, own: str, how: str) -> ProxyConnection:
        number = self._ids.pop((client, front), None)
        by, reason, setting = _ENDS.get(how[0], ("proxy", how, ""))
        if number is None:
            self._count += 1
            late = TIMEOUT if how[0].islower() else "refused"
            return ProxyConnection(
                id=str(self._count), state="failed", client=client, front=front, by="server", reason=late
            )
        if setting and self._tunnel:
            setting = "timeout_tunnel"
        return ProxyConnection(
            id=number,
            state="closed",
            client=client,
            front=front,
            own=Endpoint.parse(own),
            by=by,
            reason=reason,
            setting="" if not setting else _SETTINGS[setting],
        )


PROXY = Haproxy()
