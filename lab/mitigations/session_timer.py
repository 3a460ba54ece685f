"""Uses session timers, so that a call notices the loss of its other end."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, ClassVar

from lab.mitigations.base import Client, ClientSide, Setting
from lab.units import Checked, Seconds, WholeSeconds

SMALLEST_S = 90
"""RFC 4028 §4; a smaller one trips an assertion of pjsip."""

_ALWAYS = 3
"""PJSUA_SIP_TIMER_ALWAYS: also with peers that do not support them."""


def _not_below(value: Seconds) -> Seconds:
    if not SMALLEST_S <= value < 2**31:
        raise ValueError(f"too small; at least `{SMALLEST_S} s` (RFC 4028 §4)")
    return value


SessionSeconds = Annotated[WholeSeconds, Checked(_not_below)]


@dataclass(frozen=True, kw_only=True, slots=True)
class SessionTimer(ClientSide):
    """Refresh calls by re-INVITE or UPDATE, and end those that cannot be refreshed.

    For calls only: an account without a call sends nothing. A call has no reference to its transport, either, so that
    its BYE is lost after 33 s; with session timers both sides notice.

    Attributes:
        expiry: asked for in Session-Expires; refreshed after half of it.
        min_expiry: smallest accepted (Min-SE).
    """

    kind: ClassVar[str] = "session-timer"
    source: ClassVar[str] = "RFC 4028 §7"
    sets: ClassVar[tuple[Setting, ...]] = (Setting.SESSION_TIMER,)

    expiry: SessionSeconds
    min_expiry: SessionSeconds = Seconds(SMALLEST_S)

    def __post_init__(self) -> None:
        """Check that they fit together.

        Raises:
            ValueError: they do not.
        """
        if self.expiry < self.min_expiry:
            raise ValueError(f"expiry below min-expiry; at least `{self.min_expiry}`")

    def attach(self, client: Client) -> None:
        """Set them in the account."""

        def change(account: Any) -> None:
            account.callConfig.timerUse = _ALWAYS
            account.callConfig.timerSessExpiresSec = int(self.expiry)
            account.callConfig.timerMinSESec = int(self.min_expiry)

        client.configure_account(Setting.SESSION_TIMER, change)
