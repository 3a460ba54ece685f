"""Measures the NAT in front of this host: what is quick first, then all timers at once."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Protocol

from lab.nat_probe import forgotten, hops, payload, refresh, timers, translation
from lab.nat_probe.bracket import Bracket
from lab.nat_probe.findings import Findings
from lab.nat_probe.session import ResponderSession

LONGEST_S = 7500.0
"""A little more than the 2 h 4 min that RFC 5382 REQ-5 asks of an established TCP flow."""
FLOWS = 24
"""Flows that a search leaves idle at a time; four searches run at once."""

QUICK = ("mapping", "filtering", "ports", "hairpinning")


class News(Protocol):
    """Is told of answers as they come."""

    def answer(self, question: str, fact: Any) -> None:
        """Take an answer."""

    def timer(self, question: str, bracket: Bracket) -> None:
        """Take what is known of a timer now."""


@dataclass(frozen=True)
class Limits:
    """The extent of a measurement.

    Attributes:
        longest: seconds for which a flow is left idle at most.
        flows: how many flows a search leaves idle at a time.
        resolution: seconds between the times that enclose a timer at the end.
    """

    longest: float = LONGEST_S
    flows: int = FLOWS
    resolution: float = 1.0


async def ask_translation(asker: translation.Asker, kept: Findings, news: News) -> None:
    """Find out what is not known yet of mapping, filtering, ports and hairpinning."""
    for question in QUICK:
        await _fact(kept, news, question, lambda question=question: getattr(translation, question)(asker))  # type: ignore[misc]


async def measure(session: ResponderSession, kept: Findings, limits: Limits, news: News) -> None:
    """Find out all that is not known yet.

    Raises:
        ResponderError: the responder is gone, or the network down for long.
    """
    if "untranslated" not in kept.facts:
        kept.note("untranslated", session.local == session.external)
    await ask_translation(translation.AskResponder(session), kept, news)
    await _fact(kept, news, "sip-alg", lambda: payload.sip_alg(session))
    await _fact(kept, news, "fragments", lambda: payload.fragments(session))
    await _fact(kept, news, "path", lambda: hops.path(session))
    searches = {
        question.name: asyncio.ensure_future(_search(session, kept, limits, news, question))
        for question in timers.QUESTIONS
    }
    rest = [
        asyncio.ensure_future(work)
        for work in (
            _after_tcp(session, kept, news, searches),
            _after_udp(session, kept, limits, news, searches),
        )
    ]
    everything = [*searches.values(), *rest]
    try:
        await asyncio.gather(*everything)
    finally:
        for task in everything:
            task.cancel()
        await asyncio.gather(*everything, return_exceptions=True)


async def _fact(kept: Findings, news: News, question: str, ask: Callable[[], Awaitable[Any]]) -> None:
    if question not in kept.facts:
        kept.note(question, await ask())
    news.answer(question, kept.facts[question])


async def _search(
    session: ResponderSession, kept: Findings, limits: Limits, news: News, question: timers.TimerQuestion
) -> Bracket:
    longest = min(limits.longest, session.longest)
    bracket = kept.bracket(question.name, longest=longest, flows=limits.flows, resolution=limits.resolution)
    await timers.search(session, question, bracket, kept, news.timer)
    return bracket


async def _after_tcp(
    session: ResponderSession, kept: Findings, news: News, searches: dict[str, asyncio.Task[Bracket]]
) -> None:
    """Find out what needs the timer of TCP flows."""
    bracket = await searches["tcp-established"]
    if bracket.timer is None or bracket.dead is None:
        return
    dead = bracket.dead
    timer = float(bracket.timer)
    await asyncio.gather(
        _fact(kept, news, "forgotten", lambda: forgotten.forgotten(session, dead)),
        _fact(kept, news, "refreshing-segments", lambda: refresh.segments(session, timer)),
    )


async def _after_udp(
    session: ResponderSession, kept: Findings, limits: Limits, news: News, searches: dict[str, asyncio.Task[Bracket]]
) -> None:
    """Find out what needs the timers of UDP mappings."""
    known = [await searches[name] for name in ("udp-answered", "udp-one-way")]
    answered = known[0].timer
    shortest = float(min(bracket.timer or bracket.alive for bracket in known))
    work = [_fact(kept, news, "lifetime", lambda: refresh.lifetime(session, shortest, limits.longest))]
    if answered is not None:
        work.append(_fact(kept, news, "refresh-direction", lambda: refresh.direction(session, float(answered))))
        work.append(_hops(session, kept, limits, news, float(answered)))
    await asyncio.gather(*work)


async def _hops(session: ResponderSession, kept: Findings, limits: Limits, news: News, timer: float) -> None:
    await _fact(kept, news, "stateful-hops", lambda: hops.stateful(session, timer, limits.longest))
    boxes = kept.facts["stateful-hops"].get("value", [])
    kept.note("several-nats", hops.in_a_row(session.local, kept.facts["path"], boxes))
    news.answer("several-nats", kept.facts["several-nats"])
