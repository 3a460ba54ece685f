"""Runs nginx as a proxy of TCP connections (its stream module).

It runs as one process (``master_process off``) under the user of the world, so that it changes no user and starts no
worker. Its error log at level ``info`` names both connections of a pair, who ended them, and timeouts.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import ClassVar

from lab.model.endpoint import Endpoint
from lab.proxies.base import Plan, ProxyProgram
from lab.record.proxy_events import TIMEOUT, ProxyConnection

CONFIGURATION = "nginx.conf"
_MODULE_FOLDERS = ("/usr/lib/nginx/modules", "/usr/lib64/nginx/modules")
_MODULE = "ngx_stream_module.so"

_CONNECTION = re.compile(r"\[\w+\] \d+#\d+: \*(?P<id>\d+) (?P<text>.*)$")
_ACCEPTED = re.compile(r"client (\S+) connected to (\S+)$")
_CONNECTED = re.compile(r"proxy (\S+) connected to (\S+)$")
_RESET = re.compile(r"(?:recv|send|writev)\(\) failed \(\d+: (?P<why>[^)]*)\) while proxying")
_ENDED = re.compile(r"(?P<who>client|upstream) disconnected,")
_REFUSED = re.compile(r"connect\(\) failed \(\d+: (?P<why>[^)]*)\) while connecting to upstream")
_TIMED_OUT = "connection timed out (110: Connection timed out) while proxying connection"
_UNREACHED = "upstream timed out (110: Connection timed out) while connecting to upstream"
_VERSION = re.compile(r"\[notice\] \d+#\d+: (nginx/\S+)")


class Nginx(ProxyProgram):
    """nginx."""

    name = "nginx"
    what = "nginx with its stream module, which passes TCP connections on; see docs/proxies.md"
    writes = (CONFIGURATION, "nginx.pid")
    packages = ("nginx", "libnginx-mod-stream")
    takes: ClassVar[Mapping[str, str]] = {"proxy_timeout": "proxy_timeout"}

    def needed_files(self) -> tuple[str, ...]:
        """See `ProxyProgram`."""
        return (_module(),)

    def files(self, plan: Plan) -> dict[str, str]:
        """See `ProxyProgram`."""
        seconds = plan.settings["proxy_timeout"]
        servers = "".join(
            f"  server {{\n    listen {plan.address}:{port};\n    proxy_pass {plan.server}:{port};\n"
            f"    proxy_timeout {seconds:.0f}s;\n  }}\n"
            for port in plan.ports
        )
        head = (
            f"load_module {_module()};\ndaemon off;\nmaster_process off;\n"
            f"pid {plan.folder / 'nginx.pid'};\nerror_log stderr info;\nevents {{ worker_connections 256; }}\n"
        )
        return {CONFIGURATION: f"{head}stream {{\n{servers}}}\n"}

    def command(self, plan: Plan) -> Sequence[str]:
        """See `ProxyProgram`; ``-e`` keeps it from opening its usual log file."""
        return (
            self.program() or self.name,
            "-e",
            "stderr",
            "-p",
            str(plan.folder),
            "-c",
            str(plan.folder / CONFIGURATION),
        )

    def reader(self, plan: Plan) -> _Log:
        """See `ProxyProgram`."""
        return _Log()


class _Log:
    """Reads the error log."""

    def __init__(self) -> None:
        self.version = ""
        self._pairs: dict[str, ProxyConnection] = {}
        self._resets: dict[str, str] = {}

    def listens(self, line: str) -> bool:
        """See `LogReader`: it names its version when its sockets listen."""
        found = _VERSION.search(line)
        self.version = found[1] if found else self.version
        return found is not None

    def read(self, line: str) -> Iterator[ProxyConnection]:
        """See `LogReader`."""
        found = _CONNECTION.search(line)
        if found is None:
            return
        number, text = found["id"], found["text"]
        if met := _ACCEPTED.match(text):
            client, front = (Endpoint.parse(end) for end in met.groups())
            self._pairs[number] = ProxyConnection(id=number, state="accepted", client=client, front=front)
            yield self._pairs[number]
        pair = self._pairs.get(number)
        if pair is None:
            return
        if met := _CONNECTED.match(text):
            yield self._now(pair, "connected", own=Endpoint.parse(met[1]))
        elif met := _RESET.match(text):
            self._resets[number] = "reset" if "reset" in met["why"] else met["why"]
        elif met := _REFUSED.match(text):
            yield self._now(pair, "failed", by="server", reason=met["why"])
        elif text.startswith(_UNREACHED):
            yield self._now(pair, "failed", by="server", reason=TIMEOUT)
        elif text.startswith(_TIMED_OUT):
            yield self._now(pair, "closed", by="proxy", reason=TIMEOUT, setting="proxy_timeout")
        elif met := _ENDED.match(text):
            by = "client" if met["who"] == "client" else "server"
            yield self._now(pair, "closed", by=by, reason=self._resets.pop(number, ""))

    def _now(self, pair: ProxyConnection, state: str, **changes: object) -> ProxyConnection:
        """Return a pair in its new state, and remember it."""
        import msgspec

        now = msgspec.structs.replace(pair, state=state, **changes)
        self._pairs[pair.id] = now
        return now


def _module() -> str:
    """Return the path of the stream module, or where Debian has it."""
    found = (f"{folder}/{_MODULE}" for folder in _MODULE_FOLDERS if (Path(folder) / _MODULE).exists())
    return next(found, f"{_MODULE_FOLDERS[0]}/{_MODULE}")


PROXY = Nginx()
