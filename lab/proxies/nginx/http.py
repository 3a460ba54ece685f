"""Configures nginx's HTTP proxy, which passes the upgrade to WebSocket on and ends TLS, and reads its error log.

The usual log does not tell which connection to the server belongs to which of a client. So nginx connects from a port
that is made of the number it gives the client's connection (``proxy_bind``), and logs what its HTTP part does
(``debug_http``, which Debian's build has). A line of the rewrite module has the client's port.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from lab.model.endpoint import Endpoint
from lab.proxies.base import Plan
from lab.proxies.nginx.pairs import PairLog
from lab.record.proxy_events import TIMEOUT, ProxyConnection

LEVEL = "debug_http"

_FIRST_PORT, _DIGITS = 40000, 4
"""The port to the server is the sum of this and the number of the client's connection, which has so many digits."""
_FOLDERS = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
"""What nginx would keep below /var/lib otherwise: ``…_temp_path``."""

_REQUEST = re.compile(r'"@lab" matches "@lab (\S+) (\S+)"')
_UPGRADED = re.compile(r"http proxy status 101 ")
_REFUSED = re.compile(r"http proxy status (\d+) ")
_FAILED = re.compile(r"connect\(\) failed \(\d+: (?P<why>[^)]*)\) while connecting to upstream")
_TIMED_OUT = re.compile(r"(upstream|client) timed out \(110: Connection timed out\) while (.*?), client: ")
_BROKEN = re.compile(r"upstream prematurely closed connection|no live upstreams")
_RUNS: Mapping[str, str] = {"http run request:": "client", "http upstream request:": "server"}
"""Whose connection nginx looks at after such a line."""
_DONE = "http upstream upgraded done"
_CLOSED = "close http connection: "
_SETTING = "proxy_read_timeout"


def configuration(plan: Plan) -> str:
    """Return the block of HTTP: a server for each port."""
    ports = "".join(f'    "~^({"." * digits})$" {str(_FIRST_PORT)[:-digits]}$1;\n' for digits in range(1, _DIGITS + 1))
    paths = "".join(f"  {name}_temp_path {plan.folder / 'nginx-temp'};\n" for name in _FOLDERS)
    return (
        f"http {{\n  access_log off;\n{paths}  map $connection $own_port {{\n{ports}  }}\n"
        f"{''.join(_server(plan, port, inside) for port, inside in plan.ports.items())}}}\n"
    )


def _server(plan: Plan, port: int, inside: int) -> str:
    tls = ""
    if plan.ends_tls(port):
        tls = f"    ssl_certificate {plan.certificate};\n    ssl_certificate_key {plan.key};\n"
    return (
        f"  server {{\n    listen {plan.address}:{port}{' ssl' * bool(tls)};\n{tls}"
        '    set $lab "@lab $remote_addr:$remote_port $server_addr:$server_port";\n'
        '    if ($lab ~ "@lab") { set $lab ""; }\n    location / {\n'
        f"      proxy_pass http://{plan.server}:{inside};\n      proxy_bind {plan.own}:$own_port;\n"
        "      proxy_http_version 1.1;\n      proxy_set_header Upgrade $http_upgrade;\n"
        "      proxy_set_header Connection upgrade;\n      proxy_set_header Host $http_host;\n"
        f"      {_SETTING} {plan.settings[_SETTING]:.0f}s;\n    }}\n  }}\n"
    )


class Log(PairLog):
    """Reads the log; ``own`` is the address from which nginx connects to the server."""

    def __init__(self, own: str) -> None:
        super().__init__()
        self._own = own
        self._looks_at: dict[str, str] = {}

    def read(self, line: str) -> Iterator[ProxyConnection]:
        """See `LogReader`."""
        if (about := self.about(line)) is None:
            return
        number, text = about
        if met := _REQUEST.match(text):
            client, front = (Endpoint.parse(end) for end in met.groups())
            self.pairs[number] = ProxyConnection(id=number, state="accepted", client=client, front=front)
            yield self.pairs[number]
            return
        if number not in self.pairs or self.pairs[number].state in ("closed", "failed"):
            return
        for begins, whose in _RUNS.items():
            if text.startswith(begins):
                self._looks_at[number] = whose
        if self.pairs[number].state == "accepted":
            yield from self._answered(number, text)
        else:
            yield from self._ended(number, text)

    def _answered(self, number: str, text: str) -> Iterator[ProxyConnection]:
        """Tell what the server says to the request."""
        if _UPGRADED.match(text):
            yield self.now(number, "connected", own=Endpoint(self._own, _FIRST_PORT + int(number)))
        elif met := _REFUSED.match(text):
            yield self.now(number, "failed", by="server", reason=f"answered {met[1]}")
        elif met := _FAILED.match(text):
            yield self.now(number, "failed", by="server", reason=met["why"])
        elif _TIMED_OUT.match(text):
            yield self.now(number, "failed", by="server", reason=TIMEOUT)
        elif _BROKEN.match(text):
            yield self.now(number, "failed", by="server", reason="closed")
        elif text.startswith(_CLOSED):
            yield self.now(number, "failed", by="client", reason=self.error(number))

    def _ended(self, number: str, text: str) -> Iterator[ProxyConnection]:
        """Tell that the two connections of an upgraded request ended."""
        if met := _TIMED_OUT.match(text):
            setting = _SETTING if met[1] == "upstream" else "send_timeout"
            yield self.now(number, "closed", by="proxy", reason=TIMEOUT, setting=setting)
        elif text.startswith((_DONE, _CLOSED)):
            by = self._looks_at.get(number, "")
            yield self.now(number, "closed", by=by, reason=self.error(number))
