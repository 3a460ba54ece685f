"""Reads records of version 1, in which events had no types, so that old runs can still be judged.

Version 1 named the role of who spoke instead of the node, and left fields out.
"""

from __future__ import annotations

import json
from typing import Any

from lab.model.scenario import Cell
from lab.model.topology import Role
from lab.record import codec
from lab.record.entry import Entry
from lab.record.events import Event
from lab.record.writer import RUNNER

_RENAMED = {("server", "ready"): "server-ready", ("server", "subscription"): "server-subscription"}
_SENTINEL = {"established": "sentinel-opened", "sent": "sentinel-challenged"}
_DURING_SERVER_FREEZE = {"code": None, "flow": None, "peer": None}


class Upgrade:
    """Makes today's entries of the lines of one record."""

    def __init__(self, cell: Cell) -> None:
        self._probes = {f"p{number}": probe.kind_.value for number, probe in enumerate(cell.probes, start=1)}
        self._nodes = {role.value: cell.topology.only(role).name for role in (Role.CLIENT, Role.SERVER)}
        self._ends = {link.name: link.ends[0][0] for link in cell.topology.links}

    def line(self, line: bytes, *, number: int) -> Entry[Event]:
        """Read one line.

        Raises:
            ValueError, LookupError: it is none.
        """
        fields: dict[str, Any] = json.loads(line)
        t, who, ev = float(fields.pop("t")), fields.pop("who"), fields.pop("ev")
        event = {"ev": _RENAMED.get((who, ev), ev), **fields}
        who = self._nodes.get(who, who)
        if ev == "mapping":
            who = event.pop("node")
        elif ev == "packet":
            who = self._ends[event["link"]]
        elif ev == "sentinel":
            who, event = RUNNER, {**event, "ev": _SENTINEL.get(event["state"], "sentinel-outcome")}
        elif ev == "probe" and who == RUNNER:
            event = {**event, "kind": self._probes[event["probe"]], **_DURING_SERVER_FREEZE}
        elif ev == "fault":
            proof = {key: value for key, value in fields.items() if key not in ("n", "fault")}
            event = {"ev": ev, "n": fields["n"], "fault": fields["fault"], "proof": proof}
        return Entry(t, who, number, codec.convert(event))
