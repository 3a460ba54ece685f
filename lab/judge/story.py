"""The record of a cell as typed views: which flow carried the subscription, when it lived, what happened to it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

Line = dict[str, Any]

ENDED_AT_CLIENT = ("disconnected", "shutdown", "destroyed")
ENDED_AT_SERVER = ("closed", "reset", "failed")
"""States of a transport, and of a flow, that is over."""


FAILED_FROM = 300  # RFC 3261 §7.2

BEFORE_S = 0.05
"""A packet may be seen this much before its sender says that it has sent: the two look at the clock one after the
other."""


@dataclass(frozen=True)
class Flow:
    """The transport association the server uses to reach the client, seen from all sides.

    Attributes:
        id: the server's name for it, ``f1``.
        peer: the endpoint the server sees.
        inside: the client's own endpoint behind the last middlebox; the peer itself where nothing translates.
        hops: the inside endpoints it has at the middleboxes on its way, the server's first; the last one is ``inside``.
    """

    id: str
    peer: str
    inside: str
    hops: tuple[str, ...] = ()


@dataclass(frozen=True)
class ProbeSeen:
    """A probe and its fate.

    Attributes:
        name: ``p1``, ``p2``, … as the runner numbers them.
        sent_s: when it was sent, or should have been if the server had no way to.
        known_s: when it was answered, or given up.
        answered: whether the client accepted it in time (2xx); for a call, also whether the client saw it begin.
        kind: ``notify``, ``message``, ``options`` or ``invite``.
        asked_s: when the request was sent that decided its fate: of a call, its BYE
            (or should have been) if it came so far.
        flow: id of the flow it took or should have taken; None where the server does not say.
        reason: why it failed, in the server's word (``timeout``, ``flow-gone``, ``no-subscription``); empty: it was
            answered, be it with a refusal.
    """

    name: str
    sent_s: float
    known_s: float
    answered: bool
    kind: str
    asked_s: float
    flow: str | None
    reason: str

    @property
    def unreached(self) -> bool:
        """Whether the request was sent, or should have been, and got no answer at all."""
        return self.reason not in ("", "no-subscription") and not self.reason[:3].isdecimal()


def accepted(probe: Line) -> bool:
    """Whether a ``probe`` line says that the client took it: a client that answers 481 has lost its subscription."""
    return probe["state"] == "answered" and 200 <= int(probe["code"]) < 300


class Story:
    """A record with its lines numbered.

    Args:
        lines: as ``lab.runner.record.read`` gives them, with their numbers in the file; else their places count.
    """

    def __init__(self, lines: list[Line]) -> None:
        self.lines = [(int(line.get("line", place)), line) for place, line in enumerate(lines, start=1)]

    def of(self, who: str, ev: str, **fields: Any) -> Iterator[tuple[int, Line]]:
        """The lines of one source and event whose fields have these values, in time order."""
        for number, line in self.lines:
            if line["who"] == who and line["ev"] == ev and all(line.get(key) == value for key, value in fields.items()):
                yield number, line

    def probes(self) -> list[ProbeSeen]:
        """Every probe whose fate is known, in the order they were sent."""
        sent, talking, ending = (
            {line["probe"]: float(line["t"]) for _, line in self.of("server", "probe", state=state)}
            for state in ("sent", "talking", "ending")
        )
        fates = []
        for state in ("answered", "failed"):
            for who in ("server", "runner"):  # the runner speaks for a server that stands still
                for _, line in self.of(who, "probe", state=state):
                    name, kind, known = line["probe"], line.get("kind", "notify"), float(line["t"])
                    began = sent.get(name, known)
                    answered = accepted(line) and (kind != "invite" or self._confirmed(began, known))
                    asked = ending.get(name, known if name in talking else began)
                    reason = line.get("reason") or ""
                    fates.append(ProbeSeen(name, began, known, answered, kind, asked, line.get("flow"), reason))
        return sorted(fates, key=lambda probe: probe.sent_s)

    def _confirmed(self, since: float, until: float) -> bool:
        """Whether the client got the ACK to its acceptance of a call; one that never speaks of calls is not asked."""
        calls = [line for _, line in self.of("client", "call")]
        confirmed = (line["t"] for line in calls if line["state"] == "confirmed")
        return not calls or any(since <= t <= until for t in confirmed)

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
        return None if flow_id is None else self.flow(flow_id, t)

    def flow(self, flow_id: str, t: float) -> Flow | None:
        """The flow of that id, as its way was at time ``t``."""
        for _, line in self.of("server", "flow", id=flow_id):
            hops = self._inside_of(line["peer"], t)
            return Flow(flow_id, line["peer"], hops[-1] if hops else line["peer"], hops)
        return None

    def lost_mappings(self, flow: Flow, before: float) -> list[tuple[int, Line]]:
        """Where the record tells of the ends of a flow's mappings that were not made anew by then.

        One that gets another endpoint outside is another one: the server's packets go to the old.
        """
        ways = zip((flow.peer, *flow.hops), flow.hops, strict=False)
        return [found for outside, inside in ways if (found := self._last_end(inside, outside, before))]

    def _last_end(self, inside: str, outside: str, before: float) -> tuple[int, Line] | None:
        lost = None
        for number, line in self.of("middlebox", "mapping", inside=inside, outside=outside):
            if line["t"] <= before:
                lost = (number, line) if line["state"] == "destroyed" else None
        return lost

    def transport(self, flow: Flow) -> Iterator[tuple[int, Line]]:
        """What the client said of the flow's transport."""
        ids = {line["id"] for _, line in self.of("client", "transport", state="connected", local=flow.inside)}
        return ((number, line) for number, line in self.of("client", "transport") if line["id"] in ids)

    def translations(self, inside: str, t: float) -> tuple[str, ...]:
        """The client's own endpoint and those that middleboxes made of it by time ``t``, the client's first."""
        return self._follow(inside, t, "inside", "outside")

    def _inside_of(self, endpoint: str, t: float) -> tuple[str, ...]:
        """The endpoints behind the one the server sees, the client's own last."""
        return self._follow(endpoint, t, "outside", "inside")[1:]

    def _follow(self, endpoint: str, t: float, side: str, other: str) -> tuple[str, ...]:
        passed = [endpoint]
        found = True
        while found:
            found = False
            for _, line in self.of("middlebox", "mapping", state="new", **{side: passed[-1]}):
                if line["t"] <= t and line[other] not in passed:
                    passed.append(line[other])
                    found = True
                    break
        return tuple(passed)
