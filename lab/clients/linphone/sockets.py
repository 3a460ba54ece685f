"""Sets the kernel's TCP keep-alive on linphone's connections: an application can, as they are its own descriptors."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

_FAMILIES = (socket.AF_INET, socket.AF_INET6)
"""belle-sip may take the second for IPv4, too."""


def keep_alive(port: int, *, idle: float, interval: float, count: float | None) -> None:
    """Set it on each connection of this process to a port."""
    for connection in _connections(port):
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, int(idle))
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, int(interval))
        if count is not None:
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPCNT, int(count))


def _connections(port: int) -> Iterator[socket.socket]:
    """Yield a duplicate of each TCP socket that is connected to a port; it is closed afterwards."""
    for entry in Path("/proc/self/fd").iterdir():
        with suppress(OSError):  # it is closed meanwhile, is no socket, or is not connected
            if str(entry.readlink()).startswith("socket:"):
                with socket.socket(fileno=os.dup(int(entry.name))) as found:
                    if _is_connected(found, port):
                        yield found


def _is_connected(one: socket.socket, port: int) -> bool:
    return one.family in _FAMILIES and one.type == socket.SOCK_STREAM and one.getpeername()[1] == port
