"""Defines the parts of the server that its senders of requests and responses need."""

from __future__ import annotations

from typing import Protocol

from lab.servers.pushes import Pushes
from lab.servers.scripted.client_transactions import ClientTransactions
from lab.servers.scripted.flows import Flow
from lab.sip.fields import Uri
from lab.sip.message import Request
from lab.sip.transaction import Key


class ServerContext(Protocol):
    """The server, as its parts see it."""

    address: str
    exchanges: ClientTransactions
    pushes: Pushes

    def route(self, flow: str, next_hop: Uri) -> Flow | str:
        """Return the flow for a request, perhaps not ready yet, or why there is none."""

    def is_marked(self, flow: str) -> bool:
        """Return whether the client of this flow has been given up; outside calls, nothing is sent to it then."""

    def via(self, flow: Flow, method: str) -> tuple[str, Key]:
        """Return a Via value with a new branch, and the key of its responses."""

    def contact(self, flow: Flow) -> str:
        """Return the server's own URI, as this flow reaches it."""

    def new(self, prefix: str) -> str:
        """Return a new tag, branch or Call-ID."""

    def respond(
        self, flow: Flow, request: Request, code: int, *headers: tuple[str, str], tag: str = "", body: bytes = b""
    ) -> None:
        """Answer a request of the peer; ``tag``: for To, if it matters which."""
