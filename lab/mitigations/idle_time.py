"""Sets a longer idle time, as in a pjsip built with another PJSIP_TRANSPORT_IDLE_TIME."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from lab.mitigations.base import STREAMS, Client, ClientSide, Setting
from lab.units import WholeSeconds


@dataclass(frozen=True, kw_only=True, slots=True)
class IdleTime(ClientSide):
    """Let a connection that nobody references live for ``time`` instead of 33 s.

    It stands for a library built with ``#define PJSIP_TRANSPORT_IDLE_TIME`` in ``config_site.h``, which is what the
    maintainers advise; no release has it as a setting. Without a rebuild: the one instruction in
    ``pjsip_transport_dec_ref`` that holds the 33 is rewritten in the client's memory before pjsip starts. The function
    is searched for it first, and for the 600 s of connections from the other side; unless each is found exactly once
    the client refuses to start. Connections the server makes to the client keep their 600 s, as they would.

    Attributes:
        time: from the last reference given back to the end of the connection.
    """

    kind: ClassVar[str] = "idle-time"
    source: ClassVar[str] = "pjsip/pjproject#4225, answer of the maintainers; pjsip/pjproject#267"
    transports: ClassVar[tuple[str, ...]] = STREAMS
    sets: ClassVar[tuple[Setting, ...]] = (Setting.IDLE_TIME,)

    time: WholeSeconds

    def attach(self, client: Client) -> None:
        """Set it."""
        client.set_idle_time(self.time)
