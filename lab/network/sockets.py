"""Who listens in a node."""

from __future__ import annotations

from pathlib import Path

from lab.network import netns

_LISTEN = "0A"  # include/net/tcp_states.h: TCP_LISTEN


def listening(namespace: int) -> frozenset[int]:
    """The TCP ports of IPv4 on which anybody in the namespace listens."""
    with netns.entered(namespace):
        table = Path("/proc/thread-self/net/tcp").read_text("ascii")
    rows = (line.split() for line in table.splitlines()[1:])
    return frozenset(int(local.rpartition(":")[2], 16) for _, local, _, state, *_ in rows if state == _LISTEN)
