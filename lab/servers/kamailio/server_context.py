"""Defines the parts of the server that Kamailio's probes and calls need, and addresses its requests."""

from __future__ import annotations

from collections.abc import Coroutine
from typing import Any, Protocol

from lab.actors.channel import Channel
from lab.servers.kamailio.clients import Clients, StoredContact
from lab.servers.kamailio.flows import Flows
from lab.servers.kamailio.rpc import Rpc
from lab.servers.pushes import Pushes
from lab.sip.fields import NameAddr, Uri
from lab.sip.message import MalformedMessage
from lab.sip.ports import FRAMED

NO_VALUE = "."
"""What ``tm.t_uac_start`` takes for a parameter that is not given."""


class ServerContext(Protocol):
    """The parts of the server that probes need."""

    address: str
    by_flow: bool
    bindings_only: bool
    connects: bool
    wait: float
    channel: Channel
    clients: Clients
    flows: Flows
    rpc: Rpc
    pushes: Pushes

    def own(self, transport: str, flow: str = "") -> str:
        """Return the server's own URI; for a flow, the one used on that flow."""

    def socket(self, transport: str, flow: str = "") -> str:
        """Return the local socket of a request: with UDP the flow's own end; a connection has its own."""

    def new(self, prefix: str) -> str:
        """Return a new Call-ID."""

    def do(self, work: Coroutine[Any, Any, None]) -> None:
        """Do it in the background; its failure is the server's."""


def next_hop(origin: ServerContext, target: StoredContact) -> str:
    """Return the next hop of a request: the other end of its flow, or (``.``) its Contact."""
    if not origin.by_flow:
        return NO_VALUE
    transport = "ws" if target.transport in FRAMED else target.transport  # as a client over WSS says it, too
    return f"sip:{target.peer};transport={transport}"


def bare(uri: str) -> str:
    """Return a URI without its port and parameters, as presence and To have it."""
    try:
        parsed = Uri.parse(uri)
    except MalformedMessage:
        return uri
    return str(Uri(parsed.scheme, parsed.user, parsed.host))


def uri_of(contact: str) -> str:
    """Return the URI of a Contact; empty if it cannot be read."""
    try:
        return NameAddr.parse(contact).uri
    except MalformedMessage:
        return ""
