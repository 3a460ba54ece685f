"""Holds a reference to each connection, so that pjsip's idle timer never starts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from lab.mitigations.base import STREAMS, Client, ClientSide, TransportState


@dataclass(frozen=True, kw_only=True, slots=True)
class HoldTransport(ClientSide):
    """Hold a reference to every transport from its connection to its end.

    pjsip destroys a connection that nobody references after 33 s (PJSIP_TRANSPORT_IDLE_TIME); a subscription holds no
    reference. Nothing is sent, so middleboxes forget the flow as before, and a dead connection stays until the kernel
    gives it up. The reference is given back exactly once, when the connection has ended: without that the transport and
    its socket would stay for ever, and giving it back twice aborts the process.
    """

    kind: ClassVar[str] = "hold-transport"
    source: ClassVar[str] = "pjsip/pjproject#4225: pjsip_transport_add_ref()"
    transports: ClassVar[tuple[str, ...]] = STREAMS

    def attach(self, client: Client) -> None:
        """Follow the transports, each on its own: pjsip may open the next before the last is gone."""
        held: set[int] = set()

        def on_transport(handle: int, state: TransportState) -> None:
            if state is TransportState.CONNECTED:
                held.add(handle)
                client.add_transport_ref(handle)
            elif handle in held:
                held.remove(handle)
                if state is not TransportState.DESTROYED:  # then there is nothing left to give back
                    client.release_transport_ref(handle)

        client.on_transport(on_transport)
