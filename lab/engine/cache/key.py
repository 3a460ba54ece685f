"""Digests all that decides a cell."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from lab.clients.catalog import client_of
from lab.engine.sharing.world import anywhere, named_alike
from lab.model import wire
from lab.model.scenario import Cell
from lab.proxies.catalog import proxy_of
from lab.servers.catalog import server_of

FORMAT = 1
"""Of keys and entries: raise it if either changes its meaning."""


class Keys:
    """The keys of a run's cells.

    Args:
        surroundings: of the run, see ``lab.engine.cache.surroundings``.
    """

    def __init__(self, surroundings: Mapping[str, Any]) -> None:
        self._surroundings = dict(surroundings)
        self._programs: dict[tuple[str, ...], str | None] = {}

    def of(self, cell: Cell) -> str | None:
        """Return the key of a cell; None if a program of it may do something else tomorrow, and nobody would know."""
        client, server = self._client(cell), self._server(cell)
        proxy = self._proxy(cell)
        if client is None or server is None or proxy is None:
            return None
        told = {
            "format": FORMAT,
            "surroundings": self._surroundings,
            "client": client,
            "server": server,
            "proxy": proxy,
            "cell": wire.to_json(anywhere(named_alike(cell))),
        }
        return hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()

    def _client(self, cell: Cell) -> str | None:
        program = client_of(cell)
        which = ("client", program.name, cell.pjsip, cell.wheel, cell.interpreter)
        if which not in self._programs:
            self._programs[which] = program.identity(cell)
        return self._programs[which]

    def _server(self, cell: Cell) -> str | None:
        program = server_of(cell)
        which = ("server", program.name)
        if which not in self._programs:
            self._programs[which] = program.identity()
        return self._programs[which]

    def _proxy(self, cell: Cell) -> str | None:
        """Return what identifies the proxy; empty: there is none."""
        program = proxy_of(cell)
        if program is None:
            return ""
        which = ("proxy", program.name)
        if which not in self._programs:
            self._programs[which] = program.identity()
        return self._programs[which]
