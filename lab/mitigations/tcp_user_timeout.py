"""Limits how long the kernel waits for an acknowledgement."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from lab.mitigations._quantities import Milliseconds
from lab.mitigations.base import STREAMS, Client, ClientSide, SocketOption


@dataclass(frozen=True, kw_only=True, slots=True)
class TcpUserTimeout(ClientSide):
    """Set TCP_USER_TIMEOUT on each connection: it ends once sent data has been unacknowledged for that long.

    Sends nothing by itself: a connection nobody writes to stays. It bounds how long a dead connection is kept by those
    mitigations that do write, and how long ``tcp-keepalive`` probes.

    Attributes:
        time: longest time without an acknowledgement; the kernel's own is 15 minutes or so (tcp_retries2).
    """

    kind: ClassVar[str] = "tcp-user-timeout"
    source: ClassVar[str] = "RFC 5482 §3; RFC 9293 §3.9.1; tcp(7)"
    transports: ClassVar[tuple[str, ...]] = STREAMS

    time: Milliseconds

    def socket_options(self) -> tuple[SocketOption, ...]:
        """Return one option."""
        return (SocketOption.TCP_USER_TIMEOUT,)

    def attach(self, client: Client) -> None:
        """Set it on each socket."""
        client.set_socket_option(SocketOption.TCP_USER_TIMEOUT, round(self.time * 1000))
