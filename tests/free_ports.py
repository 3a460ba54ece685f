"""Finds ports on the loopback interface for tests."""

from __future__ import annotations

import socket


def free_port() -> int:
    """A TCP port that is free, and the next one, too."""
    while True:
        with socket.socket() as first, socket.socket() as second:
            first.bind(("127.0.0.1", 0))
            port = int(first.getsockname()[1])
            try:
                second.bind(("127.0.0.1", port + 1))
            except OSError:
                continue
            return port
