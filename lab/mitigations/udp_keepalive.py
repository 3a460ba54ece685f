"""Sets another interval for pjsua's keep-alive over UDP, or switches it off."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, ClassVar

from lab.mitigations.base import Client, ClientSide, Setting
from lab.model.rules import WholeSecondsOrNever
from lab.units import Checked, Seconds


def _not_below(value: Seconds | None) -> Seconds | None:
    if value is not None and value < 2:
        raise ValueError("too small; at least `2 s`: below, pjsua's pause is rounded to none at all")
    return value


KeepAliveSeconds = Annotated[WholeSecondsOrNever, Checked(_not_below)]


@dataclass(frozen=True, kw_only=True, slots=True)
class UdpKeepalive(ClientSide):
    """Have pjsua send CRLF to where it has registered, over UDP, or keep it from doing so.

    Only once it has registered, and only there: a subscription without registration is left alone. The pause is drawn
    anew each time, in whole seconds, from 80 % of ``interval`` (rounded down) to below ``interval``: 12 s to 14 s for
    15 s, always 1 s for 2 s, and for 1 s none, which floods the network (measured; refused here). Nobody answers, so
    nobody misses an answer.

    Attributes:
        interval: 15 s unless set, and on without this mitigation, too. `never`: pjsua is silent between its REGISTERs.
    """

    kind: ClassVar[str] = "udp-keepalive"
    source: ClassVar[str] = (
        "RFC 5626 §3.5 (which prefers STUN); pjsua AccountNatConfig.udpKaIntervalSec, pjsip/pjproject#95"
    )
    transports: ClassVar[tuple[str, ...]] = ("udp",)
    sets: ClassVar[tuple[Setting, ...]] = (Setting.UDP_KEEP_ALIVE,)
    needs_registration: ClassVar[bool] = True

    interval: KeepAliveSeconds

    def attach(self, client: Client) -> None:
        """Set it in the account."""

        def change(account: Any) -> None:
            account.natConfig.udpKaIntervalSec = int(self.interval or 0)  # 0: off

        client.configure_account(Setting.UDP_KEEP_ALIVE, change)
