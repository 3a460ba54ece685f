"""Registers in addition to the subscription; pjsip then holds a reference to the transport."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from lab.mitigations.base import Client, ClientSide, Setting
from lab.units import WholeSeconds


@dataclass(frozen=True, kw_only=True, slots=True)
class Register(ClientSide):
    """Register before subscribing, and keep the registration.

    pjsip's registration holds a reference to the transport of the last answer, so that the idle timer never starts; and
    of all that was lost with a connection, pjsua repairs this alone. It refreshes 5 s before the expiry that the
    registrar grants, which may be less than is asked for.

    Attributes:
        expiry: asked for; 300 s unless set (PJSUA_REG_INTERVAL).
    """

    kind: ClassVar[str] = "register"
    source: ClassVar[str] = "RFC 3261 §10.2; pjsip/pjproject#390"
    sets: ClassVar[tuple[Setting, ...]] = (Setting.EXPIRY,)
    registers: ClassVar[bool] = True

    expiry: WholeSeconds

    def attach(self, client: Client) -> None:
        """Register the account."""
        client.register(self.expiry)
