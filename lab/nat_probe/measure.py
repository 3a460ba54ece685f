"""Measures the NAT in front of this host: what is quick first, then all timers at once."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Protocol

from lab.model.middlebox import RefreshDirection
from lab.nat_probe import forgotten, hops, payload, refresh, timers, translation
from lab.nat_probe.bracket import Bracket
from lab.nat_probe.findings import Findings
from lab.nat_probe.session import Inbox, ResponderError, ResponderSession, Unanswered

LONGEST_S = 7500.0
"""A little more than the 2 h 4 min that RFC 5382 REQ-5 asks of an established TCP flow."""
FLOWS = 24
"""Flows that a search leaves idle at a time; four searches run at once."""


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
    for question, ask in (
        ("mapping", translation.mapping),
        ("filtering", translation.filtering),
        ("ports", translation.ports),
        ("hairpinning", translation.hairpinning),
    ):
        await _fact(kept, news, question, partial(ask, asker))


async def measure(session: ResponderSession, kept: Findings, limits: Limits, news: News) -> None:
    """Find out all that is not known yet.

    Raises:
        ResponderError: the responder is gone, or the network down for long.
    """
    longest = min(limits.longest, session.longest)
    await _Measurement(session, kept, replace(limits, longest=longest), news).run()


async def _fact(kept: Findings, news: News, question: str, ask: Callable[[], Awaitable[Any]]) -> None:
    """Ask a question that has no answer yet, or none but that nothing came back."""
    known = kept.facts.get(question)
    if known is None or (isinstance(known, dict) and "unsure" in known and "value" not in known):
        try:
            kept.note(question, await ask())
        except Unanswered:
            raise ResponderError(f"{question}: no answer over UDP any more; is the network down?") from None
    news.answer(question, kept.facts[question])


@dataclass
class _Measurement:
    session: ResponderSession
    kept: Findings
    limits: Limits
    news: News

    async def run(self) -> None:
        session, kept = self.session, self.kept
        kept.note("untranslated", session.local == session.external)
        kept.note("udp", await self._udp_gets_through())
        if kept.facts["udp"]:
            await ask_translation(translation.AskResponder(session), kept, self.news)
            await self._ask("fragments", partial(payload.fragments, session))
            await self._ask("path", partial(hops.path, session))
        else:
            self.news.answer("udp", "does not get through")
        await self._ask("sip-alg", partial(payload.sip_alg, session))
        udp = timers.OVER_UDP if kept.facts["udp"] else ()
        searches = {each.name: asyncio.ensure_future(self._search(each)) for each in (*udp, *timers.OVER_TCP)}
        after = [self._after_tcp(searches), *([self._after_udp(searches)] if udp else [])]
        everything = [*searches.values(), *map(asyncio.ensure_future, after)]
        try:
            await asyncio.gather(*everything)
        finally:
            for task in everything:
                task.cancel()
            await asyncio.gather(*everything, return_exceptions=True)

    async def _udp_gets_through(self) -> bool:
        with Inbox() as box:
            try:
                await self.session.where(box)
            except Unanswered:
                return False
        return True

    async def _ask(self, question: str, ask: Callable[[], Awaitable[Any]]) -> None:
        await _fact(self.kept, self.news, question, ask)

    async def _search(self, question: timers.TimerQuestion) -> Bracket:
        limits = self.limits
        bracket = self.kept.bracket(
            question.name, longest=limits.longest, flows=limits.flows, resolution=limits.resolution
        )
        await timers.search(self.session, question, bracket, self.kept, self.news.timer)
        return bracket

    async def _after_tcp(self, searches: Mapping[str, Awaitable[Bracket]]) -> None:
        """Find out what needs the timer of TCP flows."""
        bracket = await searches["tcp-established"]
        if bracket.timer is None or bracket.dead is None:
            return
        await asyncio.gather(
            self._ask("forgotten", partial(forgotten.forgotten, self.session, bracket.dead)),
            self._ask("refreshing-segments", partial(refresh.segments, self.session, float(bracket.timer))),
        )

    async def _after_udp(self, searches: Mapping[str, Awaitable[Bracket]]) -> None:
        """Find out what needs the timers of UDP mappings."""
        known = [await searches[each.name] for each in timers.OVER_UDP]
        shortest = float(min(bracket.timer or bracket.alive for bracket in known))
        work = [self._ask("lifetime", partial(refresh.lifetime, self.session, shortest, self.limits.longest))]
        answered = (await searches["udp-answered"]).timer
        if answered:
            work.append(self._refresh_and_hops(float(answered)))
        await asyncio.gather(*work)

    async def _refresh_and_hops(self, timer: float) -> None:
        await self._ask("refresh-direction", partial(refresh.direction, self.session, timer))
        if self.kept.facts["refresh-direction"].get("value") == RefreshDirection.BOTH.value:
            await self._ask("stateful-hops", partial(hops.stateful, self.session, timer, self.limits.longest))
        else:
            self.kept.note("stateful-hops", {"unsure": "packets from outside must refresh a mapping to find them"})
        boxes = self.kept.facts["stateful-hops"].get("value", [])
        self.kept.note("several-nats", hops.in_a_row(self.session.local, self.kept.facts["path"], boxes))
        self.news.answer("several-nats", self.kept.facts["several-nats"])
