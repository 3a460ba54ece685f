"""The record of a cell as typed views: which flow carried the subscription, when it lived, what happened to it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

Line = dict[str, Any]


@dataclass(frozen=True)
class Flow:
    """The transport association the server uses to reach the client, seen from all sides.

    Attributes:
        id: the server's name for it, ``f1``.
        peer: the endpoint the server sees.
        inside: the client's own endpoint behind the last middlebox; the peer itself where nothing translates.
    """

    id: str
    peer: str
    inside: str


@dataclass(frozen=True)
class ProbeSeen:
    """A probe and its fate.

    Attributes:
        name: ``p1``, ``p2``, … as the runner numbers them.
        sent_s: when it was sent, or should have been if the server had no way to.
        known_s: when it was answered, or given up.
        answered: whether the client's answer came in time.
    """

    name: str
    sent_s: float
    known_s: float
    answered: bool


class Story:
    """A record with its lines numbered.

    Args:
        lines: as ``lab.runner.record.read`` gives them.
    """

    def __init__(self, lines: list[Line]) -> None:
        self.lines = lines

    def of(self, who: str, ev: str, **fields: Any) -> Iterator[tuple[int, Line]]:
        """The lines of one source and event whose fields have these values, in time order."""
        for number, line in enumerate(self.lines):
            if line["who"] == who and line["ev"] == ev and all(line.get(key) == value for key, value in fields.items()):
                yield number, line

    def probes(self) -> list[ProbeSeen]:
        """Every probe whose fate is known, in the order they were sent."""
        sent = {line["probe"]: float(line["t"]) for _, line in self.of("server", "probe", state="sent")}
        fates = []
        for state in ("answered", "failed"):
            for _, line in self.of("server", "probe", state=state):
                known = float(line["t"])
                fates.append(ProbeSeen(line["probe"], sent.get(line["probe"], known), known, state == "answered"))
        return sorted(fates, key=lambda probe: probe.sent_s)

    def never_silent(self) -> bool:
        """Whether the client never got as far as falling silent."""
        return any(True for _ in self.of("runner", "never-silent"))

    def ended(self) -> float | None:
        """When the timeline had run to its end; None if it was cut short."""
        for _, line in self.of("runner", "end"):
            return float(line["t"])
        return None

    def subscription_flow(self, t: float) -> Flow | None:
        """The flow of the newest active subscription at time ``t``."""
        flow_id = None
        for _, line in self.of("server", "subscription"):
            if line["t"] <= t and line["state"] in ("active", "refreshed"):
                flow_id = line["flow"]
        if flow_id is None:
            return None
        for _, line in self.of("server", "flow", id=flow_id):
            return Flow(flow_id, line["peer"], self._inside_of(line["peer"], t))
        return None

    def _inside_of(self, endpoint: str, t: float) -> str:
        """Follow the translations back to the client's own endpoint."""
        found = True
        while found:
            found = False
            for _, line in self.of("middlebox", "mapping", state="new", outside=endpoint):
                if line["t"] <= t and line["inside"] != endpoint:
                    endpoint, found = line["inside"], True
                    break
        return endpoint
