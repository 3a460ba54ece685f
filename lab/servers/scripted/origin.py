"""What the parts of the server that send requests and answers need of the whole."""

from __future__ import annotations

from typing import Protocol

from lab.servers.scripted.exchanges import Exchanges
from lab.servers.scripted.flows import Flow
from lab.sip.fields import Uri
from lab.sip.message import Request
from lab.sip.transaction import Key


class Origin(Protocol):
    """The server, as its parts see it."""

    address: str
    exchanges: Exchanges

    def route(self, flow: str, next_hop: Uri) -> Flow | str:
        """The flow a request takes, perhaps not ready yet, or why there is none."""

    def is_marked(self, flow: str) -> bool:
        """Whether a client has been given up, so that nothing outside a call is sent to what came on this flow."""

    def via(self, flow: Flow, method: str) -> tuple[str, Key]:
        """A Via value with a new branch, and what answers to it carry."""

    def contact(self, flow: Flow) -> str:
        """The server's own URI, as this flow reaches it."""

    def new(self, prefix: str) -> str:
        """A new tag, branch or Call-ID."""

    def respond(
        self, flow: Flow, request: Request, code: int, *headers: tuple[str, str], tag: str = "", body: bytes = b""
    ) -> None:
        """Answer a request of the peer; ``tag``: for To, if it matters which."""
