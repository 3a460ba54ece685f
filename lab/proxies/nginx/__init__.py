"""Runs nginx as a proxy: of TCP connections (its stream module), or of HTTP with the upgrade to WebSocket.

It runs as one process (``master_process off``) under the user of the world, so that it changes no user and starts no
worker. Its error log says what happens to connections.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import ClassVar

from lab.model.proxy import ProxyMode
from lab.proxies.base import LogReader, Plan, ProxyProgram
from lab.proxies.nginx import http, stream

CONFIGURATION = "nginx.conf"
_MODULE_FOLDERS = ("/usr/lib/nginx/modules", "/usr/lib64/nginx/modules")
_MODULE = "ngx_stream_module.so"


class Nginx(ProxyProgram):
    """nginx."""

    name = "nginx"
    what = "nginx: its stream module, which passes TCP connections on, or its HTTP proxy; see docs/proxies.md"
    writes = (CONFIGURATION, "nginx.pid")
    packages = ("nginx", "libnginx-mod-stream")
    takes: ClassVar[Mapping[ProxyMode, Mapping[str, str]]] = {
        ProxyMode.TCP: {"proxy_timeout": "proxy_timeout"},
        ProxyMode.HTTP: {"proxy_read_timeout": "proxy_read_timeout"},
    }

    def needed_files(self) -> tuple[str, ...]:
        """See `ProxyProgram`."""
        return (_module(),)

    def files(self, plan: Plan) -> dict[str, str]:
        """See `ProxyProgram`."""
        is_http = plan.mode is ProxyMode.HTTP
        # as root it would give its temporary folders to `nobody`, whom worlds of ordinary users do not know
        load = "user root;\n" if is_http else f"load_module {_module()};\n"
        head = (
            f"{load}daemon off;\nmaster_process off;\npid {plan.folder / 'nginx.pid'};\n"
            f"error_log stderr {http.LEVEL if is_http else stream.LEVEL};\nevents {{ worker_connections 256; }}\n"
        )
        return {CONFIGURATION: head + (http if is_http else stream).configuration(plan)}

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

    def reader(self, plan: Plan) -> LogReader:
        """See `ProxyProgram`."""
        return http.Log(plan.own) if plan.mode is ProxyMode.HTTP else stream.Log()


def _module() -> str:
    """Return the path of the stream module, or where Debian has it."""
    found = (f"{folder}/{_MODULE}" for folder in _MODULE_FOLDERS if (Path(folder) / _MODULE).exists())
    return next(found, f"{_MODULE_FOLDERS[0]}/{_MODULE}")


PROXY = Nginx()
