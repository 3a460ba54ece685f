"""Sets options of pjsip's sockets, and reads them back from the kernel."""

from __future__ import annotations

import os
import socket
from pathlib import Path
from typing import Any

from lab.clients.pjsip.library import Transport
from lab.clients.pjsip.pjsua2_wheel import pj
from lab.errors import LabFault
from lab.mitigations.base import MOST_SOCKET_OPTIONS, SocketOption
from lab.model.endpoint import Endpoint


class SocketOptions:
    """The options set on every socket of the client before it connects."""

    def __init__(self) -> None:
        self._values: dict[SocketOption, int] = {}
        self._passed: list[Any] = []  # pjsip keeps a pointer into each: a copy in a vector points at the original

    def add(self, option: SocketOption, value: int) -> None:
        """Set one more.

        Raises:
            LabFault: it is set already, or there is no room for it.
        """
        if option in self._values:
            raise LabFault(f"setting {option.name}", detail="two mitigations set it")
        if len(self._values) == MOST_SOCKET_OPTIONS:
            raise LabFault(f"setting {option.name}", detail=f"pjsip passes {MOST_SOCKET_OPTIONS} options at most")
        self._values[option] = value

    def pass_to(self, config: Any) -> None:
        """Write them into a ``pjsua2.TransportConfig``: for TLS pjsua reads them from its own place alone.

        Where there are none nothing is written: 2.10 does not have the fields.
        """
        if not self._values:
            return
        for params in (config.sockOptParams, config.tlsConfig.sockOptParams):
            vector = pj.SockOptVector()
            for option, value in self._values.items():
                passed = pj.SockOpt(*option.value, value)
                self._passed.append(passed)
                vector.append(passed)
            params.sockOpts = vector
            self._passed += [vector, params]

    def check(self, transport: Transport) -> dict[SocketOption, int]:
        """Read back what the kernel has for a connected transport.

        Raises:
            LabFault: it has something else, or there is no such socket.
        """
        if not self._values:
            return {}
        with _socket_of(transport) as sock:
            seen = {option: sock.getsockopt(*option.value) for option in self._values}
        for option, value in self._values.items():
            if seen[option] != value:
                raise LabFault(f"setting {option.name}", detail=f"the kernel has {seen[option]} instead of {value}")
        return seen


def _socket_of(transport: Transport) -> socket.socket:
    """Return a duplicate of the transport's socket."""
    for entry in Path("/proc/self/fd").iterdir():
        try:
            sock = socket.socket(fileno=os.dup(int(entry.name)))
        except OSError:  # closed since, or not a socket
            continue
        if _ends(sock) == (transport.local, transport.remote):
            return sock
        sock.close()
    raise LabFault("reading back socket options", detail=f"no socket from {transport.local} to {transport.remote}")


def _ends(sock: socket.socket) -> tuple[Endpoint, Endpoint] | None:
    try:
        if sock.family != socket.AF_INET or sock.type != socket.SOCK_STREAM:
            return None
        return Endpoint.of(sock.getsockname()), Endpoint.of(sock.getpeername())
    except OSError:  # not connected
        return None
