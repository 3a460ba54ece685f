"""Names the app's push service in its Contact, so that a server can wake it (RFC 8599)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar

from lab.mitigations.base import Client, ClientSide, Setting
from lab.units import Checked

_VALUE = re.compile(r"(?:[A-Za-z0-9_.!~*'()\[\]/:&+$-]|%[0-9A-Fa-f]{2})+", re.ASCII)


def _pvalue(value: str) -> str:
    if _VALUE.fullmatch(value) is None:
        raise ValueError("not the value of a URI parameter; letters, digits and -_.!~*'()[]/:&+$ (RFC 3261 §25.1)")
    return value


PValue = Annotated[str, Checked(_pvalue)]


@dataclass(frozen=True, kw_only=True, slots=True)
class PushContact(ClientSide):
    """Register with ``pn-provider``, ``pn-param`` and ``pn-prid`` in the Contact URI.

    pjsua appends them to the URI of each REGISTER (``reg_contact_uri_params``), as pjproject's guide to iOS push
    notifications has it. What the client does when a push comes is another mitigation (``on-wake``).

    Attributes:
        provider: the push service.
        param: what it needs besides the token; for APNs the team, the app and the kind of push.
        prid: the device's token.
    """

    kind: ClassVar[str] = "push-contact"
    source: ClassVar[str] = "RFC 8599 §4.1; pjproject's guide to iOS push notifications"
    sets: ClassVar[tuple[Setting, ...]] = (Setting.PUSH,)
    needs_registration: ClassVar[bool] = True

    provider: PValue = "apns"
    param: PValue = "TEAM.example.lab.voip"
    prid: PValue = "00fc13adff78512e"

    def attach(self, client: Client) -> None:
        """Set them in the account."""
        written = f";pn-provider={self.provider};pn-param={self.param};pn-prid={self.prid}"

        def change(account: Any) -> None:
            account.regConfig.contactUriParams = written

        client.configure_account(Setting.PUSH, change)
