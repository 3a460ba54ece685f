"""Tells what an account did: its set-up, expiries, what both sides sent periodically, who tried to reach it. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from statistics import median

from lab.importing.facts import KeepAlive, Kept, Message, Place, Segment, Unreachable
from lab.importing.flows import Event, Flow, Sides
from lab.importing.transactions import Transaction, transactions

SET_UP_S = 10.0
"""What a client sends within this time after its first request belongs to its set-up: room for a challenge, for an
address learnt from the answer, and for the first NOTIFY."""
IN_TIME_S = 5.0
"""A probe of the lab has so long for its answer unless told otherwise (`Probe.within`)."""
FEWEST = 3
"""Packets that make a period: two intervals that agree."""
SHORTEST_S = 1.0
"""Between two packets of a period; what comes sooner was sent again."""
_RENEWED = ("REGISTER", "SUBSCRIBE")
STEADY = 0.25
"""Intervals of one period differ by so much of their median at most; pjsip varies by a fifth (80 % to 100 %)."""


@dataclass(frozen=True, slots=True)
class Period:
    """Something that was sent again and again.

    Attributes:
        what: ``OPTIONS``, ``REGISTER``, ``SUBSCRIBE``, ``TCP keep-alive``, or a value of `Kept`.
        up: from the client.
        interval_s: the median.
        shortest_s, longest_s: of the intervals that belong to it.
        count: how often.
        first: place of the first.
    """

    what: str
    up: bool
    interval_s: float
    shortest_s: float
    longest_s: float
    count: int
    first: Place


@dataclass(slots=True, kw_only=True)
class Story:
    """The doings of one account, as far as they were seen.

    Attributes:
        flows: that carry its SIP, in the order of time.
        others: other flows of the same hosts.
        sides: from where it was seen.
        all: its transactions.
        zero: time zero: when its set-up was over.
        has_setup: whether the set-up was seen; else time zero is the first message.
        registers, subscribes: what it did.
        periods: what was sent periodically.
        probes: requests of the server that try to reach the client.
        unreachable: ICMP errors.
        guessed: whether messages were guessed from sizes, because TLS could not be opened.
        start, end: of the facts; `end` is that of the file if it goes on.
    """

    flows: list[Flow]
    others: list[Flow]
    sides: Sides
    all: list[Transaction]
    zero: float
    has_setup: bool
    registers: bool
    subscribes: bool
    periods: list[Period] = field(default_factory=list)
    probes: list[Transaction] = field(default_factory=list)
    unreachable: list[Unreachable] = field(default_factory=list)
    guessed: bool = False
    start: float = 0.0
    end: float = 0.0

    @property
    def transport(self) -> str:
        """The transport of the flow that its set-up used."""
        return self.flows[0].transport

    def at(self, t: float) -> float:
        """Return seconds after time zero."""
        return t - self.zero

    def flow_at(self, t: float) -> Flow | None:
        """Return the newest flow that had begun at a time."""
        return next((flow for flow in reversed(self.flows) if flow.start <= t), None)

    def asked(self, method: str) -> list[Transaction]:
        """Return the client's requests of a method."""
        return [each for each in self.all if each.up and each.method == method]

    def grants(self, method: str) -> list[int]:
        """Return the expiries that the server granted, in the order of time; removals are left out."""
        found = [each.granted.expires for each in self.asked(method) if each.granted is not None]
        return [each for each in found if each]

    @property
    def answers(self) -> list[int]:
        """The codes of all final answers to REGISTER and SUBSCRIBE, of those too whose request is not in the file."""
        told = [fact for flow in self.flows for event, fact in messages(flow) if not event.up and fact.code >= 200]
        return [fact.code for fact in told if fact.method in _RENEWED]

    @property
    def product(self) -> str:
        """The client's program, if it names itself."""
        return next((m.product for each in self.all if each.up and (m := each.message).product), "")


def story(
    flows: Sequence[Flow],
    seen: Sides,
    unreachable: Sequence[Unreachable] = (),
    *,
    guessed: bool = False,
    until: float = 0.0,
) -> Story:
    """Tell the story of an account from its flows, of which one at least carries SIP."""
    ours = [flow for flow in flows if flow.carries_sip]
    everything = transactions(ours)
    zero, has_setup = _zero(everything, ours)
    found = Story(
        flows=ours,
        others=[flow for flow in flows if not flow.carries_sip and flow.events],
        sides=seen,
        all=everything,
        zero=zero,
        has_setup=has_setup,
        registers=any(each.up and each.method == "REGISTER" for each in everything),
        subscribes=any(each.up and each.method == "SUBSCRIBE" for each in everything),
        unreachable=list(unreachable),
        guessed=guessed,
        start=min(flow.start for flow in flows),
        end=max(until, *(flow.end for flow in flows)),
    )
    found.periods = list(_periods(found))
    found.probes = _probes(found)
    return found


