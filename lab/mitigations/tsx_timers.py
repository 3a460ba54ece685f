"""Sets other transaction timers: when to repeat an unanswered request over UDP."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from lab.mitigations._quantities import Milliseconds
from lab.mitigations.base import Client, ClientSide, Setting


@dataclass(frozen=True, kw_only=True, slots=True)
class TsxTimers(ClientSide):
    """Set ``pjsip_cfg()->tsx.t1`` and ``t2`` before pjsip starts.

    Nothing on TCP and TLS: they are the pauses before a request is sent again, which only happens over UDP (RFC 3261
    §17.1.2.1); the idle timer of a transport is another one. Over UDP a long T1 leaves no second attempt: the
    transaction ends after ``td``, 32 s, whatever T1 is, while the RFC has 64 times T1.

    Attributes:
        t1: pause before the first retransmission; 500 ms unless set.
        t2: longest pause; 4 s unless set.
    """

    kind: ClassVar[str] = "tsx-timers"
    source: ClassVar[str] = "article on pjsip/pjproject#4225, 1a; RFC 3261 §17.1.1.1"
    sets: ClassVar[tuple[Setting, ...]] = (Setting.TSX_TIMERS,)

    t1: Milliseconds
    t2: Milliseconds

    def attach(self, client: Client) -> None:
        """Set them: pjsip reads them when its endpoint is made."""
        client.set_tsx_timers(t1=self.t1, t2=self.t2)
