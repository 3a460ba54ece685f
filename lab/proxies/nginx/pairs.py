"""Reads what lines of nginx's error log have in common: the number of a connection, and the state of its pair."""

from __future__ import annotations

import re

import msgspec

from lab.record.proxy_events import ProxyConnection, ProxyState

_CONNECTION = re.compile(r"\[\w+\] \d+#\d+: \*(?P<id>\d+) (?P<text>.*)$")
_RESET = re.compile(r"(?:recv|send|writev)\(\) failed \(\d+: (?P<why>[^)]*)\) while proxying")
_VERSION = re.compile(r"\[notice\] \d+#\d+: (nginx/\S+)")


class PairLog:
    """Follows the pairs of connections that a log tells of; derived classes read its lines."""

    def __init__(self) -> None:
        self.version = ""
        self.pairs: dict[str, ProxyConnection] = {}
        self._resets: dict[str, str] = {}

    def listens(self, line: str) -> bool:
        """See `LogReader`: nginx names its version when its sockets listen."""
        found = _VERSION.search(line)
        self.version = found[1] if found else self.version
        return found is not None

    def about(self, line: str) -> tuple[str, str] | None:
        """Return the number of the connection that a line is about, and the rest of the line; None: of none.

        Keeps in mind an error on either connection, as which the end that follows is to be told.
        """
        found = _CONNECTION.search(line)
        if found is None:
            return None
        if met := _RESET.match(found["text"]):
            self._resets[found["id"]] = "reset" if "reset" in met["why"] else met["why"]
        return found["id"], found["text"]

    def error(self, number: str) -> str:
        """Return the error before the end of a pair; empty: there was none."""
        return self._resets.pop(number, "")

    def now(self, number: str, state: ProxyState, **changes: object) -> ProxyConnection:
        """Return a pair in its new state, and remember it."""
        self.pairs[number] = msgspec.structs.replace(self.pairs[number], state=state, **changes)
        return self.pairs[number]