def _zero(everything: Sequence[Transaction], flows: Sequence[Flow]) -> tuple[float, bool]:
    """Return when the set-up was over, and whether it was seen."""
    asks = [each for each in everything if each.up and each.method in ("REGISTER", "SUBSCRIBE")]
    begun = next((each for each in asks if not _refreshes(each, everything)), None)
    if begun is None:
        return flows[0].start, False
    granted = [each for each in asks if each.granted is not None and each.t >= begun.t]
    start = granted[0].t if granted else begun.t
    last = start
    for each in everything:  # a chain of requests, each within moments of the one before
        if (
            start <= each.t <= last + SET_UP_S / 5
            and each.t <= start + SET_UP_S
            and (each.method in ("REGISTER", "SUBSCRIBE", "NOTIFY"))
        ):
            answered = each.t if each.final is None else each.final.t
            last = max(last, answered if answered <= each.t + SET_UP_S / 5 else each.t)
    return last, True


def _refreshes(one: Transaction, everything: Sequence[Transaction]) -> bool:
    """Return whether a request renews what began before the capture."""
    return one.message.in_dialog and not any(
        each.message.call == one.message.call and each.t < one.t for each in everything
    )


def _probes(found: Story) -> list[Transaction]:
    """Return the server's requests that try to reach the client: none of a period, and no answer to a SUBSCRIBE."""
    periodic = {each.what for each in found.periods if not each.up}
    asked = found.asked("SUBSCRIBE")
    probes: list[Transaction] = []
    for each in found.all:
        if each.up or each.t <= found.zero or each.method not in ("INVITE", "NOTIFY", "MESSAGE", "OPTIONS"):
            continue
        if each.method in periodic or (each.message.in_dialog and each.method in ("INVITE", "OPTIONS")):
            continue
        if each.method == "NOTIFY" and any(
            0 <= each.t - ask.t <= SET_UP_S / 5 and ask.message.call == each.message.call for ask in asked
        ):
            continue
        if probes and probes[-1].method == each.method == "INVITE" and each.message.call == probes[-1].message.call:
            continue  # with credentials, or another branch of the same call
        probes.append(each)
    return probes


def _periods(found: Story) -> Iterator[Period]:
    seen: dict[tuple[str, bool], list[tuple[float, Place, object]]] = {}
    for each in found.all:
        counts = each.method == "OPTIONS" or (each.method in _RENEWED and each.granted is not None)
        if counts and (each.t > found.zero or not found.has_setup):
            home: object = each.message.call if each.method == "SUBSCRIBE" else id(each.flow)
            seen.setdefault((each.method, each.up), []).append((each.t, each.place, home))
    for flow in found.flows:
        for event, what in kept(flow):
            if event.t > found.zero:
                seen.setdefault((what, event.up), []).append((event.t, event.place, id(flow)))
    for (what, up), times in sorted(seen.items(), key=lambda each: each[1][0][0]):
        renewed = what in _RENEWED
        first = next((each for each in found.asked(what) if each.granted is not None), None) if renewed else None
        began: object = None if first is None else first.message.call if what == "SUBSCRIBE" else id(first.flow)
        all_ = [(found.zero, times[0][1], began), *times] if renewed else times
        pairs = pairwise(all_)  # a REGISTER on another flow renews nothing: the client came back
        gaps = [b[0] - a[0] for a, b in pairs if b[0] - a[0] >= SHORTEST_S and (not renewed or a[2] == b[2])]
        if len(times) < (1 if renewed else FEWEST) or not gaps:
            continue
        middle = median(gaps)
        steady = [gap for gap in gaps if abs(gap - middle) <= STEADY * middle + 0.5]
        if len(steady) * 2 >= len(gaps):
            yield Period(what, up, middle, min(steady), max(steady), len(times), times[0][1])


def kept(flow: Flow) -> Iterator[tuple[Event, str]]:
    """Yield what keeps a flow alive and is no SIP message, each with its name; retransmissions are left out."""
    highest: dict[bool, int] = {}
    for event in flow.events:
        fact = event.fact
        if isinstance(fact, KeepAlive) and fact.what not in (Kept.STUN_RESPONSE, Kept.WS_PONG):
            yield event, fact.what.value
        elif isinstance(fact, Segment):
            end = (fact.seq + fact.size) % 2**32
            before = highest.get(event.up)
            if (
                fact.size <= 1
                and "A" in fact.flags
                and not set(fact.flags) & set("SFR")
                and before is not None
                and fact.seq == (before - 1) % 2**32
            ):
                yield event, "TCP keep-alive"
                continue
            if fact.size or "S" in fact.flags:
                end = (end + ("S" in fact.flags)) % 2**32
                if before is None or (end - before) % 2**32 < 2**31:
                    highest[event.up] = end


def messages(flow: Flow) -> Iterator[tuple[Event, Message]]:
    """Yield the SIP messages of a flow."""
    for event in flow.events:
        if isinstance(event.fact, Message):
            yield event, event.fact
