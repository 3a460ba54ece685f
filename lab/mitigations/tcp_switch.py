"""Keeps large requests on UDP."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from lab.mitigations.base import Client, ClientSide, Setting


@dataclass(frozen=True, kw_only=True, slots=True)
class TcpSwitch(ClientSide):
    """Set ``pjsip_cfg()->endpt.disable_tcp_switch`` before pjsip starts.

    A request of 1300 bytes or more to a UDP destination goes over TCP where there is a TCP transport (RFC 3261
    §18.1.1); with the switch disabled it stays on UDP. A client on TCP or TLS never had the switch: nothing changes.
    """

    kind: ClassVar[str] = "tcp-switch"
    source: ClassVar[str] = "article on pjsip/pjproject#4225, 1b; RFC 3261 §18.1.1"
    sets: ClassVar[tuple[Setting, ...]] = (Setting.TCP_SWITCH,)

    def attach(self, client: Client) -> None:
        """Set it."""
        client.disable_tcp_switch()
