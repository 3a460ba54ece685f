"""Lets the registrar support SIP outbound."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from lab.mitigations.base import Server, ServerSide


@dataclass(frozen=True, kw_only=True, slots=True)
class ServerOutbound(ServerSide):
    """Bind a flow, not an address, when the client asks for it: the server's half of ``outbound``.

    A REGISTER with ``Supported: outbound`` whose Contact has ``+sip.instance`` and ``reg-id`` is answered with
    ``Require: outbound``, and replaces the earlier binding of the same device and reg-id, whatever its Contact was: no
    binding of a lost flow stays behind. Requests to a Contact with ``ob`` take the flow it came on, or fail.
    Over UDP it answers STUN binding requests (§8), with which such a client keeps its mapping.
    """

    kind: ClassVar[str] = "server-outbound"
    source: ClassVar[str] = "RFC 5626 §6 and §5.3"
    needs_registration: ClassVar[bool] = True

    def attach(self, server: Server) -> None:
        """Switch it on."""
        server.support_outbound()
