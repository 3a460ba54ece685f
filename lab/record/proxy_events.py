"""Defines the events of a proxy between client and server."""

from __future__ import annotations

from typing import Literal

from lab.model.endpoint import Endpoint
from lab.record.event import Event

ProxyState = Literal["accepted", "connected", "failed", "closed"]
ProxyParty = Literal["client", "server", "proxy", ""]


class ProxyReady(Event, frozen=True, kw_only=True):
    """The proxy listens; ``version`` is what its program says of itself."""

    software: str
    version: str


class ProxyConnection(Event, frozen=True, kw_only=True):
    """A pair of connections changed state: the client's to the proxy, and the proxy's to the server.

    Attributes:
        id: the proxy's name for the pair.
        state: ``accepted``: the client's connection is there; ``connected``: the server's, too; ``failed``: the server
            could not be reached, and the client's connection ended; ``closed``: both ended.
        client: the client's end, as the proxy sees it.
        front: the proxy's end of the client's connection.
        own: the proxy's end of the server's connection; None: there is none yet.
        by: who ended it first, as the proxy's log says; empty: nobody has, or the log does not say.
        reason: why it ended: ``timeout``, ``reset``, or what the program says; empty: in order.
        setting: the setting whose time was over, as the program calls it; empty: none was.
    """

    id: str
    state: ProxyState
    client: Endpoint
    front: Endpoint
    own: Endpoint | None = None
    by: ProxyParty = ""
    reason: str = ""
    setting: str = ""


TIMEOUT = "timeout"
"""Why a proxy ended a pair of connections, if a timeout of its own did it."""
