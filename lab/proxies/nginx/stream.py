"""Configures nginx's stream module, which passes TCP connections on, and reads its error log."""

from __future__ import annotations

import re
from collections.abc import Iterator

from lab.model.endpoint import Endpoint
from lab.proxies.base import Plan
from lab.proxies.nginx.pairs import PairLog
from lab.record.proxy_events import TIMEOUT, ProxyConnection

LEVEL = "info"
"""Of the error log: it names both connections of a pair, who ended them, and timeouts."""

_ACCEPTED = re.compile(r"client (\S+) connected to (\S+)$")
_CONNECTED = re.compile(r"proxy (\S+) connected to (\S+)$")
_ENDED = re.compile(r"(?P<who>client|upstream) disconnected,")
_REFUSED = re.compile(r"connect\(\) failed \(\d+: (?P<why>[^)]*)\) while connecting to upstream")
_TIMED_OUT = "connection timed out (110: Connection timed out) while proxying connection"
_UNREACHED = "upstream timed out (110: Connection timed out) while connecting to upstream"


def configuration(plan: Plan) -> str:
    """Return the block of the module: a server for each port."""
    seconds = plan.settings["proxy_timeout"]
    servers = "".join(
        f"  server {{\n    listen {plan.address}:{port};\n    proxy_pass {plan.server}:{inside};\n"
        f"    proxy_timeout {seconds:.0f}s;\n  }}\n"
        for port, inside in plan.ports.items()
    )
    return f"stream {{\n{servers}}}\n"


class Log(PairLog):
    """Reads the log."""

    def read(self, line: str) -> Iterator[ProxyConnection]:
        """See `LogReader`."""
        if (about := self.about(line)) is None:
            return
        number, text = about
        if met := _ACCEPTED.match(text):
            client, front = (Endpoint.parse(end) for end in met.groups())
            self.pairs[number] = ProxyConnection(id=number, state="accepted", client=client, front=front)
            yield self.pairs[number]
        if number not in self.pairs:
            return
        if met := _CONNECTED.match(text):
            yield self.now(number, "connected", own=Endpoint.parse(met[1]))
        elif met := _REFUSED.match(text):
            yield self.now(number, "failed", by="server", reason=met["why"])
        elif text.startswith(_UNREACHED):
            yield self.now(number, "failed", by="server", reason=TIMEOUT)
        elif text.startswith(_TIMED_OUT):
            yield self.now(number, "closed", by="proxy", reason=TIMEOUT, setting="proxy_timeout")
        elif met := _ENDED.match(text):
            by = "client" if met["who"] == "client" else "server"
            yield self.now(number, "closed", by=by, reason=self.error(number))
