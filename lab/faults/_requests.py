"""Helps faults that cost the client answers: failed requests, expired subscriptions."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from lab.faults.base import FaultImpact, LostProbe, Occurrence
from lab.record.entry import Entry
from lab.record.events import Binding, Event, ServerSubscription, Unanswered
from lab.record.evidence import BEFORE_S, Evidence

GIVES_UP_WITHIN_S = 33.0
"""A request that was lost has failed by then: Timer F (RFC 3261 §17.1.2.2, 32 s), and room for what follows."""


_RENEWED_BY = {"registration": "REGISTER", "subscription": "SUBSCRIBE"}


def given_up(
    evidence: Evidence, *, since: float, until: float, methods: Collection[str] | None = None
) -> list[Entry[Event]]:
    """Return requests of the client that failed in a time, and connections it gave up for want of an answer.

    Args:
        evidence: of the cell.
        since: the time begins.
        until: the time ends.
        methods: only requests of these; None: of any.
    """
    found: list[Entry[Event]] = [*evidence.between(Unanswered, since, until)]
    failed = (entry for entry, method in evidence.failed_requests() if methods is None or method in methods)
    return [*found, *(entry for entry in failed if since <= entry.t <= until)]


def expired(seen: Occurrence[Any], lost: LostProbe) -> list[Entry[Event]]:
    """Return accounts that the server saw end for want of a refresh, from the fault to the probe's end.

    One that ends in the same instant may stand behind the probe in the record.
    """
    kind: type[Binding | ServerSubscription] = Binding if lost.account == "registration" else ServerSubscription
    ended = seen.evidence.of(kind, state="expired")
    return [entry for entry in ended if seen.at <= entry.t <= lost.probe.known_s + BEFORE_S]


def harm_of_silence(
    seen: Occurrence[Any], lost: LostProbe, *, since: float, methods: Collection[str] | None
) -> FaultImpact | None:
    """Return the harm of requests that were not answered: from the first that failed, if before the probe's end.

    Also of one that would have moved the client to a new flow, before it failed.

    Args:
        seen: the fault.
        lost: the probe.
        since: when the first of them was sent.
        methods: theirs; None: unknown.
    """
    until = seen.over + GIVES_UP_WITHIN_S
    told = [entry.t for entry in given_up(seen.evidence, since=since, until=until, methods=methods)]
    if methods is None or _RENEWED_BY[lost.account] in methods:
        told += [entry.t for entry in expired(seen, lost)]
    if lost.closed is not None and since <= lost.closed <= until:
        told.append(lost.closed)
    if lost.asked_again_s is not None and since <= lost.asked_again_s <= seen.over:
        told.append(lost.asked_again_s)
    told = [t for t in told if t <= lost.probe.known_s + BEFORE_S]
    return FaultImpact(since_s=min(told)) if told else None
