"""Finds what stopped working, and when: connections ended, packets were lost, requests had no answer. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import Enum

from lab.importing.endings import Ending, ending
from lab.importing.facts import Datagram, Segment
from lab.importing.flows import Flow
from lab.importing.silences import Silence, losses, silences
from lab.importing.story import IN_TIME_S, Story
from lab.importing.transactions import Transaction

QUIET_END_S = 1.0
"""A flow ends with the account's last words if they come so close to the end of the file."""


class Kind(str, Enum):
    """The ways in which something stops working."""

    ENDED = "a connection ended"
    LOST = "packets were lost"
    SERVER_SILENT = "the server did not answer"
    CLIENT_SILENT = "the client did not answer"
    REFUSED = "the server refused"


@dataclass(frozen=True, slots=True, kw_only=True)
class Break:
    """Something that stopped working.

    Attributes:
        kind: how.
        flow: on which flow.
        good: when it last worked.
        bad: when it first did not.
        last_bad: when it last did not.
        again: when it worked again on this flow; None: it did not.
        up_lost, down_lost: whether packets of a direction were lost; None: there were none.
        ending: of the connection, if it ended.
        silence: before the first lost packet, if there was one.
        request: without an answer, or refused.
    """

    kind: Kind
    flow: Flow
    good: float
    bad: float
    last_bad: float = 0.0
    again: float | None = None
    up_lost: bool | None = None
    down_lost: bool | None = None
    ending: Ending | None = None
    silence: Silence | None = None
    request: Transaction | None = None


def breaks(story: Story) -> list[Break]:
    """Return what stopped working after time zero, in the order of time."""
    found: list[Break] = []
    for flow in story.flows:
        found += _lost(flow, story)
        over = ending(flow)
        if over is not None and over.t > story.zero:
            found.append(Break(kind=Kind.ENDED, flow=flow, good=over.t - over.idle_s, bad=over.t, ending=over))
    found += _silent(story, up=True)
    found += _silent(story, up=False)
    found += _refused(story)
    return sorted(found, key=lambda each: each.bad)


def _lost(flow: Flow, story: Story) -> Iterator[Break]:
    known = losses(flow, story.all)
    quiet = {(each.place, each.up): each for each in silences(flow, story.all)}
    good = flow.start
    at = 0
    while at < len(known):
        event, lost = known[at]
        if not lost:
            good, at = event.t, at + 1
            continue
        run = [known[at]]
        after = at + 1
        while after < len(known) and (known[after][1] or _one_way(run, known[after])):
            run.append(known[after])
            after += 1
        again = next((each.t for each, gone in known[after:] if not gone), None)
        ways = {up: [gone for each, gone in run if each.up is up] for up in (True, False)}
        if event.t > story.zero and _matters(run):
            yield Break(
                kind=Kind.LOST,
                flow=flow,
                good=good,
                bad=event.t,
                last_bad=max(each.t for each, gone in run if gone),
                again=again,
                up_lost=any(ways[True]) if ways[True] else None,
                down_lost=any(ways[False]) if ways[False] else None,
                silence=quiet.get((event.place, event.up)),
            )
        at = after


def _one_way(run: Sequence[tuple[object, bool]], one: tuple[object, bool]) -> bool:
    """Return whether a packet that came belongs to a time in which those of the other direction are lost."""
    event, _ = one
    return not any(getattr(each, "up", None) is getattr(event, "up", None) for each, gone in run if gone)


def _matters(run: Sequence[tuple[object, bool]]) -> bool:
    """Return whether more than one packet was lost, or one for good; a single loss is what networks do."""
    return sum(gone for _, gone in run) > 1


def _silent(story: Story, *, up: bool) -> Iterator[Break]:
    """Yield times in which requests of one side arrived and were not answered."""
    good, first = story.zero, None
    kind = Kind.SERVER_SILENT if up else Kind.CLIENT_SILENT
    for each in story.all:
        if each.up is not up or each.t < story.zero:
            continue
        final = each.final
        late = final is None or final.t - each.t > IN_TIME_S
        if late and _arrived(each) and (story.end - each.t > IN_TIME_S):
            if first is None and not (each.method == "INVITE" and each.responses):
                first = each
        elif final is not None and final.t - each.t <= IN_TIME_S:
            if first is not None:
                yield Break(kind=kind, flow=first.flow, good=good, bad=first.t, again=each.t, request=first)
                first = None
            good = each.t
    if first is not None:
        yield Break(kind=kind, flow=first.flow, good=good, bad=first.t, request=first)


def _arrived(one: Transaction) -> bool:
    """Return whether a request that was not answered is known to have arrived."""
    if any(each.arrived for each in one.requests):
        return True
    if one.flow.is_stream and any(each.arrived is None for each in one.requests):
        places = {each.place for each in one.requests}
        return any(
            e.place in places and not gone
            for e, gone in losses(one.flow, [one])
            if isinstance(e.fact, Segment | Datagram)
        )
    return False


def _refused(story: Story) -> Iterator[Break]:
    good = story.zero
    first: Transaction | None = None
    for each in story.all:
        if not each.up or each.method not in ("REGISTER", "SUBSCRIBE", "OPTIONS") or each.t < story.zero:
            continue
        if each.code >= 400 and each.code not in (401, 407, 423, 481, 489):
            first = first or each
        elif 200 <= each.code < 300:
            if first is not None and first.method == each.method:
                yield Break(kind=Kind.REFUSED, flow=first.flow, good=good, bad=first.t, again=each.t, request=first)
                first = None
            good = each.t
    if first is not None:
        yield Break(kind=Kind.REFUSED, flow=first.flow, good=good, bad=first.t, request=first)
