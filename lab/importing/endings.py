"""Finds how connections ended, and who ended them: client, server, or somebody in between. Pure."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from enum import Enum

from lab.importing.facts import Ended, KeepAlive, Message, Place, Record, Segment, Why
from lab.importing.flows import Event, Flow

REPLY_S = 0.5
"""A RST within this time after a packet of the other end answers that packet."""


class By(str, Enum):
    """The one who ended a connection."""

    CLIENT = "the client"
    SERVER = "the server"
    MIDDLE = "somebody in between"


@dataclass(frozen=True, slots=True)
class Ending:
    """The end of a connection.

    Attributes:
        flow: that ended.
        t: when.
        by: who ended it.
        how: ``FIN``, ``RST`` or ``close_notify``; of a log what would be on the wire.
        sure: whether both ends or a TTL say who it was.
        idle_s: for how long nothing had passed on it.
        since_sip_s: for how long no SIP message had.
        since_data_s: for how long no bytes had: SIP or keep-alive.
        to: whom it was sent to, if somebody in between made it: ``client``, ``server`` or ``both``.
        answers: it came at once after a packet of the end that it was sent to.
        place: where the file says so.
    """

    flow: Flow
    t: float
    by: By
    how: str
    sure: bool
    idle_s: float
    since_sip_s: float
    since_data_s: float
    to: str
    answers: bool
    place: Place


def ending(flow: Flow) -> Ending | None:
    """Return how a connection ended; None: it did not, or it is UDP."""
    usual = {up: _usual_ttl(flow, up=up) for up in (True, False)}
    last = last_sip = last_data = flow.start
    before: Event | None = None
    for at, event in enumerate(flow.events):
        fact = event.fact
        how = _how(fact)
        if how:
            by, sure = _by(event, usual[event.up])
            others = [
                other
                for other in flow.events[at : at + 20]
                if _how(other.fact)
                and other.t - event.t < REPLY_S
                and _by(other, usual[other.up])[0] is by
                and other.up is not event.up
            ]
            to = "both" if by is By.MIDDLE and others else ("server" if event.up else "client")
            answers = before is not None and before.up is not event.up and event.t - before.t < REPLY_S
            return Ending(
                flow,
                event.t,
                by,
                how,
                sure,
                event.t - last,
                event.t - last_sip,
                event.t - last_data,
                to,
                answers,
                event.place,
            )
        if event.arrived is not False and not _closes(flow, event):
            last = event.t
            last_sip = event.t if isinstance(fact, Message) else last_sip
            last_data = (
                event.t
                if isinstance(fact, Message | KeepAlive) or (isinstance(fact, Segment) and fact.size > 1)
                else last_data
            )
        if not isinstance(fact, Segment) or fact.size:
            before = event
    return None


def _closes(flow: Flow, event: Event) -> bool:
    """Return whether a segment carries the close_notify that ends the connection."""
    return any(
        other.place == event.place and _how(other.fact) for other in flow.events if abs(other.t - event.t) < REPLY_S
    )


_AS_TOLD = {Why.IDLE_TIMER: "FIN", Why.CLOSED_HERE: "FIN", Why.CLOSED_THERE: "FIN", Why.RESET: "RST"}
"""What is on the wire when a log says so. A connection that timed out or failed was not ended by anybody."""


def _how(fact: object) -> str:
    if isinstance(fact, Ended):
        return _AS_TOLD.get(fact.why, "")
    if isinstance(fact, Segment):
        return "RST" if "R" in fact.flags else "FIN" if "F" in fact.flags else ""
    return "close_notify" if isinstance(fact, Record) and fact.closes else ""


def _by(event: Event, usual: int) -> tuple[By, bool]:
    own = By.CLIENT if event.up else By.SERVER
    if event.sent is False:
        return By.MIDDLE, True
    if event.sent is True:
        return own, True
    if event.ttl and usual and event.ttl != usual:
        return By.MIDDLE, True
    return own, False


def _usual_ttl(flow: Flow, *, up: bool) -> int:
    counts = Counter(e.ttl for e in flow.events if e.up is up and e.ttl and not _how(e.fact))
    return counts.most_common(1)[0][0] if counts else 0
