"""Switches on the kernel's TCP keep-alive."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar

from lab.mitigations.base import STREAMS, Client, ClientSide, SocketOption
from lab.units import Checked, Seconds


def _whole_seconds(value: Seconds) -> Seconds:
    if not 1 <= value <= 32767 or not value.is_integer():
        raise ValueError("out of range; whole seconds from `1 s` to `32767 s` (MAX_TCP_KEEPIDLE)")
    return value


def _count(value: int) -> int:
    if not 1 <= value <= 127:
        raise ValueError("out of range; 1 to 127 (MAX_TCP_KEEPCNT)")
    return value


KernelSeconds = Annotated[Seconds, Checked(_whole_seconds)]
Count = Annotated[int, Checked(_count)]


@dataclass(frozen=True, kw_only=True, slots=True)
class TcpKeepalive(ClientSide):
    """Set SO_KEEPALIVE on each connection: the kernel probes a quiet one, and ends it if nobody answers.

    Middleboxes see segments without data, which most count; pjsip sees nothing, so that its idle timer runs as before.
    While data is unacknowledged no probes are sent: a request into a dead connection puts the retransmission timer in
    charge, for 15 minutes or so, unless ``tcp-user-timeout`` bounds it.

    Attributes:
        idle: quiet time before the first probe (TCP_KEEPIDLE).
        interval: from one unanswered probe to the next (TCP_KEEPINTVL).
        count: unanswered probes that end the connection (TCP_KEEPCNT); None: the kernel's, 9. pjsip passes four options
            to a socket, so leave it out beside ``tcp-user-timeout``, which overrides it.
    """

    kind: ClassVar[str] = "tcp-keepalive"
    source: ClassVar[str] = "RFC 9293 §3.8.4; tcp(7)"
    transports: ClassVar[tuple[str, ...]] = STREAMS

    idle: KernelSeconds
    interval: KernelSeconds
    count: Count | None = None

    def socket_options(self) -> tuple[SocketOption, ...]:
        """Return four options, or three."""
        return tuple(self._values())

    def attach(self, client: Client) -> None:
        """Set them on each socket."""
        for option, value in self._values().items():
            client.set_socket_option(option, value)

    def _values(self) -> dict[SocketOption, int]:
        values = {
            SocketOption.SO_KEEPALIVE: 1,
            SocketOption.TCP_KEEPIDLE: int(self.idle),
            SocketOption.TCP_KEEPINTVL: int(self.interval),
        }
        return values if self.count is None else {**values, SocketOption.TCP_KEEPCNT: self.count}
