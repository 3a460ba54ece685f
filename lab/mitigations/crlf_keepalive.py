"""Sets the interval of pjsip's own CRLF keep-alive."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from lab.mitigations.base import STREAMS, Client, ClientSide, Setting
from lab.units import WholeSeconds


@dataclass(frozen=True, kw_only=True, slots=True)
class CrlfKeepalive(ClientSide):
    """Have pjsip send a double CRLF on each connection that has been quiet for ``interval``.

    Middleboxes count it as a segment in either direction; pjsip's idle timer does not count it, so that a connection
    nobody references still ends after 33 s. pjsip does not miss the answer, either. It counts whole seconds, from the
    last data received: the pause is ``interval`` to a second more. 0 is refused: once connected pjsip would send
    without a pause.

    Attributes:
        interval: pause after which to send; 90 s unless set (PJSIP_TCP_KEEP_ALIVE_INTERVAL).
    """

    kind: ClassVar[str] = "crlf-keepalive"
    source: ClassVar[str] = "RFC 5626 §3.5.1; article on pjsip/pjproject#4225, 2a"
    transports: ClassVar[tuple[str, ...]] = STREAMS
    sets: ClassVar[tuple[Setting, ...]] = (Setting.CRLF_INTERVAL,)

    interval: WholeSeconds

    def attach(self, client: Client) -> None:
        """Set it: pjsip reads it when it connects."""
        client.set_crlf_interval(self.interval)
