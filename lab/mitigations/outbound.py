"""Registers with the instance id and the flow (SIP outbound)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar

from lab.mitigations.base import Client, ClientSide, Setting
from lab.units import Checked

_INSTANCE = re.compile(r"urn:uuid:[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")


def _reg_id(value: int) -> int:
    if not 1 <= value <= 2**31 - 1:
        raise ValueError("out of range; 1 to 2147483647 (RFC 5626 §4.2)")
    return value


def _instance(value: str) -> str:
    if _INSTANCE.fullmatch(value) is None:
        raise ValueError("not an instance id; a text such as `urn:uuid:00000000-0000-1000-8000-000a95a0e128`")
    return value


RegId = Annotated[int, Checked(_reg_id)]
InstanceId = Annotated[str, Checked(_instance)]


@dataclass(frozen=True, kw_only=True, slots=True)
class Outbound(ClientSide):
    """Register with ``+sip.instance`` and ``reg-id``, so that a new flow of the same device replaces the old one.

    pjsua does so unasked over TCP and TLS (and cannot over UDP), with reg-id 1 and an instance id made from the host's
    name; the lab's client has one made from the cell's seed, so that two clients on one host differ. It offers one flow
    only and no recovery of its own. It matters to registrars that answer with ``Require: outbound``; then pjsua
    leaves its Contact as it was, even after a reconnection from another port.

    Attributes:
        reg_id: which of the device's flows this is.
        instance_id: a URN; None: from the seed.
    """

    kind: ClassVar[str] = "outbound"
    source: ClassVar[str] = "RFC 5626 §4.1 and §4.2"
    sets: ClassVar[tuple[Setting, ...]] = (Setting.OUTBOUND,)
    needs_registration: ClassVar[bool] = True

    reg_id: RegId = 1
    instance_id: InstanceId | None = None

    def attach(self, client: Client) -> None:
        """Set them in the account."""

        def change(account: Any) -> None:
            account.natConfig.sipOutboundUse = 1
            account.natConfig.sipOutboundRegId = str(self.reg_id)
            if self.instance_id is not None:
                account.natConfig.sipOutboundInstanceId = f"<{self.instance_id}>"

        client.configure_account(Setting.OUTBOUND, change)
