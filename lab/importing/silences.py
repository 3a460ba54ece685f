"""Finds the silences on flows, and whether the packet that ended each came through. Pure.

A silence is a second or more in which nothing passed the middlebox, either way; what was sent and lost did not pass it.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from lab.importing.facts import Datagram, KeepAlive, Message, Place, Segment
from lab.importing.flows import Event, Flow
from lab.importing.transactions import Transaction

SHORTEST_S = 1.0
"""Shorter pauses are no silence: no middlebox forgets so soon (RFC 4787 §4.3 names 2 min, devices 20 s and more)."""
SOON_S = 0.9
"""An acknowledgement is for this segment, and not for the same one sent again, if it comes within this time: TCP sends
again after 0.2 s on a fast path and after 1 s on an unknown one (RFC 6298 §2.1)."""
SMALLEST = 100
"""Bytes of a SIP message at least: its first line and the six fields that it must have (RFC 3261 §8.1.1)."""
AGAIN = 2
"""So often a packet was sent again before the other end spoke: it was lost."""
ANSWERED_S = 32.0
"""A packet without a sign that it came within this time was lost: Timer F (RFC 3261 §17.1.2.2)."""


@dataclass(frozen=True, slots=True)
class Silence:
    """A silence on a flow, and how it ended.

    Attributes:
        flow: where.
        begins, ends: times: of the last packet that passed, and of the one that ended it.
        since_up_s: how long before its end the last packet from the client had passed.
        up: the packet that ended it came from the client.
        survived: whether that one came through; None: nothing says so.
        place: of that one.
        before: place of the last packet before.
    """

    flow: Flow
    begins: float
    ends: float
    since_up_s: float
    up: bool
    survived: bool | None
    place: Place
    before: Place

    @property
    def seconds(self) -> float:
        """Its length."""
        return self.ends - self.begins


def passed(flow: Flow, all_: Sequence[Transaction]) -> Iterator[tuple[Event, bool | None]]:
    """Yield each packet of a flow, with whether it came through; None: nothing says so."""
    answered = _answered(flow, all_)
    if not any(isinstance(event.fact, Segment | Datagram) for event in flow.events):
        yield from _of_a_log(flow, answered)
        return
    if not flow.is_stream:
        for event in flow.events:
            if isinstance(event.fact, Datagram):
                yield event, _verdict(event, answered=event.place in answered)
        return
    acked = {up: _Acknowledged(flow, up=up) for up in (True, False)}
    for event in flow.events:
        fact = event.fact
        if not isinstance(fact, Segment):
            continue
        if fact.size or "S" in fact.flags:
            yield event, _verdict(event, answered=acked[event.up].soon(event, fact))
        else:
            yield event, event.arrived if event.sent is not False else None


def _of_a_log(flow: Flow, answered: set[Place]) -> Iterator[tuple[Event, bool | None]]:
    """Yield what a program says that it has sent and received; a request that it waited for in vain did not come."""
    for event in flow.events:
        fact = event.fact
        if isinstance(fact, Message):
            came = _verdict(event, answered=event.place in answered)
            waited = fact.is_request and fact.method != "ACK" and flow.end - event.t > ANSWERED_S
            yield event, False if came is None and waited else came
        elif isinstance(fact, KeepAlive):
            yield event, _verdict(event, answered=False)


def _verdict(event: Event, *, answered: bool) -> bool | None:
    if event.sent is False:
        return None  # somebody in between made it
    if event.arrived is not None:
        return event.arrived
    return True if answered else None


def _answered(flow: Flow, all_: Sequence[Transaction]) -> set[Place]:
    """Return the places of messages to which the other end has answered, and of the answers that were needed."""
    found: set[Place] = set()
    for each in all_:
        if each.flow is flow and each.responses:
            last = [request for request in each.requests if request.t <= each.responses[0].t]
            found |= {last[-1].place if last else each.requests[-1].place}
    return found


class _Acknowledged:
    """The acknowledgements of one direction, and their times."""

    def __init__(self, flow: Flow, *, up: bool) -> None:
        segments = [e for e in flow.events if isinstance(e.fact, Segment)]
        own = next((e.fact.seq for e in segments if e.up is up and isinstance(e.fact, Segment)), 0)
        self._base = own
        self._times: list[float] = []
        self._acks: list[int] = []
        for event in segments:
            fact = event.fact
            if isinstance(fact, Segment) and event.up is not up and "A" in fact.flags and event.sent is not False:
                ack = (fact.ack - own) % 2**32
                if ack < 2**31:
                    self._times.append(event.t)
                    self._acks.append(ack)

    def soon(self, event: Event, fact: Segment) -> bool:
        """Return whether a segment was acknowledged before it can have been sent again and again."""
        end = (fact.seq + fact.size + ("S" in fact.flags) - self._base) % 2**32
        at = bisect_left(self._times, event.t)
        while at < len(self._times) and self._times[at] <= event.t + SOON_S:
            if self._acks[at] >= end:
                return True
            at += 1
        return False


def silences(flow: Flow, all_: Sequence[Transaction]) -> list[Silence]:
    """Return the silences of a flow, in the order of time.

    Of a lost packet only the first of its kind counts: what follows tests nothing new.
    """
    found: list[Silence] = []
    last: Event | None = None
    last_up: float | None = None
    broken = False
    packets = [each for each in passed(flow, all_) if each[0].sent is not False]
    for at, (event, came) in enumerate(packets):
        lost = came is False or (came is None and _lost(at, packets))
        if last is not None and event.t - last.t >= SHORTEST_S and not broken:
            survived = True if came else (False if lost else None)
            since_up = event.t - (last_up if last_up is not None else flow.start)
            found.append(Silence(flow, last.t, event.t, since_up, event.up, survived, event.place, last.place))
        broken = lost
        if not lost:
            last = event
            if event.up:
                last_up = event.t
    return found


def losses(flow: Flow, all_: Sequence[Transaction]) -> list[tuple[Event, bool]]:
    """Return each packet of a flow of which it is known whether it came, with whether it was lost."""
    packets = [each for each in passed(flow, all_) if each[0].sent is not False]
    found = []
    for at, (event, came) in enumerate(packets):
        lost = came is False or (came is None and _lost(at, packets))
        if came is not None or lost:
            found.append((event, lost))
    return found


def _lost(at: int, packets: Sequence[tuple[Event, bool | None]]) -> bool:
    """Return whether a packet of which nothing says that it came was lost: it was sent again, and never answered."""
    event, _ = packets[at]
    fact = event.fact
    if isinstance(fact, Datagram) and fact.size <= SMALLEST:
        return False  # a keep-alive, which nobody answers
    later = packets[at + 1 :]
    if isinstance(fact, Segment) and not fact.size:
        return False
    again = 0
    for other, came in later:
        if other.t - event.t > ANSWERED_S:
            break
        if other.up is not event.up and other.sent is not False:
            return again >= AGAIN  # the other end spoke
        if other.up is event.up and not came and _same(fact, other.fact):
            again += 1
    return again > 0


def _same(one: object, other: object) -> bool:
    if isinstance(one, Segment) and isinstance(other, Segment):
        return (one.seq, one.size) == (other.seq, other.size)
    return isinstance(one, Datagram | Message) and isinstance(other, Datagram | Message) and one.size == other.size
