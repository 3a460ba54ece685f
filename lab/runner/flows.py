"""The client's current flow as the record has it so far: its endpoints on the way, and how far its data has come."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from lab.runner.record import Record

_SEQUENCE_NUMBERS = 1 << 32


@dataclass(frozen=True, kw_only=True, slots=True)
class CurrentFlow:
    """The transport association that carried the client's newest subscription.

    Attributes:
        id: the server's name for it.
        proto: ``tcp`` or ``udp``.
        server: the server's own endpoint; empty: its only one.
        endpoints: the client's end as the server sees it, then as each middlebox on the way in does; the last is the
            client's own.
    """

    id: str
    proto: str
    server: str
    endpoints: tuple[str, ...]


class Flows:
    """Follows a record; whoever asks first takes into the record what has happened until now.

    Attributes:
        subscription_ends: when the newest subscription ends unless refreshed (loop time), as granted; None before it.
    """

    def __init__(self, record: Record) -> None:
        self._ends: dict[str, tuple[str, str, str]] = {}  # by the server's name: transport, the client's, the server's
        self._current = ""
        self.subscription_ends: float | None = None
        self._inside: dict[str, str] = {}  # by outside endpoint
        self._next: dict[tuple[str, str, str], int] = {}  # by link, source, target
        record.watch(self._see)

    def current(self) -> CurrentFlow | None:
        """The current flow; None before the first subscription."""
        if not self._current:
            return None
        transport, endpoint, own = self._ends[self._current]
        endpoints = [endpoint]
        while (inside := self._inside.get(endpoints[-1], endpoints[-1])) not in endpoints:
            endpoints.append(inside)
        proto = "udp" if transport == "udp" else "tcp"
        return CurrentFlow(id=self._current, proto=proto, server=own, endpoints=tuple(endpoints))

    def next_sequence_number(self, link: str, source: str, target: str) -> int | None:
        """What the next segment of ``source`` begins with, as seen on a link; None if none was seen there."""
        return self._next.get((link, source, target))

    def _see(self, event: dict[str, Any]) -> None:
        match event:
            case {"who": "server", "ev": "flow", "id": id_, "transport": transport, "peer": peer}:
                self._ends[id_] = (transport, peer, event.get("own", ""))
            case {"ev": "subscription", "state": "active" | "refreshed", "flow": flow, "expires": expires, "at": at}:
                self._current = flow
                self.subscription_ends = at + expires
            case {"ev": "mapping", "state": "new", "inside": inside, "outside": outside} if inside != outside:
                self._inside[outside] = inside
            case {"ev": "packet", "proto": "tcp", "link": link, "src": source, "dst": target}:
                self._follow((link, source, target), event)

    def _follow(self, key: tuple[str, str, str], packet: dict[str, Any]) -> None:
        if "R" in packet["flags"]:
            return
        end = packet["seq"] + packet["payload"] + ("S" in packet["flags"]) + ("F" in packet["flags"])
        known = self._next.get(key)
        if known is None or "S" in packet["flags"] or (end - known) % _SEQUENCE_NUMBERS < _SEQUENCE_NUMBERS // 2:
            self._next[key] = end % _SEQUENCE_NUMBERS
